"""How far backfills have come, so that one that was broken off goes on where it was."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime

from gateway.store.connection import Connection

KEPT_FOR = 7 * 86_400
"""Seconds after which a backfill that nobody went on with is forgotten."""


@dataclass(slots=True)
class Course:
    """One backfill. ``wish`` is what was asked for, as it was written: the same wish goes on.

    ``reached`` is where its walk stands: everything before it is stored.
    """

    wish: str
    start: datetime
    end: datetime
    reached: datetime
    counts: dict[str, int] = field(default_factory=dict)


class Backfills:
    """Reads and writes the course of each source's backfill."""

    def __init__(self, connection: Connection) -> None:
        self._c = connection

    async def load(self, source: str) -> Course | None:
        """The backfill of a source that is not over, if there is one."""
        raw = await self._c.command("GET", self._c.key("backfill", source))
        if raw is None:
            return None
        kept = json.loads(raw)
        moments = {name: datetime.fromisoformat(kept[name]) for name in ("start", "end", "reached")}
        return Course(wish=kept["wish"], counts=kept["counts"], **moments)

    async def save(self, source: str, course: Course) -> None:
        """Remember how far it has come."""
        text = json.dumps(asdict(course), default=datetime.isoformat)
        await self._c.command("SET", self._c.key("backfill", source), text, "EX", KEPT_FOR)

    async def end(self, source: str) -> None:
        """It is over."""
        await self._c.command("DEL", self._c.key("backfill", source))
