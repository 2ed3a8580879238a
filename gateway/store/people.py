"""Whose turn it is, and who wrote before: settled once per lead, before it is accepted.

Of a person nothing is kept but keyed hashes of how they are known, for as long as a returning one
is to find the same agent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.store.connection import Connection
from gateway.store.seen import Seen

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Wish:
    """One lead to be settled. ``marks`` name its person; ``candidates`` may have it, in order.

    ``method`` and ``why`` are the choice's (gateway/assignment.py); ``away`` get no one back.
    """

    uid: str
    agency: str
    marks: Sequence[str]
    method: str
    why: str
    remembered: timedelta
    away: Sequence[str]
    candidates: Sequence[str]
    instead_of: str = ""
    """An agent it was given before it was accepted, of whom the rules know nothing any more."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Whose a lead is (None: nobody's) and why: a criterion, ``otherwise``, ``returning``,
    ``kept``, ``nobody``.

    ``recent_count`` counts this person's leads within a day, this one among them.
    """

    agent: str | None
    why: str
    recent_count: int
    first_seen_at: datetime


class People:
    """Settles leads."""

    def __init__(self, connection: Connection, seen: Seen) -> None:
        self._c = connection
        self._seen = seen

    async def settle(self, wishes: Sequence[Wish]) -> list[Settled | Exception]:
        """Whose each lead is, in one round trip; an error stands in its place."""
        answers = await self._c.run_many(
            [("assign", (self._seen.of(wish.uid), *_arguments(wish))) for wish in wishes]
        )
        return [
            answer if isinstance(answer, Exception) else _settled(*answer) for answer in answers
        ]

    async def loads(self, agents: Sequence[tuple[str, str]]) -> list[int]:
        """How many leads of the last 24 hours each (agency, agent) has that nobody claimed."""
        since = await self._c.now_ms() - _DAY_MS
        pipeline = self._c.redis.pipeline(transaction=False)
        for agency, name in agents:
            pipeline.zcount(self._c.key("load", agency, name), since, "+inf")
        return list(await self._c.execute(pipeline)) if agents else []


def _arguments(wish: Wish) -> list[object]:
    return [
        wish.agency,
        wish.method,
        wish.why,
        round(wish.remembered.total_seconds() * 1000),
        len(wish.marks),
        len(wish.away),
        wish.instead_of,
        *wish.marks,
        *wish.away,
        *wish.candidates,
    ]


def _settled(agent: bytes, why: bytes, count: int, first: bytes) -> Settled:
    seen = datetime.fromtimestamp(int(first) / 1000, UTC)
    return Settled(agent.decode() or None, why.decode(), count, seen)
