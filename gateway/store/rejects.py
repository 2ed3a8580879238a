"""Rejected items: what could not become a lead, kept where the operator can see it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.store.connection import Connection
from gateway.store.paging import Page, pages_of
from gateway.store.sealing import Marks, Seal

KEPT = 1000
"""Rejected items kept, the oldest dropped first."""
RAW_LIMIT = 10_000
"""Characters kept of each."""
FORGET_BATCH = 500


@dataclass(frozen=True, slots=True)
class Rejected:
    """An item that could not become a lead. ``raw`` is what the portal sent, cut to 10,000
    characters.
    """

    id: str
    at: datetime
    source: str
    reason: str
    raw: str


class Rejects:
    """Keeps, shows and forgets rejected items."""

    def __init__(self, connection: Connection, seal: Seal, marks: Marks) -> None:
        self._c = connection
        self._seal = seal
        self._marks = marks

    async def keep(self, source: str, reason: str, raw: Any) -> None:
        """Keep an item; the same one read again (every poll of the overlap) is kept once."""
        text = raw if isinstance(raw, str) else json.dumps(raw, ensure_ascii=False, default=str)
        record = json.dumps([source, reason, text[:RAW_LIMIT]], ensure_ascii=False)
        kept = self._seal.close(record.encode("utf-8", "replace"))
        await self._c.run("reject", self._marks.of("rejected", record), source, kept, KEPT)

    async def page(self, cursor: str | None = None, limit: int = 50) -> Page[Rejected]:
        """Rejected items, newest first."""
        names, next_cursor = await pages_of(self._c, self._c.key("rejected"), cursor, limit)
        if not names:
            return Page([], None)
        pipeline = self._c.redis.pipeline(transaction=False)
        pipeline.hmget(self._c.key("rejected", "records"), names)
        pipeline.execute_command("ZMSCORE", self._c.key("rejected"), *names)
        records, times = await self._c.execute(pipeline)
        items = [
            Rejected(
                name,
                datetime.fromtimestamp(float(at) / 1000, UTC),
                *json.loads(self._seal.open(record)),
            )
            for name, record, at in zip(names, records, times, strict=True)
            if record is not None and at is not None
        ]
        return Page(items, next_cursor)

    async def forget(self, ids: Sequence[str]) -> int:
        """Forget some; how many there were."""
        return int(await self._c.run("unreject", "", FORGET_BATCH, *ids)) if ids else 0

    async def forget_before(self, before: datetime) -> int:
        """Forget those kept before a time, at most :data:`FORGET_BATCH` at once; how many."""
        until = round(before.timestamp() * 1000)
        return int(await self._c.run("unreject", until, FORGET_BATCH))
