"""``kill -9`` of any process at any moment: everything arrives, repeats carry the same id."""

from __future__ import annotations

import asyncio
import signal

import pytest

from gateway.delivery import State
from gateway.store import Store
from tests.chaos.conftest import Town

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

LEADS = 200


async def in_the_middle(town: Town) -> None:
    """Wait until a third of the leads arrived."""
    await town.all_arrived(LEADS // 3, 60)


async def everything_arrived_once(town: Town) -> None:
    await town.all_arrived(len(town.portal.created), 90)
    assert town.received() == set(town.portal.created)
    # One webhook-id per lead, however often it was sent.
    assert len(town.crm.got.by_id) == len(town.portal.created)
    assert town.crm.bad_signatures == 0


async def test_a_killed_worker_loses_nothing(town: Town) -> None:
    town.portal.add(LEADS)
    town.start("poller", "worker")
    await in_the_middle(town)
    await asyncio.to_thread(town.kill, "worker")
    town.start("worker2")
    await everything_arrived_once(town)


async def test_a_killed_poller_loses_nothing(town: Town) -> None:
    town.start("poller", "worker")
    town.portal.add(LEADS // 2)
    await in_the_middle(town)
    town.portal.add(LEADS // 2)
    await asyncio.to_thread(town.kill, "poller")
    town.start("poller2")
    await everything_arrived_once(town)


async def test_a_killed_store_loses_nothing(town: Town) -> None:
    town.portal.add(LEADS)
    town.start("poller", "worker")
    await in_the_middle(town)
    town.kill_store()
    town.portal.add(10)
    await everything_arrived_once(town)


@pytest.mark.chaos
async def test_a_stopped_worker_past_its_lease_is_relieved_and_wakes_up_harmless(
    town: Town,
) -> None:
    town.portal.add(LEADS)
    town.start("poller", "worker")
    await in_the_middle(town)
    town.kill("worker", signal.SIGSTOP)
    town.start("worker2")
    await everything_arrived_once(town)
    town.kill("worker", signal.SIGCONT)
    town.portal.add(5)
    await everything_arrived_once(town)


async def test_a_worker_asked_to_stop_ends_cleanly_and_hands_over(town: Town) -> None:
    town.portal.add(LEADS)
    town.start("poller", "worker")
    await in_the_middle(town)
    town.kill("worker", signal.SIGTERM)
    assert await asyncio.to_thread(town.roles["worker"].wait, 25) == 0
    town.start("worker2")
    await everything_arrived_once(town)
    assert town.crm.got.repeated == 0


@pytest.mark.chaos
async def test_flushing_every_key_of_rq_loses_nothing(town: Town, town_store: Store) -> None:
    town.portal.add(LEADS)
    town.start("poller", "worker")
    await in_the_middle(town)
    keys = await town_store.connection.command("KEYS", "rq:*")
    await town_store.connection.command("DEL", *keys)
    await everything_arrived_once(town)


@pytest.mark.chaos
async def test_nothing_is_left_in_flight_when_all_is_done(town: Town, town_store: Store) -> None:
    town.portal.add(50)
    town.start("poller", "worker", "worker2")
    await everything_arrived_once(town)
    async with asyncio.timeout(10):
        while True:
            page = await town_store.deliveries.page(limit=100)
            if {item.state for item in page.items} == {State.DELIVERED}:
                break
            await asyncio.sleep(0.1)
    assert len(page.items) == 50
