"""Deliveries in the store: begun, finished, handed back, replayed, discarded, listed.

Each change is one script, from a named state to a named state; a stale caller is told no.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from gateway.delivery import Delivery, Lane, Reason, State
from gateway.store import readings
from gateway.store.connection import Connection
from gateway.store.paging import Page, oldest_before
from gateway.store.sealing import Seal
from gateway.store.work import (
    Begun,
    Claim,
    Due,
    Finished,
    Replayed,
    Report,
    Returned,
    arguments_of,
    begun_of,
    claimed,
)

INTERRUPTIONS_ALLOWED = 5
"""A delivery interrupted this often is dead (contract §7)."""


class Deliveries:
    """Reads and moves deliveries."""

    def __init__(self, connection: Connection, seal: Seal) -> None:
        self._c = connection
        self._seal = seal

    async def begin(self, worker: str, claims: Sequence[Claim]) -> list[Begun]:
        """Claim ready deliveries, several destinations in one round trip, in the claims' order.

        Ids that are not ready any more fall out.
        """
        answers = await self._c.run_many([("begin", claimed(worker, claim)) for claim in claims])
        return [
            begun_of(answer, claim.destination, self._seal)
            for claim, answer in zip(claims, answers, strict=True)
        ]

    async def finish(self, worker: str, reports: Sequence[Report]) -> list[Finished]:
        """Write down how attempts ended, in one round trip; one's failure stops no other."""
        answers = await self._c.run_many(
            [("finish", arguments_of(worker, report, self._seal)) for report in reports]
        )
        return [
            Finished("failed", str(answer))
            if isinstance(answer, BaseException)
            else Finished(answer[0].decode(), answer[1].decode())
            for answer in answers
        ]

    async def hand_back(self, worker: str, ids: Sequence[str], *, sent: bool) -> list[Returned]:
        """Return what this worker began; ``sent`` when something may have gone out."""
        if not ids:
            return []
        rows = await self._c.run("hand_back", worker, int(sent), INTERRUPTIONS_ALLOWED, *ids)
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

    async def replay(self, ids: Sequence[str], *, force: bool = False) -> list[Replayed]:
        """Try again now, one script for each id; see :class:`Replayed`."""
        answers = await self._answers([("replay", (item, int(force))) for item in ids])
        return [
            Replayed(answer[0].decode(), answer[1].decode(), Lane(answer[2].decode() or Lane.LATER))
            for answer in answers
        ]

    async def discard(self, ids: Sequence[str], reason: Reason = Reason.DISCARDED) -> list[str]:
        """Give up what is not delivered: ``discarded`` or why not, for each id."""
        calls = [("discard", (item, reason.value)) for item in ids]
        return [answer.decode() for answer in await self._answers(calls)]

    async def drop(self, destination: str, ids: Sequence[str]) -> int:
        """Drop records that are done with and whose lead is forgotten; how many went."""
        answers = await self._answers([("drop", (destination, item)) for item in ids])
        return sum(answers)

    async def made_before(
        self, destination: str, before: datetime, limit: int, skip: int = 0
    ) -> list[str]:
        """Deliveries made before a time, the oldest first, after the ``skip`` oldest of all."""
        key = self._c.key("deliveries", destination)
        return await oldest_before(self._c, key, before, limit, skip)

    async def get(self, delivery_id: str) -> Delivery | None:
        """One delivery with every attempt."""
        return await readings.one(self._c, self._seal, delivery_id)

    async def get_many(self, ids: Sequence[str]) -> list[Delivery]:
        """Deliveries without their attempts, in one round trip; unknown ids fall out."""
        return await readings.many(self._c, ids)

    async def page(
        self,
        cursor: str | None = None,
        limit: int = 50,
        *,
        destinations: Sequence[str] | None = None,
        states: Sequence[State] = (),
        reason: Reason | None = None,
    ) -> Page[Delivery]:
        """Deliveries, newest first; see :func:`gateway.store.readings.page_of`."""
        return await readings.page_of(
            self._c, cursor, limit, destinations=destinations, states=states, reason=reason
        )

    async def destinations(self) -> list[str]:
        """Every destination that ever had a delivery."""
        return await readings.destination_names(self._c)

    async def _answers(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        answers = await self._c.run_many(calls)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return answers
