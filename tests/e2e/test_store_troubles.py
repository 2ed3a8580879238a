"""All roles on a store that gets into trouble: they wait, say so once, and then go on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.delivery import State
from gateway.settings import Settings
from gateway.web.app import create_app
from gateway.wiring import Gateway
from tests.e2e.conftest import House
from tests.servers import Server
from tests.web_house import browse

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

Until = Callable[..., Awaitable[None]]
PUSH = {"authorization": "Bearer website-token"}


@dataclass
class Shelter:
    """The house on a store of its own."""

    house: House
    server: Server

    async def tell(self, gateway: Gateway, *words: str) -> None:
        await gateway.store.connection.command(*words)


@pytest.fixture
async def shelter(house: House, tmp_path: Path) -> AsyncIterator[Shelter]:
    (tmp_path / "store").mkdir()
    server = Server(tmp_path / "store", appendonly="yes", appendfsync="always")
    await server.start()
    environ = {**house.settings.environ, "REDIS_URL": server.url}
    settings = Settings.read(environ, config=house.config)
    try:
        yield Shelter(replace(house, settings=settings), server)
    finally:
        server.kill()


async def push(client: httpx.AsyncClient, lead_id: str) -> int:
    answer = await client.post("/v1/sources/website/leads", headers=PUSH, json={"id": lead_id})
    return answer.status_code


async def readiness(client: httpx.AsyncClient) -> int:
    return (await client.get("/readyz")).status_code


async def all_delivered(gateway: Gateway, leads: int) -> bool:
    found = (await gateway.store.deliveries.page(limit=500)).items
    return len(found) == 3 * leads and {item.state for item in found} == {State.DELIVERED}


async def through(
    shelter: Shelter,
    until: Until,
    begin: Callable[[Gateway], Awaitable[None]],
    end: Callable[[Gateway], Awaitable[None]],
) -> None:
    """Five leads before the trouble, five during it, and one that is pushed."""
    house = shelter.house
    house.portal.add(5)
    async with house.running() as gateway, browse(create_app(gateway)) as client:
        await until(lambda: all_delivered(gateway, 5))
        assert await readiness(client) == 200
        await begin(gateway)
        house.portal.add(5)
        assert await push(client, "pushed") == 503
        assert await readiness(client) == 503
        await end(gateway)

        async def ready() -> bool:
            return await readiness(client) == 200

        await until(ready)
        assert await push(client, "pushed") == 202
        await until(lambda: all_delivered(gateway, 11), 40)
    assert len(house.crm.got.by_id) == 11
    assert house.portal.created  # what the portal made is what was delivered
    assert {item.content["data"]["id"] for item in house.crm.got.all} == {
        *house.portal.created, "pushed",
    }  # fmt: skip


def count(text: str, words: str) -> int:
    return sum(words in line for line in text.splitlines())


async def test_a_full_store_stops_what_comes_and_loses_nothing(
    shelter: Shelter, until: Until, capsys: Any
) -> None:
    await through(
        shelter,
        until,
        lambda gateway: shelter.tell(gateway, "CONFIG", "SET", "maxmemory", "1"),
        lambda gateway: shelter.tell(gateway, "CONFIG", "SET", "maxmemory", "0"),
    )
    assert shelter.house.crm.got.repeated == 0


@pytest.mark.chaos
async def test_a_store_that_becomes_a_replica_is_waited_for(shelter: Shelter, until: Until) -> None:
    await through(
        shelter,
        until,
        lambda gateway: shelter.tell(gateway, "REPLICAOF", "127.0.0.1", "1"),
        lambda gateway: shelter.tell(gateway, "REPLICAOF", "NO", "ONE"),
    )


async def test_a_store_that_is_killed_and_started_again_is_waited_for(
    shelter: Shelter, until: Until, capsys: Any
) -> None:
    async def kill(gateway: Gateway) -> None:
        shelter.server.kill()

    async def start(gateway: Gateway) -> None:
        await shelter.server.start()

    await through(shelter, until, kill, start)
    said = capsys.readouterr()
    assert 1 <= count(said.out + said.err, "store unavailable") <= 4
