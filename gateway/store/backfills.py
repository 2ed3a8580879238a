"""Backfills in the store: how far the last one of each source came, so that it can go on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from gateway.store.connection import Connection


@dataclass(frozen=True, slots=True)
class BackfillRecord:
    """One source's last backfill. ``asked`` is what it was asked for, word for word.

    ``state``: running, done, stopped (by somebody) or failed (with its ``problem``); one whose
    process was killed still says running. ``reached``: everything before it is stored.
    """

    asked: str
    state: str
    start: datetime
    end: datetime
    reached: datetime
    updated_at: datetime
    counts: dict[str, int] = field(default_factory=dict)
    problem: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is left to do."""
        return self.state == "done"


class Backfills:
    """Reads and writes the backfills' records."""

    def __init__(self, connection: Connection) -> None:
        self._c = connection

    async def get(self, source: str) -> BackfillRecord | None:
        """The last backfill of a source, if there ever was one."""
        raw = await self._c.command("HGET", self._c.key("backfill", source), "record")
        return _read(json.loads(raw)) if raw else None

    async def note(self, source: str, record: BackfillRecord, token: int) -> bool:
        """Write down how far it is; False when somebody else walks this source now."""
        text = json.dumps(asdict(record), default=lambda moment: moment.isoformat())
        return bool(await self._c.run("backfill", source, token, "record", text) == b"noted")


def _read(written: dict[str, object]) -> BackfillRecord:
    times = {
        name: datetime.fromisoformat(str(written[name])).astimezone(UTC)
        for name in ("start", "end", "reached", "updated_at")
    }
    counts = written.get("counts")
    return BackfillRecord(
        asked=str(written["asked"]),
        state=str(written["state"]),
        counts={str(k): int(v) for k, v in counts.items()} if isinstance(counts, dict) else {},
        problem=str(written.get("problem", "")),
        **times,
    )
