"""Sources in the store: checkpoints, the first-run floor, the last problem, shared tokens."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gateway.store.connection import Connection
from gateway.store.sealing import Seal, Unreadable


@dataclass(frozen=True, slots=True)
class FeedTrouble:
    """What is wrong with one feed, in a sentence and as the portal's document, and when it is
    tried again.
    """

    problem: str
    next_try_at: datetime | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceState:
    """What is known of a source. ``state``: up, down, refused or paused; new until first polled."""

    name: str
    state: str = "new"
    problem: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    """The portal's problem document, when one came with the problem."""
    last_success_at: datetime | None = None
    next_try_at: datetime | None = None
    floor: datetime | None = None
    since: datetime | None = None
    """When it was first looked at."""
    checkpoints: dict[str, datetime] = field(default_factory=dict)
    troubles: dict[str, FeedTrouble] = field(default_factory=dict)
    clock_skew: float | None = None
    """Seconds the portal's clock is ahead of ours."""
    poll_seconds: float | None = None
    reconciled_at: datetime | None = None
    reviewed_at: datetime | None = None
    review_at: datetime | None = None
    """How far a review has come that is not over."""
    missed_at: datetime | None = None
    missed_leads: int = 0
    """When a second look last found leads that polls had passed over, and how many."""
    ended_at: datetime | None = None
    ended_leads: int = 0
    """When leads were last read whose time the portal says was over already, and how many."""
    held: frozenset[str] = frozenset()
    """Leads (uid) whose person the portal nulled and that are not erased, as too many were."""

    @property
    def checkpoint(self) -> datetime | None:
        """The oldest feed's checkpoint: everything before it is stored."""
        return min(self.checkpoints.values(), default=None)

    @property
    def feed_problems(self) -> dict[str, str]:
        """The feeds in trouble, each with its sentence."""
        return {feed: trouble.problem for feed, trouble in self.troubles.items()}


class Sources:
    """Reads and writes what is known of each source."""

    def __init__(self, connection: Connection, seal: Seal) -> None:
        self._c = connection
        self._seal = seal

    async def begin(self, name: str, floor: datetime) -> SourceState:
        """Write down where a source starts, once and before its first request; its state."""
        pipeline = self._c.redis.pipeline(transaction=True)
        key = self._c.key("source", name)
        pipeline.hsetnx(key, "floor", _ms(floor))
        pipeline.hsetnx(key, "since", _ms(datetime.now(UTC)))
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
        return _state(name, {key.decode(): value for key, value in fields.items()}, held)

    async def names(self) -> list[str]:
        """Every source that ever began."""
        found = await self._c.command("SMEMBERS", self._c.key("sources"))
        return sorted(item.decode() for item in found)

    async def move(self, name: str, checkpoints: Mapping[str, datetime], token: int) -> bool:
        """Move feeds' checkpoints forward; False when somebody else polls now."""
        pairs = [cell for feed, at in checkpoints.items() for cell in (feed, _ms(at))]
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
        pipeline.hset(key, mapping={"state": "up", "success": _ms(at), "took": f"{took:.4f}"})
        pipeline.hset(key, "troubles", _written(troubles))
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
            "state", state, "problem", trouble.problem, "next", _ms(next_try) if next_try else 0,
            "details", json.dumps(trouble.details), "troubles", _written(troubles or {}),
        )  # fmt: skip

    async def looked(self, name: str, look: str, at: datetime, again: int = 0) -> None:
        """Note when a ``reconcile`` or a ``review`` was last done; ``again`` as for a poll."""
        key = self._c.key("source", name)
        pipeline = self._c.redis.pipeline(transaction=True)
        pipeline.hset(key, {"reconcile": "reconciled", "review": "reviewed"}[look], _ms(at))
        if look == "review":
            pipeline.hdel(key, "review_at")
        if again:
            pipeline.hincrby(self._c.key("counts"), f"duplicate:{name}", again)
        await self._c.execute(pipeline)

    async def reviewing(self, name: str, at: datetime) -> None:
        """Note how far a review has come."""
        await self._c.command("HSET", self._c.key("source", name), "review_at", _ms(at))

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


def _state(name: str, fields: Mapping[str, bytes], held: Collection[bytes]) -> SourceState:
    text = {key: value.decode() for key, value in fields.items()}
    prefix = "checkpoint:"
    return SourceState(
        name=name,
        state="paused" if "paused" in text else text.get("state", "new"),
        problem=text.get("problem"),
        details=json.loads(text.get("details", "{}")),
        last_success_at=_moment(fields.get("success")),
        next_try_at=_moment(fields.get("next")),
        floor=_moment(fields.get("floor")),
        since=_moment(fields.get("since")),
        checkpoints={
            key.removeprefix(prefix): moment
            for key, value in fields.items()
            if key.startswith(prefix) and (moment := _moment(value))
        },
        troubles=_read(text.get("troubles", "{}")),
        clock_skew=float(text["skew"]) if "skew" in text else None,
        poll_seconds=float(text["took"]) if "took" in text else None,
        reconciled_at=_moment(fields.get("reconciled")),
        reviewed_at=_moment(fields.get("reviewed")),
        review_at=_moment(fields.get("review_at")),
        missed_at=_moment(fields.get("missed")),
        missed_leads=int(text.get("missed_leads", 0)),
        ended_at=_moment(fields.get("ended")),
        ended_leads=int(text.get("ended_leads", 0)),
        held=frozenset(uid.decode() for uid in held),
    )


def _written(troubles: Mapping[str, FeedTrouble]) -> str:
    return json.dumps(
        {
            feed: [one.problem, _ms(one.next_try_at) if one.next_try_at else 0, one.details]
            for feed, one in troubles.items()
        }
    )


def _read(text: str) -> dict[str, FeedTrouble]:
    return {
        feed: FeedTrouble(problem, _moment(str(at).encode()), details)
        for feed, (problem, at, details) in json.loads(text).items()
    }


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _moment(raw: bytes | None) -> datetime | None:
    return datetime.fromtimestamp(int(raw) / 1000, UTC) if raw and int(raw) else None
