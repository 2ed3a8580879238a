"""Durations, sizes, rates and addresses as people write them: ``15m``, ``64KB``, ``10/s``.

Pydantic types for the configuration, and the parsing behind them. Reads no clock: ``now`` comes in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    GetCoreSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import core_schema

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KIB": 1024, "MIB": 1024**2}

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$")
_SIZE = re.compile(r"^(\d+(?:\.\d+)?)\s*(B|KB|MB|GB|KiB|MiB)$", re.IGNORECASE)
_RATE = re.compile(r"^(\d+)\s*/\s*(\d+)?\s*(s|m|h|d)$")

LONGEST = timedelta(days=3660)


def parse_duration(value: Any) -> timedelta:
    """``15m`` -> 15 minutes. Units: ms s m h d. Raises ValueError with what to write instead."""
    if isinstance(value, timedelta):
        return value
    match = _DURATION.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("write a duration with its unit, for example 5s, 15m, 24h or 30d")
    duration = timedelta(seconds=float(match[1]) * _SECONDS[match[2]])
    if duration > LONGEST:
        raise ValueError("a duration is at most ten years")
    return duration


def format_duration(value: timedelta) -> str:
    """15 minutes -> ``15m``, in the largest unit that divides it."""
    milliseconds = round(value.total_seconds() * 1000)
    for unit in ("d", "h", "m", "s"):
        size = round(_SECONDS[unit] * 1000)
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms" if milliseconds else "0s"


def parse_size(value: Any) -> int:
    """``64KB`` -> 64000 bytes. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("write a size with its unit, for example 64KB or 20MB")
    return round(float(match[1]) * _BYTES[match[2].upper()])


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most ``count`` in any ``window`` seconds."""

    count: int
    window: float

    def __str__(self) -> str:
        unit = {1.0: "s", 60.0: "m", 3600.0: "h", 86400.0: "d"}.get(self.window)
        return f"{self.count}/{unit}" if unit else f"{self.count}/{self.window:.0f}s"

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            parse_rate, serialization=core_schema.to_string_ser_schema()
        )


def parse_rate(value: Any) -> RateLimit:
    """``10/s``, ``100/10s``, ``1000/h``. Raises ValueError."""
    if isinstance(value, RateLimit):
        return value
    match = _RATE.match(value.strip()) if isinstance(value, str) else None
    if match is None or int(match[1]) < 1 or match[2] == "0":
        raise ValueError("write a rate as a count per time, for example 10/s, 100/10s or 1000/h")
    if int(match[1]) > 10_000:
        raise ValueError("a rate counts at most 10000: write a shorter time, for example 500/s")
    return RateLimit(int(match[1]), int(match[2] or 1) * _SECONDS[match[3]])


def parse_when(text: str, now: datetime) -> datetime:
    """A moment as ISO 8601, or as a duration before ``now`` (``24h``). Raises ValueError."""
    if _DURATION.match(text.strip()):
        return now - parse_duration(text)
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(
            "write a time as 2026-11-01T08:00:00Z, or as a duration ago such as 24h"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def parse_address(value: str) -> str:
    """An http or https URL, as it was written. Raises ValueError."""
    text = value.strip()
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(_ADDRESS_HINT) from None
    plain = text.isascii() and text.isprintable() and " " not in text
    if not plain or parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError(_ADDRESS_HINT)
    if parts.username is not None or parts.password is not None:
        raise ValueError("write no user name and no password into the URL: they have keys")
    if parts.fragment:
        raise ValueError("write the URL without its # part")
    return text


_ADDRESS_HINT = "write a complete URL, for example https://sandbox.leads.api.groupeseloger.com"

Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration),
    WithJsonSchema({"type": "string", "pattern": _DURATION.pattern, "examples": ["15m"]}),
]
Size = Annotated[
    int,
    BeforeValidator(parse_size),
    WithJsonSchema({"type": "string", "pattern": "^[0-9.]+ ?[KMG]?i?B$", "examples": ["64KB"]}),
]
Rate = Annotated[
    RateLimit,
    WithJsonSchema({"type": "string", "pattern": _RATE.pattern, "examples": ["10/s"]}),
]
WebAddress = Annotated[
    str,
    AfterValidator(parse_address),
    WithJsonSchema({"type": "string", "pattern": "^https?://"}),
]
