"""What RQ's own tools see: our worker among theirs, and jobs that a stock worker can run."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
import redis
from rq import Queue as RqQueue
from rq import Worker as RqWorker

from gateway.delivery import State
from tests.builders import a_lead
from tests.e2e.conftest import House

pytestmark = pytest.mark.anyio

STOCK = """
import sys
from redis import Redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

connection = Redis.from_url(sys.argv[1])
queue = Queue(sys.argv[2], connection=connection, serializer=JSONSerializer)
SimpleWorker([queue], connection=connection, serializer=JSONSerializer).work(burst=True)
"""


async def test_our_worker_and_its_queues_are_listed_while_it_runs(house: House) -> None:
    assert house.settings.redis_url is not None
    connection = redis.Redis.from_url(house.settings.redis_url)
    house.portal.add(1)
    async with house.running():
        await house.crm.got.wait_for(1, 20)
        mine = f"{house.settings.namespace}.crm"
        workers = [
            worker
            for worker in await asyncio.to_thread(RqWorker.all, connection)
            if mine in worker.queue_names()
        ]
        queues = {queue.name for queue in await asyncio.to_thread(RqQueue.all, connection)}
    assert len(workers) == 1
    assert {mine, f"{mine}.later"} <= queues


async def test_a_stock_worker_makes_the_delivery(house: House) -> None:
    assert house.settings.redis_url is not None
    async with house.running(pollers=0, workers=0) as gateway:
        await gateway.pipeline.accept([a_lead()])
        environ = {
            "REDIS_URL": house.settings.redis_url,
            "LEAD_GATEWAY_NAMESPACE": house.settings.namespace,
            "LEAD_GATEWAY_CONFIG": str(house.config),
            "LEAD_GATEWAY_DATA_DIR": str(house.settings.data_dir),
            "PYTHONPATH": ".",
            "PATH": "/usr/bin:/bin",
        }
        queue = f"{house.settings.namespace}.crm"
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", STOCK, house.settings.redis_url, queue],
            env=environ, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        (found,) = (await gateway.store.deliveries.page(destinations=["crm"])).items
    assert found.state is State.DELIVERED
    assert len(house.crm.got.all) == 1
