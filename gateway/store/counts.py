"""What the scripts count, so that any process can answer for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.store.connection import Connection

BOUNDS: tuple[float, ...] = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 5,
    10, 30, 60, 300, 900, 3600,
)  # fmt: skip
"""Upper bounds of the histograms in seconds; ``lua/_prelude.lua`` has the same list."""


_BUCKETS = range(1, len(BOUNDS) + 2)

HOURS_KEPT = 48
"""Slots of the rings that count by hour; ``lua/_prelude.lua`` has the same number."""
HOURS_SHOWN = 24


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts per bound of :data:`BOUNDS`, the last one for all that is longer; ``total`` in
    seconds.
    """

    buckets: tuple[int, ...] = (0,) * (len(BOUNDS) + 1)
    total: float = 0.0

    @property
    def count(self) -> int:
        """How many were observed."""
        return sum(self.buckets)

    def quantile(self, share: float) -> float | None:
        """The time in seconds under which ``share`` of the observations stayed, interpolated."""
        if not self.count:
            return None
        rank, below = share * self.count, 0
        for index, bucket in enumerate(self.buckets):
            if bucket and below + bucket >= rank:
                low = BOUNDS[index - 1] if index else 0.0
                high = BOUNDS[index] if index < len(BOUNDS) else BOUNDS[-1]
                return low + (high - low) * (rank - below) / bucket
            below += bucket
        return BOUNDS[-1]


@dataclass(frozen=True, slots=True)
class DestinationCounts:
    """One destination's counters since the store began."""

    outcomes: Mapping[str, int] = field(default_factory=dict)
    attempt: Histogram = Histogram()
    accepted_to_delivered: Histogram = Histogram()
    portal_to_delivered: Histogram = Histogram()


@dataclass(frozen=True, slots=True)
class SourceCounts:
    """One source's counters since the store began; ``received`` by category."""

    received: Mapping[str, int] = field(default_factory=dict)
    duplicate: int = 0
    rejected: int = 0
    missed: int = 0
    """Leads that only a second look found."""
    polls: int = 0
    poll_seconds: float = 0.0


class Counts:
    """Reads the counters."""

    def __init__(self, connection: Connection) -> None:
        self._c = connection

    async def destinations(self, names: Sequence[str]) -> dict[str, DestinationCounts]:
        """Counters of each destination."""
        tables = await self._tables([self._c.key("counts", name) for name in names])
        return {
            name: DestinationCounts(
                outcomes={
                    field_name.removeprefix("outcome:"): value
                    for field_name, value in table.items()
                    if field_name.startswith("outcome:")
                },
                attempt=_histogram(table, "attempt"),
                accepted_to_delivered=_histogram(table, "accepted"),
                portal_to_delivered=_histogram(table, "portal"),
            )
            for name, table in zip(names, tables, strict=True)
        }

    async def sources(self, names: Sequence[str]) -> dict[str, SourceCounts]:
        """Counters of each source."""
        keys = [self._c.key("counts"), *(self._c.key("counts", f"source={name}") for name in names)]
        overall, *tables = await self._tables(keys)
        return {
            name: SourceCounts(
                received={
                    field_name.removeprefix(f"received:{name}:"): value
                    for field_name, value in overall.items()
                    if field_name.startswith(f"received:{name}:")
                },
                duplicate=overall.get(f"duplicate:{name}", 0),
                rejected=overall.get(f"rejected:{name}", 0),
                missed=overall.get(f"missed:{name}", 0),
                polls=table.get("polls", 0),
                poll_seconds=table.get("poll_ms", 0) / 1000,
            )
            for name, table in zip(names, tables, strict=True)
        }

    async def received_by_hour(self) -> tuple[int, ...]:
        """Leads received in each of the last 24 hours, the current one last."""
        (hours,) = await self._hours([self._c.key("hours", "received")])
        return hours

    async def by_hour(self, names: Sequence[str]) -> dict[str, tuple[int, ...]]:
        """What the scripts count by hour, such as ``escalated``: the last 24, the current one
        last.
        """
        found = await self._hours([self._c.key("hours", name) for name in names])
        return dict(zip(names, found, strict=True))

    async def claims(self, kind: str, names: Sequence[str]) -> dict[str, Histogram]:
        """Times from the portal to the claim, by ``agent`` or ``source``, since the store began."""
        tables = await self._tables([self._c.key("counts", f"{kind}:{name}") for name in names])
        return {name: _histogram(table, "claim") for name, table in zip(names, tables, strict=True)}

    async def speed(self) -> tuple[Histogram, ...]:
        """Times from the portal to delivered in each of the last 24 hours, the current one last."""
        current = await self._c.now_ms() // 3_600_000
        (table,) = await self._tables([self._c.key("hours", "speed")])
        found = []
        for hour in range(current - HOURS_SHOWN + 1, current + 1):
            slot = hour % HOURS_KEPT
            fresh = table.get(f"hour:{slot}") == hour
            buckets = (table.get(f"{slot}:{i}", 0) if fresh else 0 for i in _BUCKETS)
            found.append(Histogram(tuple(buckets)))
        return tuple(found)

    async def dead_reasons(self, names: Sequence[str]) -> dict[str, dict[str, int]]:
        """Dead letters of each destination by why they died, the most first."""
        tables = await self._tables([self._c.key("dead_reasons", name) for name in names])
        return {
            name: dict(sorted(table.items(), key=lambda pair: (-pair[1], pair[0])))
            for name, table in zip(names, tables, strict=True)
        }

    async def delivered_by_hour(self, names: Sequence[str]) -> dict[str, tuple[int, ...]]:
        """Deliveries made to each destination in each of the last 24 hours, the current
        one last.
        """
        found = await self._hours([self._c.key("hours", "delivered", name) for name in names])
        return dict(zip(names, found, strict=True))

    async def _hours(self, keys: Sequence[str]) -> list[tuple[int, ...]]:
        current = await self._c.now_ms() // 3_600_000
        wanted = range(current - HOURS_SHOWN + 1, current + 1)
        return [
            tuple(
                table.get(f"count:{hour % HOURS_KEPT}", 0)
                if table.get(f"hour:{hour % HOURS_KEPT}") == hour
                else 0
                for hour in wanted
            )
            for table in await self._tables(keys)
        ]

    async def _tables(self, keys: Sequence[str]) -> list[dict[str, int]]:
        pipeline = self._c.redis.pipeline(transaction=False)
        for key in keys:
            pipeline.hgetall(key)
        answers = await self._c.execute(pipeline) if keys else []
        return [
            {name.decode(): int(value) for name, value in answer.items()}
            if isinstance(answer, dict)
            else {}
            for answer in answers
        ]


def _histogram(table: Mapping[str, int], name: str) -> Histogram:
    return Histogram(
        buckets=tuple(table.get(f"{name}:{index}", 0) for index in _BUCKETS),
        total=table.get(f"{name}:sum", 0) / 1000,
    )
