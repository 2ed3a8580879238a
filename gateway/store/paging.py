"""Cursors over time-ordered sets: stable while new entries arrive at the front."""

from __future__ import annotations

import base64
import binascii
import math
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from gateway.store.connection import Connection

T = TypeVar("T")

MOST = 500
"""The most entries one page may have."""


class BadCursor(ValueError):
    """A cursor that no listing has given out."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a listing; ``next_cursor`` is None on the last."""

    items: list[T]
    next_cursor: str | None = None


async def pages_of(
    connection: Connection, key: str, cursor: str | None, limit: int
) -> tuple[list[str], str | None]:
    """Names in a set scored by time, newest first, after ``cursor``; and the next cursor.

    A cursor is the place (score, name) of the last entry given out, so that entries which arrive
    meanwhile shift nothing. Entries that share a score come in reverse order of their names.
    """
    limit = max(1, min(limit, MOST))
    score, name = _decode(cursor) if cursor else ("+inf", "")
    found: list[tuple[str, str]] = []
    offset = 0
    while len(found) <= limit:
        rows = await connection.command(
            "ZRANGE", key, score, "-inf", "BYSCORE", "REV", "LIMIT", offset, limit + 1, "WITHSCORES"
        )
        if rows and isinstance(rows[0], (list, tuple)):
            rows = [cell for row in rows for cell in row]
        couples = list(zip(rows[::2], rows[1::2], strict=True))
        offset += len(couples)
        for raw_name, raw_score in couples:
            entry = raw_name.decode()
            at = f"{float(raw_score):.0f}"
            if name and at == score and entry >= name:
                continue
            found.append((entry, at))
        if len(couples) < limit + 1:
            break
    more = len(found) > limit
    found = found[:limit]
    return [entry for entry, _ in found], _encode(*found[-1]) if more else None


async def oldest_before(
    connection: Connection, key: str, before: datetime, limit: int, skip: int
) -> list[str]:
    """Names in a set scored by time in ms, the oldest first, none from ``before`` on.

    ``skip`` is how many at the front are known already and stay there: found by rank, in one step.
    """
    found = await connection.command("ZRANGE", key, skip, skip + limit - 1, "WITHSCORES")
    if found and isinstance(found[0], (list, tuple)):
        found = [cell for row in found for cell in row]
    until = before.timestamp() * 1000
    couples = zip(found[::2], found[1::2], strict=True)
    return [name.decode() for name, score in couples if float(score) <= until]


def cursor_at(name: str, score: float) -> str:
    """The cursor that goes on after one entry."""
    return _encode(name, f"{score:.0f}")


def _encode(name: str, score: str) -> str:
    return base64.urlsafe_b64encode(f"{score}:{name}".encode()).decode().rstrip("=")


def place_of(cursor: str) -> tuple[float, str]:
    """Where a cursor stands: the time and the name of the last entry. Raises BadCursor."""
    score, name = _decode(cursor)
    return float(score), name


def check_cursor(cursor: str | None) -> None:
    """Refuse a made-up cursor even where there is nothing to list. Raises :class:`BadCursor`."""
    if cursor:
        _decode(cursor)


def _decode(cursor: str) -> tuple[str, str]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        score, name = text.split(":", 1)
        if not math.isfinite(float(score)):
            raise ValueError(score)
        return f"{float(score):.0f}", name
    except (ValueError, binascii.Error, UnicodeDecodeError) as error:
        raise BadCursor("this cursor was not given out by this listing") from error
