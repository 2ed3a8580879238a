"""Values out of JSON that nobody vouches for: each reader gives one type or null, and never raises.

Expects what :func:`gateway.verbatim.verbatim` returns: no NaN, no half characters, bounded depth.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.sections import Number

MANY = 100
"""Values of one list that are read."""
_NUMBER = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,15}|,\d{1,2})?")
_MILLISECONDS = 100_000_000_000
"""A Unix time from here on can only be milliseconds: as seconds it would be the year 5138."""


def at(value: Any, *path: str) -> Any:
    """What lies under a path of keys, or None as soon as something else than an object is met."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def text(value: Any) -> str | None:
    """Text of a scalar, without blanks around it; blank is null. A list gives its first text."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, list):
        return next(iter(texts(value)), None)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) >= 10**40:
        return None
    return str(value)


def texts(value: Any) -> tuple[str, ...]:
    """Texts of a list or of a single scalar, in order and without doubles."""
    if not isinstance(value, list):
        found = text(value)
        return (found,) if found else ()
    scalars = (item for item in value[:MANY] if not isinstance(item, list))
    return tuple(dict.fromkeys(found for item in scalars if (found := text(item))))


def number(value: Any) -> Number | None:
    """A number, or the one that a text or the first place of a list spells: ``1,5`` and ``1.5``.

    Blanks or separators between thousands are not guessed at: the text is in ``original``.
    """
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, str):
        if not _NUMBER.fullmatch(value := value.strip()):
            return None
        value = float(value.replace(",", "."))
        value = int(value) if value.is_integer() else value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) >= 2**63:
        return None
    return value


def flag(value: Any) -> bool | None:
    """True or false, also as 1 and 0 or as their names."""
    if isinstance(value, bool):
        return value
    if isinstance(value, (str, int)):
        return {"true": True, "false": False, "1": True, "0": False}.get(str(value)[:6].lower())
    return None


def moment(value: Any) -> datetime | None:
    """ISO 8601, or a Unix time in seconds or milliseconds; without a zone it is UTC."""
    if (seconds := number(value)) is not None:
        return _unix(seconds)
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value.strip())
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def expiry(value: Any, created_at: datetime) -> datetime | None:
    """When a lead ends. A value before its creation can only be a duration (contract §7).

    In seconds, or milliseconds where it can be nothing else; 0 and less mean no end.
    """
    seconds = number(value)
    if seconds is None or seconds <= 0:
        return None
    if seconds >= created_at.timestamp():
        return _unix(seconds)
    try:
        return created_at + timedelta(seconds=seconds)
    except OverflowError:
        return None


def kind_of(value: Any) -> str:
    """What a JSON value is, in words for an operator."""
    if value is None:
        return "null"
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false"}
    return names.get(type(value), "a number")


def _unix(seconds: Number) -> datetime | None:
    if seconds <= 0:
        return None
    try:
        return datetime.fromtimestamp(seconds / 1000 if seconds >= _MILLISECONDS else seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
