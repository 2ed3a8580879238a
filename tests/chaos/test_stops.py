"""Being told to stop, once and twice: what is in flight ends, or goes back, and is never lost."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time

import pytest
import redis
from rq import Queue as RqQueue
from rq import Worker as RqWorker
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer

from gateway.delivery import Delivery, Reason, State
from gateway.store import Store
from tests.chaos.conftest import Town
from workers.worker import STOP_WITHIN

pytestmark = [pytest.mark.anyio, pytest.mark.chaos, pytest.mark.timeout(180)]


async def deliveries(store: Store) -> list[Delivery]:
    return (await store.deliveries.page(limit=100)).items


async def reach(store: Store, state: State, count: int, seconds: float = 30.0) -> None:
    """Wait until so many deliveries are in a state."""
    async with asyncio.timeout(seconds):
        while sum(item.state is state for item in await deliveries(store)) < count:
            await asyncio.sleep(0.05)


async def stopped(town: Town, role: str, seconds: float) -> int:
    return await asyncio.to_thread(town.roles[role].wait, seconds)


async def test_a_second_signal_stops_at_once_and_loses_nothing(
    town: Town, town_store: Store
) -> None:
    town.crm.delay = 4.0
    town.portal.add(10)
    town.start("poller", "worker")
    await reach(town_store, State.DELIVERING, 10)
    town.kill("worker", signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        await stopped(town, "worker", 0.5)
    town.kill("worker", signal.SIGTERM)
    assert await stopped(town, "worker", 2) == 130
    town.crm.delay = 0.0
    town.start("worker2")
    await town.all_arrived(10, 60)
    await reach(town_store, State.DELIVERED, 10)
    assert {item.state for item in await deliveries(town_store)} == {State.DELIVERED}


async def test_what_can_not_end_in_time_is_handed_back_at_once_and_marked_uncertain(
    town: Town, town_store: Store
) -> None:
    town.config.write_text(town.config.read_text().replace("timeout: 5s", "timeout: 60s"))
    town.crm.delay = 50.0
    town.portal.add(5)
    town.start("poller", "worker")
    await reach(town_store, State.DELIVERING, 5)
    began = time.monotonic()
    town.kill("worker", signal.SIGTERM)
    assert await stopped(town, "worker", STOP_WITHIN + 10) == 0
    assert time.monotonic() - began >= STOP_WITHIN - 1
    for item in await deliveries(town_store):
        found = await town_store.deliveries.get(item.id)
        assert found is not None
        assert (found.state, found.reason) == (State.RETRYING, Reason.INTERRUPTED)
        assert [made.uncertain for made in found.attempts] == [True]
        assert found.attempts_made == 0


async def test_rqs_view_follows_within_seconds_of_a_kill(town: Town, town_store: Store) -> None:
    connection = redis.Redis(unix_socket_path=str(town.settings.data_dir / "store.sock"))
    queue = RqQueue(f"{town_store.namespace}.crm", connection=connection, serializer=JSONSerializer)
    started = StartedJobRegistry(queue=queue)
    town.crm.delay = 4.0
    town.portal.add(10)
    town.start("poller", "worker")
    await reach(town_store, State.DELIVERING, 10)
    assert started.count == 10
    (before,) = RqWorker.all(connection=connection)
    await asyncio.to_thread(town.kill, "worker")
    town.crm.delay = 0.0
    town.start("worker2")
    await town.all_arrived(10, 60)
    await reach(town_store, State.DELIVERED, 10)
    async with asyncio.timeout(20):
        while started.get_job_ids(cleanup=False):
            await asyncio.sleep(0.05)
    assert before.name not in {worker.name for worker in RqWorker.all(connection=connection)}
    assert [key for key in connection.keys("rq:job:*") if b"dlv_" in key] == []
