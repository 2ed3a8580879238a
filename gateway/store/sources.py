"""Sources in the store: checkpoints, the first-run floor, the last problem, shared tokens."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from gateway.store.connection import Connection
from gateway.store.sealing import Seal, Unreadable
from gateway.store.source_state import (
    FeedTrouble,
    SourceState,
    in_ms,
    read_state,
    write_troubles,
)


class Sources:
    """Reads and writes what is known of each source."""

    def __init__(self, connection: Connection, seal: Seal) -> None:
        self._c = connection
        self._seal = seal

    async def begin(self, name: str, floor: datetime) -> SourceState:
        """Write down where a source starts, once and before its first request; its state."""
        pipeline = self._c.redis.pipeline(transaction=True)
        key = self._c.key("source", name)
        pipeline.hsetnx(key, "floor", in_ms(floor))
        pipeline.hsetnx(key, "since", in_ms(datetime.now(UTC)))
        pipeline.sadd(self._c.key("sources"), name)
        return await self._state(name, pipeline)

    async def get(self, name: str) -> SourceState:
        """One source's state."""
        return await self._state(name, self._c.redis.pipeline(transaction=False))

    async def _state(self, name: str, pipeline: Any) -> SourceState:
        """What is known of a source after the commands of ``pipeline``, in the same round trip."""
        pipeline.hgetall(self._c.key("source", name))
        pipeline.smembers(self._c.key("nulled", name))
        *_, fields, held = await self._c.execute(pipeline)
        for answer in (fields, held):
            if isinstance(answer, BaseException):
                raise answer
        return read_state(name, {key.decode(): value for key, value in fields.items()}, held)

    async def names(self) -> list[str]:
        """Every source that ever began."""
        found = await self._c.command("SMEMBERS", self._c.key("sources"))
        return sorted(item.decode() for item in found)

    async def move(self, name: str, checkpoints: Mapping[str, datetime], token: int) -> bool:
        """Move feeds' checkpoints forward; False when somebody else polls now."""
        pairs = [cell for feed, at in checkpoints.items() for cell in (feed, in_ms(at))]
        return bool(await self._c.run("checkpoint", name, token, *pairs) == b"moved")

    async def succeeded(
        self,
        name: str,
        at: datetime,
        *,
        took: float,
        skew: float | None,
        troubles: Mapping[str, FeedTrouble],
        again: int = 0,
    ) -> None:
        """Note a poll that read at least one feed. ``troubles`` are those of the others, ``again``
        is how many leads it read that were known.
        """
        key = self._c.key("source", name)
        pipeline = self._c.redis.pipeline(transaction=True)
        pipeline.hset(key, mapping={"state": "up", "success": in_ms(at), "took": f"{took:.4f}"})
        pipeline.hset(key, "troubles", write_troubles(troubles))
        if skew is not None:
            pipeline.hset(key, "skew", f"{skew:.1f}")
        pipeline.hdel(key, "problem", "next", "details")
        counts = self._c.key("counts", f"source={name}")
        pipeline.hincrby(counts, "polls", 1)
        pipeline.hincrby(counts, "poll_ms", round(took * 1000))
        if again:
            pipeline.hincrby(self._c.key("counts"), f"duplicate:{name}", again)
        await self._c.execute(pipeline)

    async def failed(
        self,
        name: str,
        state: str,
        trouble: FeedTrouble,
        troubles: Mapping[str, FeedTrouble] | None = None,
    ) -> None:
        """Note a poll that read nothing: ``down`` or ``refused``, why, and when it is
        tried again; ``troubles`` by feed.
        """
        next_try = trouble.next_try_at
        await self._c.command(
            "HSET", self._c.key("source", name),
            "state", state, "problem", trouble.problem, "next", in_ms(next_try) if next_try else 0,
            "details", json.dumps(trouble.details), "troubles", write_troubles(troubles or {}),
        )  # fmt: skip

    async def looked(self, name: str, look: str, at: datetime, again: int = 0) -> None:
        """Note when a ``reconcile`` or a ``review`` was last done; ``again`` as for a poll."""
        key = self._c.key("source", name)
        pipeline = self._c.redis.pipeline(transaction=True)
        pipeline.hset(key, {"reconcile": "reconciled", "review": "reviewed"}[look], in_ms(at))
        if look == "review":
            pipeline.hdel(key, "review_at")
        if again:
            pipeline.hincrby(self._c.key("counts"), f"duplicate:{name}", again)
        await self._c.execute(pipeline)

    async def reviewing(self, name: str, at: datetime) -> None:
        """Note how far a review has come."""
        await self._c.command("HSET", self._c.key("source", name), "review_at", in_ms(at))

    async def noticed(self, name: str, what: str, leads: int) -> None:
        """Note leads that polls had ``missed``, or that had ``ended`` before they were read."""
        await self._c.run("noticed", name, what, leads)

    async def hold(self, name: str, uids: Collection[str]) -> None:
        """Keep leads that the portal nulled from being erased, until somebody decides."""
        if uids:
            await self._c.command("SADD", self._c.key("nulled", name), *uids)

    async def let_go(self, name: str, uids: Collection[str]) -> None:
        """Hold leads no longer."""
        if uids:
            await self._c.command("SREM", self._c.key("nulled", name), *uids)

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
        await self._c.run("reset", name)
        await self.wake(name)

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
        """The token document kept under ``key``, or None; also when it can not be read any more."""
        raw = await self._c.command("GET", self._c.key("token", key))
        try:
            return json.loads(self._seal.open(raw)) if raw else None
        except Unreadable:
            return None  # asking for a new one is cheaper than an old encryption key

    async def save_token(self, key: str, token: dict[str, Any], ttl: float) -> None:
        """Keep a token for ``ttl`` seconds."""
        await self._c.command(
            "SET", self._c.key("token", key), self._seal.close(json.dumps(token).encode()),
            "PX", max(1, round(ttl * 1000)),
        )  # fmt: skip

    async def lock_token(self, key: str, seconds: float) -> bool:
        """Become the one process that asks for a new token; False if another already does."""
        done = await self._c.command(
            "SET", self._c.key("token", key, "lock"), "1", "NX", "PX", round(seconds * 1000)
        )
        return done is not None

    async def unlock_token(self, key: str) -> None:
        """Let others ask again."""
        await self._c.command("DEL", self._c.key("token", key, "lock"))
