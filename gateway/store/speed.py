"""How fast leads were within the last day: counted by hour, by whose they are, by how far they got.

Reads what ``observe_speed`` in ``lua/_prelude.lua`` counts: one hash per hour, gone after two days.
A bucket is an eighth of an octave wide, so that a time read from it is within 5 % of the true one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gateway.store.connection import Connection
from gateway.store.counts import HOURS_SHOWN

Stage = Literal["received", "delivered", "claimed"]
STAGES: tuple[Stage, ...] = ("received", "delivered", "claimed")
PER_OCTAVE = 8
"""Buckets from a time to its double; ``lua/_prelude.lua`` has the same number."""
ACCURACY = 0.05


@dataclass(frozen=True, slots=True)
class Times:
    """How many leads took how long, in buckets that grow with the time."""

    buckets: Mapping[int, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many were counted."""
        return sum(self.buckets.values())

    def quantile(self, share: float) -> float | None:
        """The time in seconds under which ``share`` of them stayed, within :data:`ACCURACY`."""
        rank, below = share * self.count, 0
        for bucket in sorted(self.buckets):
            below += self.buckets[bucket]
            if below >= rank and below:
                return middle(bucket)
        return None


def middle(bucket: int) -> float:
    """The time in seconds that a bucket stands for: the middle of its ends, by their ratio."""
    return 0.0 if bucket == 0 else 2 ** ((bucket - 0.5) / PER_OCTAVE) / 1000


@dataclass(frozen=True, slots=True)
class Day:
    """The last 24 hours, the current one last. What is asked for and was never counted is empty."""

    hours: tuple[Mapping[tuple[str, str], Mapping[int, int]], ...]

    def times(self, stage: Stage, whose: str = "all") -> Times:
        """Of the whole day; ``whose`` is ``all``, ``source=…``, ``destination=…``, ``agent=…``."""
        total: dict[int, int] = {}
        for hour in self.hours:
            for bucket, count in hour.get((stage, whose), {}).items():
                total[bucket] = total.get(bucket, 0) + count
        return Times(total)

    def by_hour(self, stage: Stage, whose: str = "all") -> tuple[Times, ...]:
        """Of each hour."""
        return tuple(Times(hour.get((stage, whose), {})) for hour in self.hours)

    def names(self, kind: str) -> list[str]:
        """Every source, destination or agent that anything was counted of."""
        found = {whose for hour in self.hours for _, whose in hour}
        return sorted(item.partition("=")[2] for item in found if item.startswith(f"{kind}="))


class Speed:
    """Reads the times."""

    def __init__(self, connection: Connection) -> None:
        self._c = connection

    async def day(self) -> Day:
        """The last 24 hours, in one round trip after the clock."""
        current = await self._c.now_ms() // 3_600_000
        pipeline = self._c.redis.pipeline(transaction=False)
        for hour in range(current - HOURS_SHOWN + 1, current + 1):
            pipeline.hgetall(self._c.key("speed", str(hour)))
        answers = await self._c.execute(pipeline)
        return Day(tuple(_hour(answer) for answer in answers))


def _hour(table: Mapping[bytes, bytes]) -> Mapping[tuple[str, str], Mapping[int, int]]:
    found: dict[tuple[str, str], dict[int, int]] = {}
    for name, count in table.items():
        stage, bucket, whose = name.decode().split("|", 2)
        found.setdefault((stage, whose), {})[int(bucket)] = int(count)
    return found
