"""Sources in the store: checkpoints, the first-run floor, the last problem, shared tokens."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gateway.store.connection import Connection


@dataclass(frozen=True, slots=True)
class SourceState:
    """What is known of a source. ``state``: up, down, refused or paused; new until first polled."""

    name: str
    state: str = "new"
    problem: str | None = None
    last_success_at: datetime | None = None
    next_try_at: datetime | None = None
    floor: datetime | None = None
    checkpoints: dict[str, datetime] = field(default_factory=dict)
    feed_problems: dict[str, str] = field(default_factory=dict)
    clock_skew: float | None = None
    """Seconds the portal's clock is ahead of ours."""
    poll_seconds: float | None = None

    @property
    def checkpoint(self) -> datetime | None:
        """The oldest feed's checkpoint: everything before it is stored."""
        return min(self.checkpoints.values(), default=None)


class Sources:
    """Reads and writes what is known of each source."""

    def __init__(self, connection: Connection) -> None:
        self._c = connection

    async def begin(self, name: str, floor: datetime) -> datetime:
        """Write down where a source starts, once and before its first request; the floor
        in force.
        """
        key = self._c.key("source", name)
        pipeline = self._c.redis.pipeline(transaction=True)
        pipeline.hsetnx(key, "floor", _ms(floor))
        pipeline.hget(key, "floor")
        pipeline.sadd(self._c.key("sources"), name)
        answers = await self._c.execute(pipeline)
        return _moment(answers[1]) or floor

    async def get(self, name: str) -> SourceState:
        """One source's state."""
        raw = await self._c.command("HGETALL", self._c.key("source", name))
        pairs = raw.items() if isinstance(raw, dict) else zip(raw[::2], raw[1::2], strict=True)
        fields = {key.decode(): value for key, value in pairs}
        text = {key: value.decode() for key, value in fields.items()}
        prefix = "checkpoint:"
        state = text.get("state", "new")
        return SourceState(
            name=name,
            state="paused" if "paused" in text else state,
            problem=text.get("problem"),
            last_success_at=_moment(fields.get("success")),
            next_try_at=_moment(fields.get("next")),
            floor=_moment(fields.get("floor")),
            checkpoints={
                key.removeprefix(prefix): moment
                for key, value in fields.items()
                if key.startswith(prefix) and (moment := _moment(value))
            },
            feed_problems={
                key.removeprefix("feed:"): value
                for key, value in text.items()
                if key.startswith("feed:")
            },
            clock_skew=float(text["skew"]) if "skew" in text else None,
            poll_seconds=float(text["took"]) if "took" in text else None,
        )

    async def names(self) -> list[str]:
        """Every source that ever began."""
        found = await self._c.command("SMEMBERS", self._c.key("sources"))
        return sorted(item.decode() for item in found)

    async def checkpoint(self, name: str, feed: str, at: datetime, token: int) -> str:
        """Move a feed's checkpoint forward: moved, behind, or fenced (somebody else polls now)."""
        answer: bytes = await self._c.run("checkpoint", name, feed, _ms(at), token)
        return answer.decode()

    async def succeeded(
        self, name: str, at: datetime, *, took: float, skew: float | None, feeds: dict[str, str]
    ) -> None:
        """Note a poll that read at least one feed. ``feeds`` are those that failed, with the
        reason.
        """
        key = self._c.key("source", name)
        state = await self.get(name)
        pipeline = self._c.redis.pipeline(transaction=True)
        pipeline.hset(key, mapping={"state": "up", "success": _ms(at), "took": f"{took:.4f}"})
        if skew is not None:
            pipeline.hset(key, "skew", f"{skew:.1f}")
        pipeline.hdel(key, "problem", "next")
        gone = [f"feed:{feed}" for feed in state.feed_problems if feed not in feeds]
        if gone:
            pipeline.hdel(key, *gone)
        if feeds:
            pipeline.hset(key, mapping={f"feed:{feed}": text for feed, text in feeds.items()})
        counts = self._c.key("counts", f"source={name}")
        pipeline.hincrby(counts, "polls", 1)
        pipeline.hincrby(counts, "poll_ms", round(took * 1000))
        await self._c.execute(pipeline)

    async def failed(self, name: str, state: str, problem: str, next_try: datetime) -> None:
        """Note a poll that read nothing: ``down`` or ``refused``, why, and when it is
        tried again.
        """
        await self._c.command(
            "HSET", self._c.key("source", name),
            "state", state, "problem", problem, "next", _ms(next_try),
        )  # fmt: skip

    async def pause(self, name: str) -> None:
        """Stop polling a source until it is resumed."""
        await self._c.command("HSET", self._c.key("source", name), "paused", "1")
        await self.wake(name)

    async def resume(self, name: str) -> None:
        """Poll again."""
        await self._c.command("HDEL", self._c.key("source", name), "paused")
        await self.wake(name)

    async def reset(self, name: str) -> None:
        """Forget floor, checkpoints and problems: the next poll is a first run. Leads
        stay known.
        """
        await self._c.command("DEL", self._c.key("source", name))

    async def wake(self, name: str) -> None:
        """Ask the poller to look at a source now."""
        key = self._c.key("wake", name)
        pipeline = self._c.redis.pipeline(transaction=True)
        pipeline.lpush(key, "1")
        pipeline.ltrim(key, 0, 0)
        pipeline.expire(key, 60)
        await self._c.execute(pipeline)

    async def woken(self, name: str) -> bool:
        """Whether somebody asked for a poll since the last time this was asked."""
        return await self._c.command("RPOP", self._c.key("wake", name)) is not None

    async def load_token(self, key: str) -> dict[str, Any] | None:
        """The token document kept under ``key``, or None."""
        raw = await self._c.command("GET", self._c.key("token", key))
        return json.loads(raw) if raw else None

    async def save_token(self, key: str, token: dict[str, Any], ttl: float) -> None:
        """Keep a token for ``ttl`` seconds."""
        await self._c.command(
            "SET", self._c.key("token", key), json.dumps(token), "PX", max(1, round(ttl * 1000))
        )

    async def lock_token(self, key: str, seconds: float) -> bool:
        """Become the one process that asks for a new token; False if another already does."""
        done = await self._c.command(
            "SET", self._c.key("token", key, "lock"), "1", "NX", "PX", round(seconds * 1000)
        )
        return done is not None

    async def unlock_token(self, key: str) -> None:
        """Let others ask again."""
        await self._c.command("DEL", self._c.key("token", key, "lock"))


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _moment(raw: bytes | None) -> datetime | None:
    return datetime.fromtimestamp(int(raw) / 1000, UTC) if raw else None
