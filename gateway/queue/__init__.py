"""RQ's queues as hints: which deliveries a worker should look at next.

The only room that knows RQ: its key names, what a job looks like, how a worker registers. A queue
per destination and lane, jobs in RQ's own shape with the JSON serializer, so that ``rq info`` and
RQ's dashboards tell the truth and a stock RQ worker could run a job. Nothing here is the truth
about a delivery: losing every key of RQ loses none, and a hint followed twice does nothing the
second time.
"""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis
from rq.defaults import RQ_KEY_PREFIX
from rq.utils import utcformat
from rq.version import VERSION

from gateway.delivery import Lane
from gateway.store.connection import Connection

JOB = "workers.jobs.deliver"
"""The dotted path that stands in Redis. Never rename it: jobs already queued carry it."""

HINTS_PER_QUEUE = 400
"""Hints RQ holds per queue; the rest waits in the store's ready sets."""

STARTED_TTL = 360
"""Seconds after which RQ may call a started job abandoned: longer than any timeout may be, for our
own lease is far shorter."""

CLEANED_AT_ONCE = 2000
"""Started hints looked at per queue in one step: more than a worker has in the air."""

WORKER_TTL = 60


@dataclass(frozen=True, slots=True)
class Hint:
    """Look at this delivery."""

    id: str
    destination: str
    lane: Lane


@dataclass(frozen=True, slots=True)
class Share:
    """A wish for ``most`` hints of a destination, live ones first; ``later`` of them are kept for
    the lane that may wait, if anything waits there. ``most`` 0 only asks how long the queues are.
    """

    destination: str
    most: int
    later: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """Hints of one destination, live ones first, and how many its queues still hold, by lane."""

    hints: list[Hint]
    left: tuple[int, int] = (0, 0)


class Queue:
    """Puts hints in, takes them out, and shows the worker to RQ."""

    def __init__(self, redis: Redis, namespace: str) -> None:
        self._c = Connection(redis, f"{RQ_KEY_PREFIX}:", package="gateway.queue")
        self._namespace = namespace
        self._bell = f"{namespace}:bell"

    def name(self, destination: str, lane: Lane) -> str:
        """The name of a destination's queue as RQ shows it."""
        name = f"{self._namespace}.{destination}"
        return name if lane is Lane.LIVE else f"{name}.later"

    async def enqueue(self, hints: Sequence[Hint]) -> int:
        """Put hints in, as many as their queues have room for, and wake a worker; how many went
        in.
        """
        if not hints:
            return 0
        by_queue: dict[tuple[str, Lane], list[str]] = {}
        for hint in hints:
            by_queue.setdefault((hint.destination, hint.lane), []).append(hint.id)
        now = _iso()
        calls: list[tuple[str, Sequence[Any]]] = []
        for (destination, lane), ids in by_queue.items():
            queue = self.name(destination, lane)
            fixed = _fixed_fields(queue, destination)
            for start in range(0, len(ids), 100):
                some = ids[start : start + 100]
                head = (queue, HINTS_PER_QUEUE, now, self._bell, *_PAYLOAD, len(fixed))
                calls.append(("enqueue", (*head, *fixed, *some)))
        put = 0
        for answer in await self._c.run_many(calls):
            if isinstance(answer, BaseException):
                raise answer
            put += int(answer)
        return put

    async def take(self, worker: str, shares: Sequence[Share]) -> dict[str, Taken]:
        """Take hints, and look at the queues, of several destinations in one round trip."""
        if not shares:
            return {}
        now = datetime.now(UTC)
        wishes = [
            cell
            for share in shares
            for cell in (
                self.name(share.destination, Lane.LIVE),
                self.name(share.destination, Lane.LATER),
                share.most,
                share.later,
            )
        ]
        answer = await self._c.run(
            "take", worker, round(now.timestamp()) + STARTED_TTL, utcformat(now), *wishes
        )
        taken = {}
        for share, (live, later, *left) in zip(shares, answer, strict=True):
            hints = [
                Hint(item.decode(), share.destination, lane)
                for lane, ids in ((Lane.LIVE, live), (Lane.LATER, later))
                for item in ids
            ]
            taken[share.destination] = Taken(hints, (left[0], left[1]))
        return taken

    async def put_back(self, worker: str, hints: Sequence[Hint]) -> None:
        """Return hints that could not be followed now to the front of their queues."""
        if hints:
            await self._c.run("put_back", worker, *self._pairs(hints))

    async def clean(self, destinations: Sequence[str], worker: str = "") -> int:
        """Forget hints taken and never followed, by a worker that died or by anybody too long ago;
        how many. RQ's registries follow within a second or two of a kill.
        """
        if not destinations:
            return 0
        queues = [self.name(dest, lane) for dest in destinations for lane in Lane]
        now = round(datetime.now(UTC).timestamp())
        return int(await self._c.run("clean", worker, now, CLEANED_AT_ONCE, *queues))

    async def done(
        self, worker: str, hints: Sequence[Hint], *, delivered: int = 0, failed: int = 0
    ) -> None:
        """Forget hints that were followed."""
        if hints:
            await self._c.run("done", worker, delivered, failed, *self._pairs(hints))

    def _pairs(self, hints: Sequence[Hint]) -> list[str]:
        return [cell for h in hints for cell in (self.name(h.destination, h.lane), h.id)]

    async def lengths(self, destinations: Sequence[str]) -> dict[str, tuple[int, int]]:
        """How many hints wait, by destination and lane (live, later), in one round trip."""
        pipeline = self._c.redis.pipeline(transaction=False)
        for name in destinations:
            for lane in (Lane.LIVE, Lane.LATER):
                pipeline.llen(self._c.key("queue", self.name(name, lane)))
        answers = await self._c.execute(pipeline) if destinations else []
        return {
            name: (answers[2 * index], answers[2 * index + 1])
            for index, name in enumerate(destinations)
        }

    async def length(self, destination: str, lane: Lane) -> int:
        """How many hints wait in a queue."""
        return int(
            await self._c.command("LLEN", self._c.key("queue", self.name(destination, lane)))
        )

    async def ring(self) -> None:
        """Wake one idle worker. The bell holds a few rings and never grows."""
        pipeline = self._c.redis.pipeline(transaction=False)
        pipeline.lpush(self._bell, "1")
        pipeline.ltrim(self._bell, 0, 15)
        await self._c.execute(pipeline)

    async def wait(self, seconds: float) -> bool:
        """Wait for the bell at most so long (under the connection's own deadline of 10 s)."""
        return await self._c.command("BLPOP", self._bell, min(seconds, 5.0)) is not None

    async def register(self, worker: str, destinations: Sequence[str]) -> None:
        """Show a worker to RQ: born now, on the queues of its destinations."""
        now = _iso()
        queues = [self.name(dest, lane) for dest in destinations for lane in Lane]
        key = self._c.key("worker", worker)
        pipeline = self._c.redis.pipeline(transaction=True)
        pipeline.delete(key)
        pipeline.hset(
            key,
            mapping={
                "birth": now,
                "last_heartbeat": now,
                "queues": ",".join(queues),
                "pid": os.getpid(),
                "hostname": socket.gethostname(),
                "ip_address": "unknown",
                "version": VERSION,
                "python_version": platform.python_version(),
                "state": "idle",
            },
        )
        pipeline.expire(key, WORKER_TTL)
        pipeline.sadd(self._c.key("workers"), key)
        for queue in queues:
            pipeline.sadd(self._c.key("workers", queue), key)
            pipeline.sadd(self._c.key("queues"), self._c.key("queue", queue))
        await self._c.execute(pipeline)

    async def heartbeat(self, worker: str, *, busy: bool) -> None:
        """Tell RQ the worker lives, and whether it has anything in flight."""
        key = self._c.key("worker", worker)
        pipeline = self._c.redis.pipeline(transaction=True)
        pipeline.hset(key, mapping={"last_heartbeat": _iso(), "state": "busy" if busy else "idle"})
        pipeline.expire(key, WORKER_TTL)
        await self._c.execute(pipeline)

    async def unregister(self, worker: str, destinations: Sequence[str]) -> None:
        """Tell RQ the worker is gone."""
        key = self._c.key("worker", worker)
        pipeline = self._c.redis.pipeline(transaction=True)
        pipeline.srem(self._c.key("workers"), key)
        for dest in destinations:
            for lane in Lane:
                pipeline.srem(self._c.key("workers", self.name(dest, lane)), key)
        pipeline.hset(key, "death", _iso())
        pipeline.expire(key, 60)
        await self._c.execute(pipeline)


_PAYLOAD = (f'["{JOB}", null, ["', '"], {}]')
"""RQ's payload of a call (function, instance, arguments, keywords) as JSON, around a delivery's id,
which needs no escaping. RQ deflates its own and reads both."""


def _iso() -> str:
    return str(utcformat(datetime.now(UTC)))


def _fixed_fields(queue: str, destination: str) -> list[str]:
    return [
        "origin", queue,
        "description", f"deliver to {destination}",
        "timeout", "300",
        "result_ttl", "0",
        "failure_ttl", "3600",
        "success_callback_name", "",
        "failure_callback_name", "",
        "stopped_callback_name", "",
        "started_at", "",
        "ended_at", "",
        "last_heartbeat", "",
        "worker_name", "",
        "group_id", "",
    ]  # fmt: skip
