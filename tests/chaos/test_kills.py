"""One thing goes wrong in the middle of the work: all arrives, and repeats are accounted for.

The storm (``test_storm.py``) has all of them at once; these say which one it was.
"""

from __future__ import annotations

import asyncio
import signal

import pytest
from rq import Worker as RqWorker

from gateway.store import Store
from tests.chaos.conftest import Town
from tests.chaos.storm import Count, count

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

LEADS = 200


@pytest.fixture
def busy(town: Town) -> Town:
    """A town whose CRM takes its time: whatever happens finds deliveries in the air."""
    town.crm.delay = 0.3
    town.portal.add(LEADS)
    town.start("poller", "worker")
    return town


async def in_the_middle(town: Town) -> None:
    """Wait until a third of the leads arrived."""
    await town.all_arrived(LEADS // 3, 60)


async def all_came_well(town: Town, store: Store) -> Count:
    """Wait until all is over: nothing lost, one record and one webhook-id per lead."""
    found = await count(town, store, 90)
    assert (found.lost, found.doubled) == (0, 0)
    assert town.received() == set(town.portal.created)
    assert len(town.crm.got.by_id) == found.delivered == found.leads
    assert found.repeated <= found.uncertain
    assert (town.crm.bad_signatures, found.replayed) == (0, 0)
    return found


@pytest.mark.chaos
async def test_what_a_killed_worker_had_in_the_air_is_repeated(
    busy: Town, town_store: Store
) -> None:
    await in_the_middle(busy)
    await asyncio.to_thread(busy.kill, "worker")
    busy.start("worker2")
    found = await all_came_well(busy, town_store)
    # What was on the wire, and what was begun ahead of a free connection.
    assert 0 < found.interrupted <= 2 * 32


@pytest.mark.chaos
async def test_a_killed_poller_loses_nothing_and_repeats_nothing(
    busy: Town, town_store: Store
) -> None:
    await in_the_middle(busy)
    busy.portal.add(LEADS // 2)
    await asyncio.to_thread(busy.kill, "poller")
    busy.start("poller2")
    found = await all_came_well(busy, town_store)
    assert (found.repeated, found.interrupted) == (0, 0)


@pytest.mark.chaos
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "restarted"])
async def test_a_store_that_goes_away_in_the_middle_loses_nothing(
    busy: Town, town_store: Store, number: int
) -> None:
    await in_the_middle(busy)
    busy.kill_store(number)
    busy.portal.add(10)
    await all_came_well(busy, town_store)


@pytest.mark.chaos
async def test_a_stopped_worker_past_its_lease_is_relieved_and_wakes_up_harmless(
    busy: Town, town_store: Store
) -> None:
    await in_the_middle(busy)
    busy.kill("worker", signal.SIGSTOP)
    busy.start("worker2")
    found = await all_came_well(busy, town_store)
    assert found.interrupted > 0
    busy.kill("worker", signal.SIGCONT)
    busy.portal.add(5)
    await all_came_well(busy, town_store)


async def test_a_worker_asked_to_stop_ends_cleanly_and_hands_over(
    busy: Town, town_store: Store
) -> None:
    await in_the_middle(busy)
    busy.kill("worker", signal.SIGTERM)
    assert await asyncio.to_thread(busy.roles["worker"].wait, 25) == 0
    busy.start("worker2")
    found = await all_came_well(busy, town_store)
    assert (found.repeated, found.interrupted) == (0, 0)


@pytest.mark.chaos
async def test_flushing_every_key_of_rq_loses_nothing(busy: Town, town_store: Store) -> None:
    await in_the_middle(busy)
    redis = town_store.connection.redis
    await redis.delete(*[key async for key in redis.scan_iter(match="rq:*", count=1000)])
    found = await all_came_well(busy, town_store)
    assert (found.repeated, found.interrupted) == (0, 0)


@pytest.mark.chaos
async def test_two_workers_share_the_queues_and_never_one_delivery(
    busy: Town, town_store: Store
) -> None:
    busy.start("worker2")
    await in_the_middle(busy)
    busy.portal.add(LEADS)
    found = await all_came_well(busy, town_store)
    assert (found.repeated, found.interrupted, found.overlaps) == (0, 0, [])
    shares = await asyncio.to_thread(rq_shares, busy)
    assert sum(shares) == 2 * LEADS
    assert min(shares) >= LEADS / 10, "one of them did nearly everything"


def rq_shares(town: Town) -> list[int]:
    """Jobs that each worker made, as RQ's own tools show it."""
    import redis

    place = town.settings.data_dir / "store.sock"
    with redis.Redis(unix_socket_path=str(place)) as connection:
        return [worker.successful_job_count for worker in RqWorker.all(connection)]
