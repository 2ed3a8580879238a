"""Chained calls through the real pipeline: stored, attempted, resumed, and nothing made twice."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.delivery import State
from gateway.lead import Lead
from gateway.sandbox.server import serve
from gateway.settings import Settings
from gateway.store import Accepted
from gateway.wiring import Gateway, load_checked, open_gateway
from tests.builders import LEADS
from tests.doubles.pipedrive import Pipedrive
from workers import worker

pytestmark = pytest.mark.anyio

YAML = """
version: 1
sources: {{seloger: {{kind: push, token: website-token}}}}
destinations:
  crm:
    kind: webhook
    preset: pipedrive-lead
    with: {{token: {token}, api: "{url}", owner: 7}}
    rate_limit: 1000/s
    retry: {{schedule: [100ms, 100ms, 100ms, 100ms, 100ms, 100ms, 100ms, 100ms], jitter: 0}}
network: {{allow: [127.0.0.0/8]}}
"""


@asynccontextmanager
async def gateway_to(crm: Pipedrive, folder: Path, valkey_url: str) -> AsyncIterator[Gateway]:
    """A gateway whose one destination is this CRM, with a worker, until the block ends."""
    async with serve(crm.app()) as url:
        config = folder / "gateway.yaml"
        config.write_text(YAML.format(token=crm.token, url=url))
        settings = Settings.read(
            {
                "REDIS_URL": valkey_url,
                "LEAD_GATEWAY_NAMESPACE": f"t{uuid.uuid4().hex[:10]}",
                "LEAD_GATEWAY_DATA_DIR": str(folder / "data"),
            },
            config=config,
        )
        async with open_gateway(settings, load_checked(settings)) as gateway:
            stop = asyncio.Event()
            task = asyncio.create_task(worker.run(gateway, stop, concurrency=20))
            try:
                yield gateway
            finally:
                stop.set()
                await asyncio.wait_for(task, 15)


async def accept(gateway: Gateway, *leads: Lead) -> None:
    """Store leads as a poller does."""
    for result in await gateway.pipeline.accept(leads):
        assert isinstance(result, Accepted), result


async def delivered(gateway: Gateway, count: int) -> list[Any]:
    """The deliveries, once so many are delivered."""
    async with asyncio.timeout(30):
        while True:
            page = await gateway.store.deliveries.page(destinations=["crm"])
            if sum(item.state is State.DELIVERED for item in page.items) >= count:
                return list(page.items)
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("lead", ["complete", "hostile"])
async def test_what_each_call_made_is_made_once_though_every_answer_is_lost_once(
    lead: str, tmp_path: Path, valkey_url: str
) -> None:
    crm = Pipedrive(lose={"person", "lead", "note"})
    async with gateway_to(crm, tmp_path, valkey_url) as gateway:
        await accept(gateway, LEADS[lead]("CLASSIFIED"))
        (delivery,) = await delivered(gateway, 1)
    assert (len(crm.persons), len(crm.leads), len(crm.notes)) == (1, 1, 1)
    assert delivery.remote_id == crm.leads[0]["id"]
    assert crm.leads[0]["person_id"] == crm.persons[0]["id"]


async def test_a_lead_that_names_nobody_is_made_once_too(tmp_path: Path, valkey_url: str) -> None:
    crm = Pipedrive(lose={"lead", "note"})
    async with gateway_to(crm, tmp_path, valkey_url) as gateway:
        await accept(gateway, LEADS["sparse"]("PROJECT"))
        await delivered(gateway, 1)
    assert (len(crm.persons), len(crm.leads), len(crm.notes)) == (1, 1, 1)


async def test_a_second_lead_of_a_person_makes_no_second_person(
    tmp_path: Path, valkey_url: str
) -> None:
    crm = Pipedrive()
    async with gateway_to(crm, tmp_path, valkey_url) as gateway:
        await accept(gateway, LEADS["complete"]("CLASSIFIED"))
        await delivered(gateway, 1)
        await accept(gateway, LEADS["complete"]("PROJECT"))
        await delivered(gateway, 2)
    assert (len(crm.persons), len(crm.leads), len(crm.notes)) == (1, 2, 2)


async def test_a_crm_that_fails_a_third_of_its_calls_gets_every_lead_once(
    tmp_path: Path, valkey_url: str
) -> None:
    crm = Pipedrive(fail_share=0.3)
    leads = [
        LEADS["complete"]("CLASSIFIED").model_copy(update={"id": f"lead-{n}"}) for n in range(10)
    ]
    async with gateway_to(crm, tmp_path, valkey_url) as gateway:
        await accept(gateway, leads[0])
        await delivered(gateway, 1)
        await accept(gateway, *leads[1:])
        await delivered(gateway, 10)
    assert sorted(one["origin_id"] for one in crm.leads) == sorted(lead.id for lead in leads)
    assert (len(crm.persons), len(crm.notes)) == (1, 10)
