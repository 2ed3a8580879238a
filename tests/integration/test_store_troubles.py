"""A real server put into every state it may get into: what is refused, and that nothing is lost."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.delivery import Reason, State
from gateway.store import Accepted, Claim, Renewal, Report, Store, StoreUnavailable, connect
from tests.builders import a_lead, a_plan
from tests.servers import Server

pytestmark = pytest.mark.anyio

Change = Callable[["Place"], Awaitable[None]]


@dataclass
class Place:
    server: Server
    store: Store

    async def set(self, name: str, value: str) -> None:
        await self.store.connection.command("CONFIG", "SET", name, value)


@asynccontextmanager
async def place(folder: Path, **settings: str) -> AsyncIterator[Place]:
    (folder / "data").mkdir()
    server = Server(folder / "data", socket=folder / "v.sock", **settings)
    await server.start()
    store = Store(connect(server.url))
    try:
        await store.open()
        yield Place(server, store)
    finally:
        await store.close()
        server.kill()


async def fill_up(some: Place) -> None:
    await some.set("maxmemory", "1")


async def make_room(some: Place) -> None:
    await some.set("maxmemory", "0")


async def make_a_replica(some: Place) -> None:
    await some.store.connection.command("REPLICAOF", "127.0.0.1", "1")


async def make_a_primary(some: Place) -> None:
    await some.store.connection.command("REPLICAOF", "NO", "ONE")


async def fail_to_save(some: Place) -> None:
    shutil.rmtree(some.server.folder)
    await some.set("save", "3600 1")
    await some.store.connection.command("BGSAVE")
    async with asyncio.timeout(10):
        while (await some.store.connection.redis.info("persistence"))[
            "rdb_last_bgsave_status"
        ] == "ok":
            await asyncio.sleep(0.02)


async def save_again(some: Place) -> None:
    await some.set("save", "")


STATES: dict[str, tuple[Change, Change, str]] = {
    "full": (fill_up, make_room, "full"),
    "replica": (make_a_replica, make_a_primary, "read-only replica"),
    "can not save": (fail_to_save, save_again, "MISCONF"),
}


@pytest.mark.parametrize("name", STATES)
async def test_a_server_that_refuses_writes_takes_no_half_of_a_lead(
    tmp_path: Path, name: str
) -> None:
    trouble, mend, words = STATES[name]
    async with place(tmp_path) as some:
        await some.store.leads.accept([a_plan(a_lead("before"))])
        await trouble(some)
        with pytest.raises(StoreUnavailable, match=words):
            await some.store.leads.accept([a_plan(a_lead("during"))])
        with pytest.raises(StoreUnavailable, match=words):
            await some.store.connection.check_writes()
        assert [item.lead.id for item in (await some.store.leads.page()).items] == ["before"]
        await mend(some)
        await some.store.connection.check_writes()
        (accepted,) = await some.store.leads.accept([a_plan(a_lead("during"))])
        assert isinstance(accepted, Accepted)
        assert (accepted.what, len(accepted.deliveries)) == ("new", 1)


async def test_a_full_server_still_lets_workers_end_what_they_have(tmp_path: Path) -> None:
    async with place(tmp_path) as some:
        store = some.store
        (accepted,) = await store.leads.accept([a_plan()])
        assert isinstance(accepted, Accepted)
        await store.leases.start_worker("w1")
        await fill_up(some)
        (begun,) = await store.deliveries.begin("w1", [Claim("crm", accepted.deliveries, 5.0)])
        assert len(begun.work) == 1
        assert await store.leases.renew_worker("w1") == Renewal(1, late=False)
        report = Report(accepted.deliveries[0], 1, "delivered", Reason.ACCEPTED, 5, health="up")
        (finished,) = await store.deliveries.finish("w1", [report])
        assert finished.state == State.DELIVERED
        assert await store.leads.erase([a_plan().uid]) == ["erased"]


async def test_a_server_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    async with place(tmp_path, appendonly="yes", appendfsync="always") as some:
        await some.store.leads.accept([a_plan(a_lead("before"))])
        some.server.kill()
        with pytest.raises(StoreUnavailable, match="can not be reached"):
            await some.store.leads.accept([a_plan(a_lead("during"))])
        await some.server.start()
        # The scripts are gone with the server's memory: they are given to it again by themselves.
        results = await some.store.leads.accept(
            [a_plan(a_lead("before")), a_plan(a_lead("during"))]
        )
        assert [result.what for result in results] == ["known", "new"]  # type: ignore[union-attr]


async def test_a_server_that_is_loading_is_waited_for(tmp_path: Path) -> None:
    async with place(tmp_path, appendonly="yes", appendfsync="always") as some:
        for start in range(0, 400, 100):
            plans = [a_plan(a_lead(f"lead-{start + n}")) for n in range(100)]
            await some.store.leads.accept(plans)
        some.server.kill()
        await some.server.start(loading_process_events_interval_bytes="1024", key_load_delay="2000")
        with pytest.raises(StoreUnavailable, match="loading"):
            await some.store.leads.accept([a_plan(a_lead("during"))])
        async with asyncio.timeout(30):
            while True:
                try:
                    await some.store.open()
                    break
                except StoreUnavailable:
                    await asyncio.sleep(0.05)
        assert await some.store.leads.count() == 400


async def test_a_cancelled_command_never_gives_its_answer_to_the_next_one(
    store: Store,
) -> None:
    await store.leads.accept([a_plan(a_lead(f"lead-{n}")) for n in range(20)])
    draw = random.Random(7)
    wrong: list[tuple[str, object]] = []

    async def ask(n: int) -> None:
        text = f"{n}".encode()
        if n % 3 == 0:
            answer = await store.connection.command("ECHO", text)
            wanted: object = text
        elif n % 3 == 1:
            pipeline = store.connection.redis.pipeline(transaction=False)
            for part in range(5):
                pipeline.echo(f"{n}:{part}")
            answer = await store.connection.execute(pipeline)
            wanted = [f"{n}:{part}".encode() for part in range(5)]
        else:
            answer = await store.connection.run("lease", f"lease-{n}", f"owner-{n}", 60_000)
            wanted = 1
        if answer != wanted:
            wrong.append((f"{n}", answer))

    for turn in range(60):
        tasks = [asyncio.create_task(ask(turn * 20 + n)) for n in range(20)]
        for _ in range(draw.randrange(12)):
            await asyncio.sleep(0)
        for task in draw.sample(tasks, 10):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert wrong == []
    pool = store.connection.redis.connection_pool
    assert not pool._in_use_connections, "a cancelled command kept its connection"
