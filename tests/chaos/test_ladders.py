"""Ladders while workers are killed: every step once, none after a claim, none before its time."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

import pytest

from gateway.delivery import delivery_id
from gateway.store import Store, StoreUnavailable
from tests.chaos.conftest import Town

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

LEADS = 60
STEPS = (3, 7, 12)
CLAIM = """
claim:
  within: 3s
  then:
    - {after: 3s, to: [crm]}
    - {after: 7s, to: [crm], agent: next}
    - {after: 12s, to: [crm], agent: Boss}
agents: [{name: Anne}, {name: Bob}, {name: Boss, hours: "Mon 00:00-00:01"}]
"""


async def arrived(town: Town, occasion: str, number: int) -> None:
    """Wait until the CRM was told of so many leads on this occasion."""
    wanted = {delivery_id("seloger", lead, "crm", occasion) for lead in town.portal.created}
    async with asyncio.timeout(45):
        while len(wanted & town.crm.got.by_id.keys()) < number:
            await asyncio.sleep(0.05)


async def back(store: Store) -> None:
    """Wait until the store that was killed answers again."""
    async with asyncio.timeout(45):
        while True:
            with contextlib.suppress(StoreUnavailable):
                await store.ladders.count()
                return
            await asyncio.sleep(0.05)


@pytest.mark.chaos
async def test_a_ladder_survives_killed_workers_and_the_store(
    town: Town, town_store: Store
) -> None:
    town.config.write_text(town.config.read_text() + CLAIM)
    town.portal.add(LEADS)
    town.start("poller", "worker1", "worker2")
    await arrived(town, "escalation:1", LEADS // 2)
    await asyncio.to_thread(town.kill, "worker1")
    await asyncio.to_thread(town.kill, "worker2")
    town.start("worker3")
    await arrived(town, "escalation:1", LEADS)
    # Half of them are claimed while the second step is about to go out.
    stored = list((await town_store.leads.page(None, LEADS)).items)
    mine = stored[: LEADS // 2]
    claims = [await town_store.ladders.claim(item.uid, "Anne", "email") for item in mine]
    assert {item.what for item in claims} == {"claimed"}
    await arrived(town, "escalation:2", LEADS - len(mine))
    town.kill_store()
    await asyncio.to_thread(town.kill, "worker3")
    town.start("worker4")
    await arrived(town, "escalation:3", LEADS - len(mine))
    await back(town_store)

    at = {item.uid: claim.at for item, claim in zip(mine, claims, strict=True)}
    steps: dict[str, Counter[str]] = defaultdict(Counter)
    for lead in (await town_store.leads.page(None, LEADS)).items:
        for made in await town_store.deliveries.get_many(lead.delivery_ids):
            steps[lead.uid][made.occasion] += 1
            if made.occasion.startswith("escalation:"):
                step = int(made.occasion.rpartition(":")[2])
                due = lead.received_at + timedelta(seconds=STEPS[step - 1])
                assert due - timedelta(milliseconds=50) <= made.created_at <= datetime.now(UTC)
                claimed = at.get(lead.uid)
                assert claimed is None or made.created_at <= claimed
    assert {max(counts.values()) for counts in steps.values()} == {1}
    for lead in stored:
        if lead.uid not in at:
            assert set(steps[lead.uid]) == {"new", "escalation:1", "escalation:2", "escalation:3"}
    assert await town_store.ladders.count() == 0
    assert town.crm.bad_signatures == 0
