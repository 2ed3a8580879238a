"""RQ's queues as hints, on a real server: taken in order, put back in order, cleaned up."""

from __future__ import annotations

import pytest
from rq import Queue as RqQueue
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer

from gateway.delivery import Lane, delivery_id
from gateway.queue import HINTS_PER_QUEUE, Hint, Queue, Share
from gateway.store import Store

pytestmark = pytest.mark.anyio


def hints(count: int, lane: Lane = Lane.LIVE) -> list[Hint]:
    names = [delivery_id("seloger", f"{lane}-{n}", "crm") for n in range(count)]
    return [Hint(name, "crm", lane) for name in names]


async def take(queue: Queue, most: int, later: int = 0, worker: str = "w1") -> list[Hint]:
    return (await queue.take(worker, [Share("crm", most, later)]))["crm"].hints


async def test_live_hints_come_first_and_the_others_get_their_part(queue: Queue) -> None:
    live, later = hints(30), hints(30, Lane.LATER)
    await queue.enqueue([*later, *live])
    assert await take(queue, 20, 5) == [*live[:15], *later[:5]]
    assert await take(queue, 20) == [*live[15:], *later[5:10]]
    taken = await queue.take("w1", [Share("crm", 0)])
    assert (taken["crm"].hints, taken["crm"].left) == ([], (0, 20))


async def test_hints_that_could_not_be_followed_go_back_to_the_front(queue: Queue) -> None:
    some = hints(6)
    await queue.enqueue(some)
    first = await take(queue, 4)
    await queue.put_back("w1", first[1:])
    assert await take(queue, 6) == [*first[1:], *some[4:]]


async def test_a_hint_that_rq_was_made_to_forget_is_not_put_back(
    store: Store, queue: Queue
) -> None:
    await queue.enqueue(hints(2))
    taken = await take(queue, 2)
    name = f"rq:wip:{queue.name('crm', Lane.LIVE)}"
    await store.connection.command("DEL", name)
    await queue.put_back("w1", taken)
    assert await queue.length("crm", Lane.LIVE) == 0


async def test_a_queue_holds_a_bounded_number_of_hints(queue: Queue) -> None:
    assert await queue.enqueue(hints(HINTS_PER_QUEUE + 50)) == HINTS_PER_QUEUE


async def test_what_a_dead_worker_took_is_forgotten_and_others_are_left_alone(
    store: Store, queue: Queue, valkey_url: str
) -> None:
    await queue.enqueue(hints(5))
    await take(queue, 3, worker="dead")
    left = await take(queue, 2, worker="alive")
    assert await queue.clean(["crm"], "dead") == 3
    assert await queue.clean(["crm"], "dead") == 0
    wip = await store.connection.command("ZRANGE", f"rq:wip:{queue.name('crm', Lane.LIVE)}", 0, -1)
    assert {item.decode() for item in wip} == {f"{hint.id}:alive" for hint in left}
    assert await store.connection.command("EXISTS", f"rq:job:{hints(1)[0].id}") == 0


async def test_what_was_taken_too_long_ago_is_forgotten(store: Store, queue: Queue) -> None:
    await queue.enqueue(hints(2))
    await take(queue, 2)
    name = f"rq:wip:{queue.name('crm', Lane.LIVE)}"
    assert await queue.clean(["crm"]) == 0
    for member in await store.connection.command("ZRANGE", name, 0, -1):
        await store.connection.command("ZADD", name, 1, member)
    assert await queue.clean(["crm"]) == 2
    assert await store.connection.command("EXISTS", name) == 0


def test_rqs_own_tools_read_what_we_write(store_url: str) -> None:
    import asyncio

    import redis

    from gateway.store import connect

    async def write() -> tuple[str, int]:
        client = connect(store_url)
        ours = Queue(client, "rqview")
        await ours.enqueue(hints(3))
        await take(ours, 1)
        await client.aclose()
        return ours.name("crm", Lane.LIVE), 1

    name, taken = asyncio.run(write())
    connection = redis.Redis.from_url(store_url)
    theirs = RqQueue(name, connection=connection, serializer=JSONSerializer)
    assert theirs.count == 2
    assert StartedJobRegistry(queue=theirs).count == taken
    job = theirs.jobs[0]
    assert (job.func_name, job.args, job.description) == (
        "workers.jobs.deliver", [hints(2)[1].id], "deliver to crm",
    )  # fmt: skip
    connection.close()
