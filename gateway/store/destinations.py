"""Destinations in the store: paused, broken, closed for a while, and what waits for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.store.connection import Connection


@dataclass(frozen=True, slots=True)
class DestinationState:
    """How a destination is. ``state``: up, paused or broken; ``reason`` says why it is not up."""

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
            "paused", "closed_until", "fails",
            "broken_at", "probe_at", "probe_wait", "broken_reason",
        )  # fmt: skip

    async def describe(self, names: Sequence[str]) -> list[DestinationState]:
        """The state of each destination, in one round trip."""
        if not names:
            return []
        pipeline = self._c.redis.pipeline(transaction=False)
        pipeline.time()
        for name in names:
            pipeline.hmget(
                self._c.key("destination", name),
                "paused", "broken_at", "broken_reason", "closed_until", "probe_at", "fails",
            )  # fmt: skip
            pipeline.zcard(self._c.key("ready", name, "live"))
            pipeline.zcard(self._c.key("ready", name, "later"))
            pipeline.zcard(self._c.key("due", name))
            pipeline.zcard(self._c.key("dead", name))
            pipeline.hget(self._c.key("counts", name), "outcome:delivered")
            pipeline.zrange(self._c.key("ready", name, "live"), 0, 0, withscores=True)
        time, *answers = await self._c.execute(pipeline)
        now = float(time[0]) + float(time[1]) / 1e6 + self._c.clock_shift
        states = []
        for index, name in enumerate(names):
            fields, live, later, due, dead, delivered, oldest = answers[index * 7 : index * 7 + 7]
            paused, broken_at, broken_reason, closed, probe, failures = (
                value.decode() if value else None for value in fields
            )
            closed_until = _moment(closed)
            if closed_until and closed_until.timestamp() <= now:
                closed_until = None
            state = "paused" if paused else "broken" if broken_at else "up"
            waits_since = float(oldest[0][1]) / 1000 if oldest else 0
            states.append(
                DestinationState(
                    name=name,
                    state=state,
                    reason=paused or broken_reason,
                    pending=live,
                    delivering=0,
                    retrying=later + due,
                    dead=dead,
                    delivered=int(delivered or 0),
                    closed_until=closed_until,
                    broken_since=_moment(broken_at),
                    next_probe_at=_moment(probe) if broken_at else None,
                    failures=int(failures or 0),
                    oldest_pending_seconds=max(0.0, now - waits_since) if waits_since else 0.0,
                )
            )
        return states


def _moment(text: str | None) -> datetime | None:
    return datetime.fromtimestamp(int(text) / 1000, UTC) if text else None
