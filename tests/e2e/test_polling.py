"""The poller at work: it hears a call, hammers nothing, and lets no feed hold up another."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.sandbox.server import serve
from tests.e2e.conftest import House
from tests.watched_portal import WatchedPortal
from workers import poller

pytestmark = pytest.mark.anyio


@pytest.fixture
async def watched(house: House) -> AsyncIterator[WatchedPortal]:
    """The house's portal, watched; its configuration reads it there."""
    watched = WatchedPortal(house.portal)
    async with serve(watched.app()) as url:
        house.config.write_text(house.config.read_text().replace(house.urls["portal"], url))
        yield watched


def configure(house: House, line: str) -> None:
    text = house.config.read_text()
    house.config.write_text(text.replace("    poll_every: 200ms\n", f"    {line}\n"))


async def test_a_call_to_poll_is_heard_within_a_second(
    house: House, watched: WatchedPortal
) -> None:
    configure(house, "poll_every: 1h")
    async with house.running(workers=0) as gateway:
        await watched.until(lambda: len(watched.calls) >= 5)
        before, asked_at = len(watched.calls), time.monotonic()
        await gateway.store.sources.wake("seloger")
        await watched.until(lambda: len(watched.calls) > before)

    assert time.monotonic() - asked_at < 1.5  # the second that is promised, and a busy machine's


async def test_a_feed_that_is_not_allowed_is_said_once_and_the_others_go_on(
    house: House, watched: WatchedPortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    told = poller.log.error
    monkeypatch.setattr(
        poller.log, "error", lambda text, **more: (said.append(text), told(text, **more))
    )
    house.portal.forbidden_feeds = frozenset({"projects"})
    async with house.running(workers=0) as gateway:
        await watched.until(lambda: len(watched.of("/v2/leads")) >= 5)
        state = await gateway.store.sources.get("seloger")

    assert len(watched.of("/v2/leads/projects")) == 1
    assert state.state == "up"
    trouble = state.troubles["projects"]
    assert "not include this resource" in trouble.problem
    assert trouble.details["status"] == 403
    assert trouble.next_try_at is not None
    assert 3500 < (trouble.next_try_at - state.last_success_at).total_seconds() < 3700  # type: ignore[operator]
    assert said == ["feed unavailable"]


async def test_a_429_holds_back_the_whole_source_for_as_long_as_it_says(
    house: House, watched: WatchedPortal
) -> None:
    async with house.running(workers=0):
        await watched.until(lambda: len(watched.calls) >= 10)
        house.portal.faults.next = ["429"]  # with Retry-After: 2
        await watched.until(lambda: not house.portal.faults.next)
        refused_at = time.monotonic()
        await watched.until(lambda: watched.calls[-1].at > refused_at + 1.0)

    after = [call.at - refused_at for call in watched.calls if call.at > refused_at + 0.5]
    assert min(after) > 1.7


async def test_a_portal_that_is_down_is_asked_less_and_less_and_read_at_once_when_it_is_back(
    house: House, watched: WatchedPortal, until: Any
) -> None:
    async with house.running(workers=0) as gateway:
        await watched.until(lambda: len(watched.of("/v2/leads")) >= 2)
        house.portal.down = True
        down_at = time.monotonic()
        await watched.until(lambda: len(_since(watched, down_at)) >= 2, 20)
        state = await gateway.store.sources.get("seloger")
        house.portal.down = False
        house.portal.add(1)

        async def is_well() -> bool:
            state = await gateway.store.sources.get("seloger")
            return (state.state, state.problem, state.troubles) == ("up", None, {})

        await until(is_well, 15)  # the next try is that far

    first, second = _since(watched, down_at)[:2]
    assert second - first > 1.5
    assert (state.state, state.problem is not None) == ("down", True)
    assert state.details["title"]


async def test_a_feed_that_hangs_holds_up_the_others_once(
    house: House, watched: WatchedPortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.reading.walk.LAG", 0.5)
    watched.slow["/v2/leads/projects"] = 20.0
    async with house.running() as gateway:
        await watched.until(lambda: len(watched.of("/v2/leads")) >= 6)
        house.portal.add(3, "CLASSIFIED")
        began = time.monotonic()
        await house.crm.got.wait_for(3, 10)
        took = time.monotonic() - began
        state = await gateway.store.sources.get("seloger")

    assert took < 5
    assert list(state.troubles) == ["projects"]


async def test_no_more_requests_are_made_at_a_time_than_allowed(
    house: House, watched: WatchedPortal
) -> None:
    configure(house, "poll_every: 200ms\n    requests_at_once: 2")
    watched.slow = dict.fromkeys(["/v2/leads", "/v2/leads/agencies", "/v2/leads/projects"], 0.1)
    async with house.running(workers=0):
        await watched.until(lambda: len(watched.calls) >= 10)

    assert watched.most_at_once == 2


async def test_reconcile_and_review_run_by_themselves(
    house: House, watched: WatchedPortal, until: Any
) -> None:
    configure(house, "reconcile: {every: 1s}\n    review: {every: 1s}\n    feeds: [leads]")
    async with house.running(workers=0) as gateway:
        await watched.until(lambda: len(watched.calls) >= 1)
        house.portal.add(1, "CLASSIFIED", at=_minutes_ago(40))

        async def both_looked() -> bool:
            state = await gateway.store.sources.get("seloger")
            return bool(state.missed_leads and state.review_at)

        await until(both_looked)
        found = await gateway.store.sources.get("seloger")

    assert (found.missed_leads, found.state) == (1, "up")


async def test_a_source_that_is_reset_while_it_is_read_begins_anew(
    house: House, watched: WatchedPortal, until: Any
) -> None:
    house.portal.add(3)
    async with house.running(workers=0) as gateway:
        sources = gateway.store.sources
        await watched.until(lambda: len(watched.calls) >= 10)
        before = await sources.get("seloger")
        await sources.reset("seloger")

        async def has_begun_anew() -> bool:
            state = await sources.get("seloger")
            return bool(state.since and before.since and state.since > before.since)

        await until(has_begun_anew)
        delivered = await gateway.store.deliveries.page(None, 100, destinations=["crm"])

    assert len(delivered.items) == 3


async def test_a_paused_source_is_left_alone_and_resumed_at_once(
    house: House, watched: WatchedPortal
) -> None:
    async with house.running(workers=0) as gateway:
        await watched.until(lambda: len(watched.calls) >= 5)
        await gateway.store.sources.pause("seloger")
        quiet = await _quiet_since(watched)
        await gateway.store.sources.resume("seloger")
        await watched.until(lambda: len(watched.calls) > quiet)


def _since(watched: WatchedPortal, moment: float) -> list[float]:
    return [at for at in watched.of("/v2/leads") if at > moment + 0.1]


async def _quiet_since(watched: WatchedPortal) -> int:
    """The count of calls once none came for a second, five times the pace."""
    await watched.until(lambda: time.monotonic() - watched.calls[-1].at > 1.0)
    return len(watched.calls)


def _minutes_ago(minutes: float) -> Any:
    return datetime.now(UTC) - timedelta(minutes=minutes)
