"""Foreign JSON, kept as it came as far as it can be written down again.

Owns what happens to the few values that have no JSON form to send on or that a reader would refuse.
Never renames, reorders or drops anything.
"""

from __future__ import annotations

import json
import math
from typing import Any

DEPTH = 64
"""Levels that are kept as they are; the store's reader refuses more than 200."""
_LARGEST = 10**4000  # Python writes whole numbers of up to 4,300 digits


def verbatim(value: Any, depth: int = DEPTH) -> Any:
    """A copy of parsed JSON that can always be stored and sent, equal to it wherever that is so.

    Three things change. NaN, infinities and numbers past 4,000 digits become null. Half a
    surrogate pair, which has no UTF-8 form, becomes U+FFFD. What lies deeper than ``depth`` levels
    becomes its own JSON text.
    """
    match value:
        case str():
            return value if value.isascii() else _mended(value)
        case None | bool():
            return value
        case int():
            return value if -_LARGEST < value < _LARGEST else None
        case float():
            return value if math.isfinite(value) else None
        case dict() if depth:
            return {_name(key): verbatim(item, depth - 1) for key, item in value.items()}
        case list() | tuple() if depth:
            return [verbatim(item, depth - 1) for item in value]
        case _:
            return _as_text(value)


def _name(key: Any) -> str:
    text = str(key)
    return text if text.isascii() else _mended(text)


def _mended(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _as_text(value: Any) -> str | None:
    try:
        return json.dumps(value, default=str)
    except (ValueError, RecursionError):
        return None  # thousands of levels: nobody wrote that for anybody to read
