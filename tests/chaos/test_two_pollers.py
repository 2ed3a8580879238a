"""Two pollers of one source, as processes of their own: one reads, and the other takes over."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections.abc import AsyncIterator

import pytest

from gateway.sandbox.server import serve
from tests.chaos.conftest import Town
from tests.watched_portal import WatchedPortal
from workers.lease import LEASE, RENEW_EVERY

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

TAKEN_OVER_WITHIN = 10.0


@pytest.fixture
async def watched(town: Town) -> AsyncIterator[WatchedPortal]:
    """The town's portal, which tells its readers apart: each has a contact of its own."""
    watched = WatchedPortal(town.portal)
    async with serve(watched.app()) as url:
        text = town.config.read_text()
        for reader in ("poller1", "poller2"):
            lines = f"{url}\n    contact: {reader}@agency.example"
            own = re.sub(r"base_url: \S+", f"base_url: {lines}", text)
            (town.config.parent / f"{reader}.yaml").write_text(own)
        yield watched


def start(town: Town, reader: str) -> None:
    town.config = town.config.parent / f"{reader}.yaml"
    town.start(reader)


def by(watched: WatchedPortal, reader: str) -> list[float]:
    return [call.at for call in watched.calls if reader in call.agent]


async def reads(watched: WatchedPortal, reader: str, more: int = 10, within: float = 30.0) -> None:
    before = len(by(watched, reader))
    await watched.until(lambda: len(by(watched, reader)) >= before + more, within)


async def test_the_second_takes_over_within_ten_seconds_of_the_firsts_death(
    town: Town, watched: WatchedPortal
) -> None:
    start(town, "poller1")
    await reads(watched, "poller1")
    start(town, "poller2")
    await reads(watched, "poller1", 30)
    alone = len(by(watched, "poller2"))
    await asyncio.to_thread(town.kill, "poller1")
    died_at = time.monotonic()

    await reads(watched, "poller2", 1)

    assert alone == 0
    assert by(watched, "poller2")[0] - died_at < TAKEN_OVER_WITHIN


@pytest.mark.chaos
async def test_one_that_stops_in_order_hands_over_at_once(
    town: Town, watched: WatchedPortal
) -> None:
    start(town, "poller1")
    await reads(watched, "poller1")
    start(town, "poller2")
    await reads(watched, "poller1", 30)
    town.kill("poller1", signal.SIGTERM)
    await asyncio.to_thread(town.roles["poller1"].wait, 25)
    ended_at = time.monotonic()

    await reads(watched, "poller2", 1)

    # Nobody had to wait until the lease ran out.
    assert by(watched, "poller2")[0] - ended_at < LEASE


@pytest.mark.chaos
async def test_one_that_was_frozen_stops_reading_as_soon_as_it_wakes(
    town: Town, watched: WatchedPortal
) -> None:
    town.portal.add(30)
    start(town, "poller1")
    await reads(watched, "poller1")
    start(town, "poller2")
    town.kill("poller1", signal.SIGSTOP)
    await reads(watched, "poller2")
    town.portal.add(30)
    town.kill("poller1", signal.SIGCONT)
    woken_at = time.monotonic()
    await reads(watched, "poller2", 60)

    both = [at for at in by(watched, "poller1") if at > woken_at]
    assert not both or both[-1] - woken_at < min(LEASE, RENEW_EVERY + 1.0)
