"""Destinations in the store: paused, broken, closed for a while, and what waits for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.store.connection import Connection


@dataclass(frozen=True, slots=True)
class DestinationState:
    """How a destination is. ``state``: up, paused or broken; ``reason`` says why it is not up.

    ``pending`` to ``dead`` count deliveries by their state.
    """

    name: str
    state: str
    reason: str | None
    pending: int
    delivering: int
    retrying: int
    dead: int
    delivered: int
    """Since the store began; ``Counts.delivered_by_hour`` has the last day."""
    closed_until: datetime | None = None
    broken_since: datetime | None = None
    next_probe_at: datetime | None = None
    """When a broken destination is tried again, with one delivery."""
    failures: int = 0
    """Failures in a row, as far as they speak of the destination."""
    oldest_pending_seconds: float = 0.0
    place: str | None = None
    """Where it was when a process last started with it: kind and host."""
    moved_from: str | None = None
    """Where it was before, while it is paused because what waits was meant for that place."""


class Destinations:
    """Pauses, resumes and describes destinations."""

    def __init__(self, connection: Connection) -> None:
        self._c = connection

    async def pause(self, name: str, reason: str = "operator") -> None:
        """Stop delivering to a destination; what comes for it waits."""
        await self._c.command("HSET", self._c.key("destination", name), "paused", reason)

    async def resume(self, name: str) -> None:
        """Deliver again, and forget past trouble: the next attempt is not a probe."""
        await self._c.command(
            "HDEL", self._c.key("destination", name),
            "paused", "moved_from", "closed_until", "fails", "failing",
            "broken_at", "broken_reason", "probe", "probe_at", "probe_wait", "probed",
        )  # fmt: skip

    async def recognise(self, places: Mapping[str, str]) -> dict[str, str]:
        """Note where a starting process believes its destinations to be, kind and host.

        Those that were elsewhere, while something still waits for them, are paused until somebody
        resumes them: name and place before.
        """
        answers = await self._c.run_many([("recognise", pair) for pair in places.items()])
        moved = {}
        for name, answer in zip(places, answers, strict=True):
            if isinstance(answer, BaseException):
                raise answer
            if answer:
                moved[name] = answer.decode()
        return moved

    async def describe(self, names: Sequence[str]) -> list[DestinationState]:
        """The state of each destination, in one round trip."""
        if not names:
            return []
        pipeline = self._c.redis.pipeline(transaction=False)
        pipeline.time()
        for name in names:
            pipeline.hmget(
                self._c.key("destination", name),
                "paused", "broken_at", "broken_reason", "closed_until", "place", "probe_at",
                "fails", "moved_from",
            )  # fmt: skip
            pipeline.hmget(self._c.key("states", name), "pending", "delivering", "retrying", "dead")
            pipeline.hget(self._c.key("counts", name), "outcome:delivered")
            pipeline.zrange(self._c.key("ready", name, "live"), 0, 0, withscores=True)
        time, *answers = await self._c.execute(pipeline)
        now = float(time[0]) + float(time[1]) / 1e6 + self._c.clock_shift
        return [
            _state(name, answers[index * 4 : index * 4 + 4], now)
            for index, name in enumerate(names)
        ]


def _state(name: str, answers: Sequence[Any], now: float) -> DestinationState:
    fields, counts, delivered, oldest = answers
    paused, broken_at, broken_reason, closed, place, probe, failures, moved_from = (
        value.decode() if value else None for value in fields
    )
    pending, delivering, retrying, dead = (max(0, int(value or 0)) for value in counts)
    closed_until = _moment(closed)
    if closed_until and closed_until.timestamp() <= now:
        closed_until = None
    waits_since = float(oldest[0][1]) / 1000 if oldest else 0
    return DestinationState(
        name=name,
        state="paused" if paused else "broken" if broken_at else "up",
        reason=paused or broken_reason,
        pending=pending,
        delivering=delivering,
        retrying=retrying,
        dead=dead,
        delivered=int(delivered or 0),
        closed_until=closed_until,
        broken_since=_moment(broken_at),
        next_probe_at=_moment(probe) if broken_at else None,
        failures=int(failures or 0),
        oldest_pending_seconds=max(0.0, now - waits_since) if waits_since else 0.0,
        place=place,
        moved_from=moved_from,
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromtimestamp(int(text) / 1000, UTC) if text else None
