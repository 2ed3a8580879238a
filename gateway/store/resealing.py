"""Everything that is sealed, sealed again with the newest key: what ``keys rotate`` does.

Walks leads, rejected items and each destination's deliveries, newest first; how far it came stands
in the store, so that an interrupted walk goes on where it was. Values that are current already are
left alone, so that walking twice does no harm. Tokens are not walked: they end by themselves, and
one that can not be read any more is asked for anew.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.store.connection import Call, Connection
from gateway.store.paging import pages_of
from gateway.store.sealing import Seal

BATCH = 100
_AT = "rotation"
"""Field of ``meta``: {key, room, cursor, done} of the walk under way."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far the walk came: entries looked at of ``total``, values sealed again so far."""

    done: int
    total: int
    resealed: int


class Resealing:
    """One rotation. ``seal`` has the newest key first, and every older one."""

    def __init__(self, connection: Connection, seal: Seal) -> None:
        self._c = connection
        self._seal = seal
        self._name = seal.names[0]

    async def walk(self) -> AsyncIterator[Step]:
        """Seal batch by batch. At the end only the newest key is still needed."""
        rooms = await self._rooms()
        sizes = [int(await self._c.command("ZCARD", self._c.key(room))) for room in rooms]
        at, cursor, done = await self._resume(rooms)
        resealed, total = 0, max(sum(sizes), done)
        yield Step(done, total, resealed)
        for room in rooms[at:]:
            while True:
                names, next_cursor = await pages_of(self._c, self._c.key(room), cursor, BATCH)
                resealed += await self._reseal(room, names)
                done, total = done + len(names), max(total, done + len(names))
                cursor = next_cursor
                if cursor is None:
                    break
                await self._remember(room, cursor, done)
                yield Step(done, total, resealed)
        await self._end()
        yield Step(total, total, resealed)

    async def _rooms(self) -> list[str]:
        found = await self._c.command("SMEMBERS", self._c.key("destinations"))
        deliveries = sorted(f"deliveries:{name.decode()}" for name in found)
        return ["leads", "rejected", *deliveries]

    async def _resume(self, rooms: Sequence[str]) -> tuple[int, str | None, int]:
        raw = await self._c.command("HGET", self._c.key("meta"), _AT)
        place = json.loads(raw) if raw else {}
        if place.get("key") != self._name or place.get("room") not in rooms:
            return 0, None, 0
        return rooms.index(place["room"]), place["cursor"], place["done"]

    async def _remember(self, room: str, cursor: str, done: int) -> None:
        place = json.dumps({"key": self._name, "room": room, "cursor": cursor, "done": done})
        await self._c.command("HSET", self._c.key("meta"), _AT, place)

    async def _end(self) -> None:
        """The older keys are needed no more; what they sealed leaves the append-only file soon."""
        meta, keys = self._c.key("meta"), self._c.key("keys")
        secret = await self._c.command("HGET", meta, "secret")
        await self._swap([("meta", [("secret", secret, self._again(secret))])])
        used = {name.decode() for name in await self._c.command("SMEMBERS", keys)}
        if older := sorted(used - {self._name}):
            await self._c.command("SREM", keys, *older)
        # Due at once: the sweeper looks within a minute (see upkeep.py).
        await self._c.command("HSET", meta, "rewrite_wanted", 1)
        await self._c.command("HDEL", meta, _AT)

    async def _reseal(self, room: str, names: Sequence[str]) -> int:
        if not names:
            return 0
        if room == "leads":
            return await self._fields([(f"lead:{name}", ["body"]) for name in names])
        if room == "rejected":
            return await self._fields([("rejected:records", list(names))])
        count = await self._fields([(f"delivery:{name}", ["saved", "body"]) for name in names])
        return count + await self._attempts(names)

    async def _fields(self, wanted: Sequence[tuple[str, list[str]]]) -> int:
        """Sealed fields of hashes, by key without its prefix."""
        pipeline = self._c.redis.pipeline(transaction=False)
        for key, fields in wanted:
            pipeline.hmget(self._c.key(key), fields)
        changes = []
        for (key, fields), values in zip(wanted, await self._read(pipeline), strict=True):
            stale = [
                (field, value, self._again(value))
                for field, value in zip(fields, values, strict=True)
                if value and not self._seal.is_current(value)
            ]
            changes.append((key, stale))
        return await self._swap(changes)

    async def _attempts(self, names: Sequence[str]) -> int:
        pipeline = self._c.redis.pipeline(transaction=False)
        for name in names:
            pipeline.lrange(self._c.key("attempts", name), 0, -1)
        changes = []
        for name, lines in zip(names, await self._read(pipeline), strict=True):
            stale = []
            for index, line in enumerate(lines):
                attempt = json.loads(line)
                if not self._seal.is_current_text(attempt[-1]):
                    attempt[-1] = self._seal.close_text(self._seal.open_text(attempt[-1]))
                    stale.append((index, line, json.dumps(attempt, ensure_ascii=False)))
            changes.append((f"attempts:{name}", stale))
        return await self._swap(changes)

    def _again(self, value: bytes) -> bytes:
        return self._seal.close(self._seal.open(value))

    async def _read(self, pipeline: Any) -> list[Any]:
        answers = await self._c.execute(pipeline)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return answers

    async def _swap(self, changes: Sequence[tuple[str, Sequence[tuple[Any, Any, Any]]]]) -> int:
        """Write what nobody else wrote meanwhile: who did has sealed it with the newest key."""
        calls: list[Call] = [
            ("reseal", (key, *(cell for change in stale for cell in change)))
            for key, stale in changes
            if stale
        ]
        answers = await self._c.run_many(calls) if calls else []
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return sum(answers)
