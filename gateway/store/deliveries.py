"""Deliveries in the store: begun, finished, handed back, replayed, discarded, listed.

Each change is one script, from a named state to a named state; a stale caller is told no.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from gateway.delivery import Attempt, Delivery, Lane, Reason, State
from gateway.lead import Lead
from gateway.store.connection import Connection
from gateway.store.paging import Page, check_cursor, cursor_at, pages_of

INTERRUPTIONS_ALLOWED = 5
"""A delivery interrupted this often is dead (contract §7)."""

FAILURES_THAT_BREAK = 8
"""Failures in a row that open a destination's breaker."""

_FIELDS = (
    "lead", "lead_id", "source", "destination", "occasion", "state", "reason", "created",
    "made", "due", "done", "remote", "lane",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Work:
    """A delivery this worker has begun, with all that is needed to make it."""

    id: str
    destination: str
    lead: Lead
    occasion: str
    accepted_at: datetime
    number: int
    """The number of this attempt, 1 for the first ever made."""
    made: int
    """Attempts that counted against the schedule so far."""
    interrupted: int
    lane: Lane
    saved: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Claim:
    """A wish to begin some deliveries of one destination.

    ``timeout`` in seconds bounds how long a probe of a broken destination keeps others away;
    ``rate`` is (count, window in seconds), kept over all workers.
    """

    destination: str
    ids: Sequence[str]
    timeout: float
    rate: tuple[int, float] | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """What a worker got. ``refused`` says why the rest stays (paused, rate, broken, throttled,
    lease).

    ``wait`` is in seconds: asking again earlier is in vain. ``waiting`` counts what is still ready,
    by lane.
    """

    work: list[Work]
    refused: str = ""
    wait: float = 0.0
    waiting: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Report:
    """How one attempt ended, as plain values for the script."""

    delivery_id: str
    number: int
    outcome: str
    reason: Reason
    duration_ms: int
    status: int | None = None
    answer: str = ""
    uncertain: bool = False
    wait: float | None = None
    """Seconds until the next try; None when there is none."""
    remote_id: str = ""
    saved: dict[str, Any] | None = None
    health: str = "unknown"
    throttle: float | None = None
    pause: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """The state a report led to (or ``stale``, ``gone``), and what it did to the destination."""

    state: str
    destination_now: str = ""


@dataclass(frozen=True, slots=True)
class Returned:
    """A delivery that went back to where workers look."""

    id: str
    destination: str
    lane: Lane


@dataclass(frozen=True, slots=True)
class Due:
    """What became ready, by destination, and the seconds until the next will (None: none waits)."""

    moved: dict[str, list[str]]
    next_in: float | None


class Deliveries:
    """Reads and moves deliveries."""

    def __init__(self, connection: Connection) -> None:
        self._c = connection

    async def begin(self, worker: str, claims: Sequence[Claim]) -> list[Begun]:
        """Claim ready deliveries, several destinations in one round trip, in the claims' order.

        Ids that are not ready any more fall out.
        """
        calls = [
            (
                "begin",
                (
                    worker,
                    claim.destination,
                    claim.rate[0] if claim.rate else "",
                    round(claim.rate[1] * 1000) if claim.rate else "",
                    round(claim.timeout * 1000),
                    *claim.ids,
                ),
            )
            for claim in claims
        ]
        begun = []
        for claim, answer in zip(claims, await self._answers(calls), strict=True):
            refused, wait, live, later, *rows = answer
            work = [_work(row, claim.destination) for row in rows]
            begun.append(Begun(work, refused.decode(), wait / 1000, (live, later)))
        return begun

    async def finish(self, worker: str, reports: Sequence[Report]) -> list[Finished]:
        """Write down how attempts ended, in one round trip."""
        calls = [("finish", _report(worker, report)) for report in reports]
        finished = []
        for answer in await self._answers(calls):
            state, happened = (part.decode() for part in answer)
            finished.append(Finished(state, happened))
        return finished

    async def hand_back(self, worker: str, ids: Sequence[str], *, sent: bool) -> list[Returned]:
        """Return what this worker began; ``sent`` when something may have gone out."""
        rows = await self._c.run("hand_back", worker, int(sent), *ids) if ids else []
        return [Returned(row[0].decode(), row[1].decode(), Lane(row[2].decode())) for row in rows]

    async def owned(self, worker: str) -> set[str]:
        """What the store believes this worker has in its hands."""
        found = await self._c.command("SMEMBERS", self._c.key("owned", worker))
        return {item.decode() for item in found}

    async def reap(self, worker: str, limit: int = 100) -> tuple[int, list[Returned], int]:
        """Take back what a dead worker held: how many are left, what is ready again, how many
        died.
        """
        left, *rows = await self._c.run("reap", worker, limit, INTERRUPTIONS_ALLOWED)
        back = [
            Returned(row[0].decode(), row[1].decode(), Lane(row[2].decode()))
            for row in rows
            if row[3] == b"ready"
        ]
        return left, back, sum(row[3] == b"dead" for row in rows)

    async def sweep_due(self, destinations: Sequence[str], limit: int = 200) -> Due:
        """Move what is due to ready for several destinations, in one round trip."""
        calls = [("due", (name, limit)) for name in destinations]
        moved: dict[str, list[str]] = {}
        waits: list[float] = []
        for name, answer in zip(destinations, await self._answers(calls), strict=True):
            next_ms, *ids = answer
            if next_ms >= 0:
                waits.append(next_ms / 1000)
            if ids:
                moved[name] = [item.decode() for item in ids]
        return Due(moved, min(waits, default=None))

    async def waiting(self, destinations: Sequence[str]) -> dict[str, tuple[int, int]]:
        """How many are ready, by destination and lane (live, later), in one round trip."""
        pipeline = self._c.redis.pipeline(transaction=False)
        for name in destinations:
            pipeline.zcard(self._c.key("ready", name, "live"))
            pipeline.zcard(self._c.key("ready", name, "later"))
        answers = await self._c.execute(pipeline) if destinations else []
        return {
            name: (answers[2 * index], answers[2 * index + 1])
            for index, name in enumerate(destinations)
        }

    async def ready(self, destination: str, lane: Lane, limit: int) -> list[str]:
        """The first ready deliveries of a lane, in the order they should go."""
        found = await self._c.command(
            "ZRANGE", self._c.key("ready", destination, lane), 0, limit - 1
        )
        return [item.decode() for item in found]

    async def replay(self, ids: Sequence[str], *, force: bool = False) -> list[tuple[str, str]]:
        """Try again now: (``replayed`` or why not, destination) for each id."""
        calls = [("replay", (item, int(force))) for item in ids]
        return [(answer[0].decode(), answer[1].decode()) for answer in await self._answers(calls)]

    async def discard(self, ids: Sequence[str], reason: Reason = Reason.DISCARDED) -> list[str]:
        """Give up what is not delivered: ``discarded`` or why not, for each id."""
        calls = [("discard", (item, reason.value)) for item in ids]
        return [answer.decode() for answer in await self._answers(calls)]

    async def get(self, delivery_id: str) -> Delivery | None:
        """One delivery with every attempt."""
        pipeline = self._c.redis.pipeline(transaction=False)
        pipeline.hmget(self._c.key("delivery", delivery_id), *_FIELDS)
        pipeline.lrange(self._c.key("attempts", delivery_id), 0, -1)
        fields, attempts = await self._c.execute(pipeline)
        found = _delivery(delivery_id, fields)
        if found is None:
            return None
        return replace(found, attempts=tuple(_attempt(item) for item in attempts))

    async def get_many(self, ids: Sequence[str]) -> list[Delivery]:
        """Deliveries without their attempts, in one round trip; unknown ids fall out."""
        pipeline = self._c.redis.pipeline(transaction=False)
        for item in ids:
            pipeline.hmget(self._c.key("delivery", item), *_FIELDS)
        answers = await self._c.execute(pipeline) if ids else []
        found = [_delivery(item, fields) for item, fields in zip(ids, answers, strict=True)]
        return [delivery for delivery in found if delivery is not None]

    async def page(
        self,
        cursor: str | None = None,
        limit: int = 50,
        *,
        destinations: Sequence[str] | None = None,
        states: Sequence[State] = (),
        reason: Reason | None = None,
    ) -> Page[Delivery]:
        """Deliveries, newest first. Dead ones come by the time they died.

        With filters a page may be shorter than ``limit`` and still have a next one: a listing reads
        at most ten pages' worth of entries for one page.
        """
        check_cursor(cursor)
        names = destinations if destinations is not None else await self.destinations()
        dead_only = tuple(states) == (State.DEAD,)
        keys = [self._c.key("dead" if dead_only else "deliveries", name) for name in names]
        items: list[Delivery] = []
        for _ in range(10):
            ids, cursor = await self._merged(keys, cursor, limit)
            items += [
                delivery
                for delivery in await self.get_many(ids)
                if (not states or delivery.state in states)
                and (reason is None or delivery.reason is reason)
            ]
            if len(items) >= limit or cursor is None:
                break
        return Page(items, cursor)

    async def destinations(self) -> list[str]:
        """Every destination that ever had a delivery."""
        found = await self._c.command("SMEMBERS", self._c.key("destinations"))
        return sorted(item.decode() for item in found)

    async def _merged(
        self, keys: Sequence[str], cursor: str | None, limit: int
    ) -> tuple[list[str], str | None]:
        if len(keys) == 1:
            return await pages_of(self._c, keys[0], cursor, limit)
        streams = []
        more = False
        for key in keys:
            names, rest = await pages_of(self._c, key, cursor, limit)
            more = more or rest is not None
            scores = await self._scores(key, names)
            streams.append([(-score, name) for name, score in zip(names, scores, strict=True)])
        # Within one score, names fall, as pages_of gives them.
        merged = list(heapq.merge(*streams, key=lambda pair: (pair[0], [-ord(c) for c in pair[1]])))
        kept = merged[:limit]
        if not kept or (len(merged) <= limit and not more):
            return [name for _, name in kept], None
        return [name for _, name in kept], cursor_at(kept[-1][1], -kept[-1][0])

    async def _scores(self, key: str, names: Sequence[str]) -> list[float]:
        if not names:
            return []
        return [float(score) for score in await self._c.command("ZMSCORE", key, *names)]

    async def _answers(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        answers = await self._c.run_many(calls)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return answers


def _work(row: Sequence[Any], destination: str) -> Work:
    identifier, number, made, cut, lane, occasion, created, saved, body = row
    return Work(
        id=identifier.decode(),
        destination=destination,
        lead=Lead.from_json(body),
        occasion=occasion.decode(),
        accepted_at=datetime.fromtimestamp(int(created) / 1000, UTC),
        number=number,
        made=made,
        interrupted=cut,
        lane=Lane(lane.decode()),
        saved=json.loads(saved) if saved else {},
    )


def _report(worker: str, report: Report) -> list[Any]:
    return [
        report.delivery_id,
        worker,
        report.number,
        report.outcome,
        report.reason.value,
        "" if report.status is None else report.status,
        report.duration_ms,
        report.answer,
        int(report.uncertain),
        "" if report.wait is None else round(report.wait * 1000),
        report.remote_id,
        json.dumps(report.saved, separators=(",", ":")) if report.saved else "",
        report.health,
        "" if report.throttle is None else round(report.throttle * 1000),
        int(report.pause),
        FAILURES_THAT_BREAK,
    ]


def _delivery(identifier: str, fields: Any) -> Delivery | None:
    if isinstance(fields, BaseException) or fields[0] is None:
        return None
    value = {name: (raw or b"").decode() for name, raw in zip(_FIELDS, fields, strict=True)}
    return Delivery(
        id=identifier,
        lead_uid=value["lead"],
        lead_id=value["lead_id"],
        source=value["source"],
        destination=value["destination"],
        occasion=value["occasion"],
        state=State(value["state"]),
        reason=Reason(value["reason"]) if value["reason"] else None,
        created_at=_moment(value["created"]) or datetime.fromtimestamp(0, UTC),
        attempts_made=int(value["made"] or 0),
        next_attempt_at=_moment(value["due"]),
        delivered_at=_moment(value["done"]),
        remote_id=value["remote"] or None,
        lane=Lane(value["lane"]),
    )


def _attempt(raw: bytes) -> Attempt:
    number, at, duration, outcome, reason, status, uncertain, answer = json.loads(raw)
    return Attempt(
        number=int(number),
        at=datetime.fromtimestamp(int(at) / 1000, UTC),
        duration_ms=int(duration),
        outcome=outcome,
        reason=Reason(reason),
        status=int(status) if status != "" else None,
        answer=answer,
        uncertain=bool(int(uncertain)),
    )


def _moment(text: str) -> datetime | None:
    return datetime.fromtimestamp(int(text) / 1000, UTC) if text else None
