"""Who did what: an append-only log of what people did to the gateway. No lead's person is in it.

Entries are only ever added and, after :data:`KEPT_FOR`, dropped; nothing changes one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.store.connection import Connection
from gateway.store.paging import BadCursor, Page

KEPT_FOR = timedelta(days=365)
MOST = 200_000
"""Entries kept at most, the oldest dropped first."""
_LONGEST = 200
_PLACE = re.compile(r"\d{1,20}-\d{1,20}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that somebody did. ``through``: dashboard, api or command.

    ``did`` is what, as ``destinations.pause``; ``target`` to which one (a name or an id, or empty);
    ``count`` to how many, where that was not one.
    """

    id: str
    at: datetime
    who: str
    through: str
    did: str
    target: str
    count: int | None


class Audit:
    """Writes and reads the log."""

    def __init__(self, connection: Connection) -> None:
        self._c = connection

    async def note(
        self, who: str, through: str, did: str, target: str = "", count: int | None = None
    ) -> None:
        """Write one entry down. Texts are cut; never pass anything of a lead but its id."""
        fields = {"who": who, "through": through, "did": did, "target": target}
        cells = [cell for name, value in fields.items() for cell in (name, value[:_LONGEST])]
        if count is not None:
            cells += ["count", str(count)]
        await self._c.run("audit", round(KEPT_FOR.total_seconds() * 1000), MOST, *cells)

    async def page(
        self, cursor: str | None = None, limit: int = 50, *, since: datetime | None = None
    ) -> Page[Entry]:
        """Entries, newest first. Raises BadCursor."""
        if cursor and not _PLACE.fullmatch(cursor):
            raise BadCursor("this cursor was not given out by this listing")
        start = f"({cursor}" if cursor else "+"
        end = str(round(since.timestamp() * 1000)) if since else "-"
        rows = await self._c.command(
            "XREVRANGE", self._c.key("audit"), start, end, "COUNT", limit + 1
        )
        items = [_entry(identifier, fields) for identifier, fields in rows[:limit]]
        return Page(items, items[-1].id if len(rows) > limit else None)


def _entry(identifier: bytes, flat: object) -> Entry:
    if isinstance(flat, dict):
        pairs = flat
    else:
        cells = list(flat)  # type: ignore[call-overload]
        pairs = dict(zip(cells[::2], cells[1::2], strict=True))
    field = {key.decode(): value.decode() for key, value in pairs.items()}
    place = identifier.decode()
    return Entry(
        id=place,
        at=datetime.fromtimestamp(int(place.partition("-")[0]) / 1000, UTC),
        who=field["who"],
        through=field["through"],
        did=field["did"],
        target=field["target"],
        count=int(field["count"]) if "count" in field else None,
    )
