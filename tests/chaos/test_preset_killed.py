"""A worker killed in the middle of a preset's calls: what was made is not made again."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import yaml
from starlette.requests import Request
from starlette.responses import Response

from gateway.delivery import Delivery, State
from gateway.sandbox.server import serve
from gateway.store import Store
from tests.chaos.conftest import Town
from tests.doubles.pipedrive import Pipedrive
from tests.doubles.vendor import SECRET, Work

pytestmark = [pytest.mark.anyio, pytest.mark.chaos, pytest.mark.timeout(120)]


class Deaf(Pipedrive):
    """Does the work of one call and keeps its first answer to itself until ``over``."""

    def __init__(self, call: str) -> None:
        super().__init__()
        self.worked, self.over = asyncio.Event(), asyncio.Event()
        self._call = call

    def routes(self) -> list[tuple[str, str, str, Work]]:
        return [
            (method, path, name, self._silent(work) if name == self._call else work)
            for method, path, name, work in super().routes()
        ]

    def _silent(self, work: Work) -> Work:
        async def silent(request: Request) -> Response:
            response = await work(request)
            if not self.worked.is_set():
                self.worked.set()
                await self.over.wait()
            return response

        return silent


@pytest.mark.parametrize("call", ["person", "lead", "note"])
async def test_another_worker_goes_on_where_it_was_and_makes_nothing_twice(
    call: str, town: Town, town_store: Store
) -> None:
    crm = Deaf(call)
    async with serve(crm.app()) as url:
        town.config.write_text(with_pipedrive(town.config.read_text(), url))
        town.portal.add(1)
        town.start("poller", "worker")
        async with asyncio.timeout(30):
            await crm.worked.wait()
        await asyncio.to_thread(town.kill, "worker")
        crm.over.set()
        town.start("worker2")
        async with asyncio.timeout(60):
            while not (delivery := await delivered(town_store)):
                await asyncio.sleep(0.05)

    assert (len(crm.persons), len(crm.leads), len(crm.notes)) == (1, 1, 1)
    assert crm.made() == [delivery.lead_id]
    assert delivery.remote_id == crm.leads[0]["id"]
    assert [attempt.outcome for attempt in delivery.attempts].count("interrupted") == 1


async def delivered(store: Store) -> Delivery | None:
    page = await store.deliveries.page(destinations=["crm"], states=[State.DELIVERED])
    return await store.deliveries.get(page.items[0].id) if page.items else None


def with_pipedrive(configuration: str, url: str) -> str:
    """The same portal, and this CRM alone."""
    whole: dict[str, Any] = yaml.safe_load(configuration)
    whole["destinations"] = {
        "crm": {
            "kind": "webhook",
            "preset": "pipedrive-lead",
            "with": {"token": SECRET, "api": url},
            "timeout": "20s",
        }
    }
    return json.dumps(whole)
