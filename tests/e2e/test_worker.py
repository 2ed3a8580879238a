"""The worker with a receiver that watches what is on the wire: bounds, order, alone, in doubt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.delivery import Reason, State, delivery_id
from gateway.sandbox.server import serve
from gateway.settings import Settings
from gateway.store import Claim, Mode
from gateway.web.shapes import held_destinations
from gateway.wiring import Gateway, load_checked, open_gateway
from tests.builders import a_lead
from tests.servers import Server
from workers import worker
from workers.flights import ALONE_AFTER

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(90)]

YAML = """
version: 1
sources: {{seloger: {{kind: push, token: website-token}}}}
destinations:
  {name}: {{kind: webhook, url: "{url}/leads", timeout: 30s, concurrency: {bound}}}
network: {{allow: [127.0.0.0/8]}}
"""


@dataclass
class Watcher:
    """Answers each request after ``takes`` seconds, or when let go."""

    takes: float = 0.02
    open: set[str] = field(default_factory=set)
    order: list[str] = field(default_factory=list)
    beside: dict[str, int] = field(default_factory=dict)
    """How many others were on the wire at any time while this one was."""
    cut_off: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/leads", self._receive, methods=["POST"])])

    async def _receive(self, request: Request) -> Response:
        lead_id = (await request.json())["data"]["id"]
        self.order.append(lead_id)
        self.open.add(lead_id)
        for item in self.open:
            self.beside[item] = max(self.beside.get(item, 0), len(self.open) - 1)
        gone = asyncio.create_task(request.receive())
        done, _ = await asyncio.wait({gone}, timeout=self.takes)
        self.open.discard(lead_id)
        if done:
            self.cut_off.set()
        gone.cancel()
        return JSONResponse({})

    async def saw(self, count: int, seconds: float = 30.0) -> None:
        async with asyncio.timeout(seconds):
            while len(self.order) < count:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def gateway_at(
    url: str, namespace: str, folder: Path, redis_url: str, bound: int = 32, name: str = "crm"
) -> AsyncIterator[Gateway]:
    """A gateway whose only destination is at this address, without its roles."""
    config = folder / "gateway.yaml"
    config.write_text(YAML.format(url=url, bound=bound, name=name))
    environ = {
        "REDIS_URL": redis_url,
        "LEAD_GATEWAY_NAMESPACE": namespace,
        "LEAD_GATEWAY_DATA_DIR": str(folder / "data"),
    }
    settings = Settings.read(environ, config=config)
    async with open_gateway(settings, load_checked(settings)) as gateway:
        yield gateway


@asynccontextmanager
async def yard(
    watcher: Watcher, folder: Path, redis_url: str, bound: int = 32
) -> AsyncIterator[Gateway]:
    """A gateway whose only destination is the watcher, without its roles."""
    async with (
        serve(watcher.app()) as url,
        gateway_at(url, f"t{id(watcher):x}", folder, redis_url, bound) as gateway,
    ):
        yield gateway


@asynccontextmanager
async def working(gateway: Gateway, concurrency: int = 50) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(gateway, stop, concurrency=concurrency))
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(20):
            await task


async def accept(gateway: Gateway, *names: str, mode: Mode = Mode.LIVE) -> None:
    for result in await gateway.pipeline.accept([a_lead(name) for name in names], mode=mode):
        if isinstance(result, Exception):
            raise result


async def interrupt(gateway: Gateway, lead_id: str, times: int) -> None:
    """Have so many workers die with this delivery in their hands."""
    store, item = gateway.store, delivery_id("seloger", lead_id, "crm")
    for turn in range(times):
        await store.leases.start_worker(f"ghost{turn}")
        await store.deliveries.begin(f"ghost{turn}", [Claim("crm", [item], 5.0)])
        store.connection.clock_shift += 11.0
        await store.deliveries.reap(f"ghost{turn}")
    store.connection.clock_shift = 0.0


async def all_in(gateway: Gateway, state: State, count: int, seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while True:
            found = (await gateway.store.deliveries.page(limit=500)).items
            if sum(item.state is state for item in found) == count:
                return
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(("bound", "slots", "most"), [(5, 50, 5), (32, 7, 7)])
async def test_no_more_is_on_the_wire_than_is_allowed(
    tmp_path: Path, store_url: str, bound: int, slots: int, most: int
) -> None:
    watcher = Watcher(takes=0.05)
    async with yard(watcher, tmp_path, store_url, bound) as gateway:
        await accept(gateway, *(f"lead-{n}" for n in range(60)))
        async with working(gateway, slots):
            await all_in(gateway, State.DELIVERED, 60)
    assert max(watcher.beside.values()) + 1 == most
    assert len(watcher.order) == 60


@pytest.mark.parametrize("times", [ALONE_AFTER - 1, ALONE_AFTER])
async def test_what_may_kill_workers_flies_alone(
    tmp_path: Path, store_url: str, times: int
) -> None:
    watcher = Watcher(takes=0.1)
    async with yard(watcher, tmp_path, store_url) as gateway:
        await accept(gateway, "poison", *(f"lead-{n}" for n in range(40)))
        await interrupt(gateway, "poison", times)
        async with working(gateway):
            await all_in(gateway, State.DELIVERED, 41)
    alone = watcher.beside["poison"] == 0
    assert alone is (times >= ALONE_AFTER)
    assert max(watcher.beside.values()) > 5


async def test_a_fresh_lead_overtakes_what_may_wait_and_that_goes_on_all_the_same(
    tmp_path: Path, store_url: str
) -> None:
    watcher = Watcher(takes=0.02)
    async with yard(watcher, tmp_path, store_url, bound=4) as gateway:
        await accept(gateway, *(f"old-{n}" for n in range(150)), mode=Mode.LATER)
        async with working(gateway):
            await watcher.saw(20)
            before = len(watcher.order)
            await accept(gateway, *(f"new-{n}" for n in range(40)))
            await all_in(gateway, State.DELIVERED, 190)
    first = next(name for name in watcher.order[before:] if name.startswith("new-"))
    last_new = max(n for n, name in enumerate(watcher.order) if name.startswith("new-"))
    # What was begun already goes first: four on the wire, as many hints in hand.
    assert watcher.order.index(first) - before < 20
    meanwhile = [name for name in watcher.order[before:last_new] if name.startswith("old-")]
    assert 5 <= len(meanwhile) <= 40


async def test_a_new_lead_is_what_a_broken_destination_is_tried_for(
    tmp_path: Path, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.claims.BROKEN_ASK_AGAIN", 1.0)
    watcher = Watcher()
    async with yard(watcher, tmp_path, store_url) as gateway:
        await accept(gateway, "waits")
        connection = gateway.store.connection
        now = await connection.now_ms()
        await connection.command(
            "HSET", connection.key("destination", "crm"), "broken_at", now - 600_000, "fails", 8,
            "probe_at", now + 600_000, "probe_wait", 60_000, "probed", now + 1,
        )  # fmt: skip
        async with working(gateway):
            await all_in(gateway, State.RETRYING, 1, 10)  # asked once, in vain
            assert watcher.order == []
            await accept(gateway, "new")
            await all_in(gateway, State.DELIVERED, 2, 20)
    assert sorted(watcher.order) == ["new", "waits"]


async def test_what_waits_for_a_destination_that_is_gone_is_held_until_it_returns(
    tmp_path: Path, store_url: str
) -> None:
    watcher = Watcher()
    async with serve(watcher.app()) as url:
        place = (url, f"t{id(watcher):x}", tmp_path, store_url)
        async with gateway_at(*place, name="crm") as gateway:
            await accept(gateway, "before")
        async with gateway_at(*place, name="other") as gateway, working(gateway):
            await accept(gateway, "meanwhile")
            await all_in(gateway, State.DELIVERED, 1)
            known = await gateway.store.destinations.describe(
                await gateway.store.deliveries.destinations()
            )
            assert held_destinations(gateway.config, known) == {"crm"}
            await all_in(gateway, State.PENDING, 1)
        assert watcher.order == ["meanwhile"]
        async with gateway_at(*place, name="crm") as gateway, working(gateway):
            await all_in(gateway, State.DELIVERED, 2)
    assert watcher.order == ["meanwhile", "before"]


async def test_a_lead_this_version_can_not_read_is_a_dead_letter_and_stops_no_other(
    tmp_path: Path, store_url: str
) -> None:
    watcher = Watcher()
    async with yard(watcher, tmp_path, store_url) as gateway:
        await accept(gateway, "strange", "plain")
        strange = delivery_id("seloger", "strange", "crm")
        found = await gateway.store.deliveries.get(strange)
        assert found is not None
        lead = gateway.store.connection.key("lead", found.lead_uid)
        await gateway.store.connection.command("HSET", lead, "body", b'{"of": "a later version"}')
        async with working(gateway):
            await all_in(gateway, State.DELIVERED, 1)
            await all_in(gateway, State.DEAD, 1)
        dead = await gateway.store.deliveries.get(strange)
    assert dead is not None
    assert dead.reason is Reason.CONFIGURATION
    assert "can not be read by this version" in dead.attempts[0].answer


@pytest.mark.chaos
async def test_what_is_on_the_wire_is_cancelled_before_the_lease_ends(tmp_path: Path) -> None:
    watcher = Watcher(takes=60.0)
    server = Server(tmp_path)
    await server.start()
    try:
        async with yard(watcher, tmp_path, server.url) as gateway:
            await accept(gateway, "lead-1")
            async with working(gateway):
                await watcher.saw(1)
                server.freeze()
                # Nine seconds, and what a busy machine takes.
                async with asyncio.timeout(20):
                    await watcher.cut_off.wait()
                watcher.takes = 0.02
                server.thaw()
                await all_in(gateway, State.DELIVERED, 1, 40)
            found = await gateway.store.deliveries.get(delivery_id("seloger", "lead-1", "crm"))
    finally:
        server.thaw()
        server.kill()
    assert found is not None
    assert [made.outcome for made in found.attempts] == ["interrupted", "delivered"]
