"""Live events over a real server: what came, in order, resumed where it stopped; and its end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.delivery import delivery_id
from gateway.queue import Queue
from gateway.store import Store
from gateway.web import context
from gateway.web.server import CannotListen, is_loopback, serve
from tests.builders import a_lead
from tests.web_house import ADMIN, TOKEN, WebGateway, make_gateway

pytestmark = pytest.mark.anyio

DEADLINE = 10.0
CRM = delivery_id("seloger", "lead-1", "crm")


@pytest.fixture
def house(store: Store, queue: Queue, tmp_path: Path) -> WebGateway:
    return make_gateway(store, queue, tmp_path)


@asynccontextmanager
async def serving(house: WebGateway) -> AsyncIterator[tuple[httpx.AsyncClient, asyncio.Event]]:
    """The web on a free port, a client of it, and what ends it."""
    stop = asyncio.Event()
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(house, stop, port=0, ready=address.set_result))
    try:
        async with (
            asyncio.timeout(DEADLINE),
            httpx.AsyncClient(base_url=await address, timeout=DEADLINE) as client,
        ):
            yield client, stop
    finally:
        stop.set()
        async with asyncio.timeout(DEADLINE):
            await task


async def events(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, Any]]:
    """Each event of a stream, with what it carries."""
    event: dict[str, Any] = {}
    async for line in lines:
        name, _, value = line.partition(": ")
        if line and name:
            event[name] = json.loads(value) if name == "data" else value
        elif "event" in event:
            yield event
            event = {}
        else:
            event = {}


async def test_events_tell_what_happens_and_resume_where_they_stopped(house: WebGateway) -> None:
    async with serving(house) as (client, _):
        async with client.stream("GET", "/v1/events", headers=ADMIN) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            stream = events(answer.aiter_lines())
            await house.accept(a_lead())
            first = await anext(stream)
            await house.end(CRM, "crm", "refused")
        seen: list[tuple[str, str]] = []
        headers = {**ADMIN, "last-event-id": first["id"]}
        async with client.stream("GET", "/v1/events", headers=headers) as answer:
            async for event in events(answer.aiter_lines()):
                seen.append((event["event"], event["data"]["delivery_id"]))
                if event["event"] == "dead":
                    break
        bad = await client.get("/v1/events", headers={**ADMIN, "last-event-id": "$"})
        nobody = await client.get("/v1/events")
    assert first["event"] == "lead"
    assert "Camille" not in json.dumps(first)
    assert seen[-1] == ("dead", CRM)
    assert (bad.status_code, nobody.status_code) == (400, 401)


async def test_a_page_is_nudged_when_something_comes(house: WebGateway) -> None:
    async with serving(house) as (client, _):
        refused = await client.get("/live")
        await client.post("/signin", data={"token": TOKEN})
        async with client.stream("GET", "/live") as answer:
            stream = events(answer.aiter_lines())
            assert (await anext(stream))["event"] == "hello"
            await house.accept(*(a_lead(f"lead-{n}") for n in range(5)))
            nudge = await anext(stream)
    assert refused.status_code == 401
    assert nudge["event"] == "changed"


async def test_the_web_ends_at_once_while_somebody_listens(house: WebGateway) -> None:
    async with serving(house) as (client, stop):
        async with client.stream("GET", "/v1/events", headers=ADMIN) as answer:
            lines = answer.aiter_lines()
            await anext(lines)
            stop.set()
            async with asyncio.timeout(4):
                async for _ in lines:
                    pass
        async with asyncio.timeout(4):
            while True:
                try:
                    await client.get("/healthz", headers={"connection": "close"})
                except httpx.TransportError:
                    break


async def test_streams_are_bounded_and_a_closed_one_makes_room(
    house: WebGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "STREAMS_AT_ONCE", 1)
    async with serving(house) as (client, _):
        async with client.stream("GET", "/v1/events", headers=ADMIN) as answer:
            lines = answer.aiter_lines()  # kept: one that nobody holds closes the stream
            await anext(lines)
            full = await client.get("/v1/events", headers=ADMIN)
        status = full.status_code
        while status == 503:
            async with client.stream("GET", "/v1/events", headers=ADMIN) as answer:
                status = answer.status_code
    assert full.status_code == 503
    assert full.headers["retry-after"]
    assert status == 200


async def test_the_server_names_no_product_and_bounds_a_requests_head(house: WebGateway) -> None:
    async with serving(house) as (client, _):
        answer = await client.get("/healthz")
        large = await client.get("/healthz", headers={"x-large": "x" * 200_000})
    assert "server" not in answer.headers
    assert large.status_code == 400


async def test_without_a_token_of_its_own_the_web_stays_on_this_machine(
    store: Store, queue: Queue, tmp_path: Path
) -> None:
    house = make_gateway(store, queue, tmp_path, token=None)
    with pytest.raises(CannotListen, match="LEAD_GATEWAY_ADMIN_TOKEN"):
        await serve(house, asyncio.Event(), host="0.0.0.0", port=0)


async def test_a_port_that_is_taken_is_named(house: WebGateway) -> None:
    async with serving(house) as (client, _):
        port = client.base_url.port
        assert port
        with pytest.raises(CannotListen, match=str(port)):
            await serve(house, asyncio.Event(), port=port)


@pytest.mark.parametrize(
    ("host", "answer"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("web", False)],
)
def test_loopback_is_known(host: str, answer: bool) -> None:
    assert is_loopback(host) is answer
