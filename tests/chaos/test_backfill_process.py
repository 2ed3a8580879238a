"""``backfill`` as a process: killed in the middle, it goes on; two at once are told apart."""

from __future__ import annotations

import asyncio
import json
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from gateway.sandbox.portal.sheet import Sheet
from gateway.store import Store
from tests.chaos.conftest import PROGRAM, Town

pytestmark = [pytest.mark.anyio, pytest.mark.chaos, pytest.mark.timeout(120)]

LEADS, DAYS = 600, 20
COMMAND = ("backfill", "seloger", "--from", f"{DAYS}d", "--json")


def put_in(town: Town) -> None:
    now = datetime.now(UTC)
    for n in range(LEADS):
        town.portal.add(1, at=now - timedelta(days=DAYS * (n + 0.5) / LEADS))


def start(town: Town) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(PROGRAM), *COMMAND, "--config", str(town.config)],
        env=town.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    return await asyncio.to_thread(process.communicate, None, 60)


async def stored(store: Store, count: int) -> None:
    async with asyncio.timeout(60):
        while await store.leads.count() < count:
            await asyncio.sleep(0.02)


async def test_a_killed_backfill_goes_on_and_delivers_each_lead_once(
    town: Town, town_store: Store
) -> None:
    put_in(town)
    slow = {"faults": [{"fault": "slow", "wait": "1s"}]}
    town.portal.apply(Sheet.model_validate(slow))
    first = start(town)
    await stored(town_store, LEADS // 4)
    other = start(town)
    told = await ended(other)
    first.kill()
    await ended(first)
    reached = await town_store.leads.count()
    town.portal.faults.clear()
    again = start(town)
    shown, _ = await ended(again)

    assert other.returncode == 1
    assert "another backfill of seloger is running" in told[1]
    assert LEADS // 4 <= reached < LEADS
    result = json.loads(shown)
    assert (again.returncode, result["resumed"]) == (0, True)
    assert await town_store.leads.count() == LEADS
    page = await town_store.deliveries.page(limit=500)
    assert len({item.lead_id for item in page.items}) == 500
    assert sum((await town_store.deliveries.waiting(["crm"]))["crm"]) == LEADS
