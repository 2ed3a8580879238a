"""What every kind of source may be told, and the types their configurations share."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from gateway.units import Duration, parse_duration


class Keys(BaseModel):
    """A part of gateway.yaml: unknown keys are errors, nothing changes after loading."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )


class SourceConfig(Keys):
    """The keys that each kind of source shares."""

    identity: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """Sources with the same identity share their leadIds; None: the source's own name."""


def parse_start(value: Any) -> timedelta | datetime:
    """``now``, ``24h`` (that long before the first look) or a moment. Raises ValueError.

    A moment without an offset is UTC, as everywhere a portal's time enters.
    """
    if isinstance(value, timedelta):
        return value
    if isinstance(value, datetime):  # YAML reads an unquoted timestamp by itself
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, str):
        raise ValueError(_START_HINT)
    text = value.strip()
    if text.lower() == "now":
        return timedelta(0)
    try:
        return parse_start(datetime.fromisoformat(text))
    except ValueError:
        pass
    try:
        return parse_duration(text)
    except ValueError:
        raise ValueError(_START_HINT) from None


_START_HINT = "write now, a duration such as 24h, or a time such as 2026-11-01T00:00:00Z"

Pace = Annotated[Duration, Field(ge=timedelta(milliseconds=100), le=timedelta(days=1))]
"""How long between two readings."""

LONGEST_SLICE = timedelta(days=7)
"""The most time one search asks for: the limit of the vendor's newer API, kept everywhere."""

Start = Annotated[
    timedelta | datetime,
    BeforeValidator(parse_start),
    WithJsonSchema({"type": "string", "examples": ["now", "24h", "2026-11-01T00:00:00Z"]}),
]
"""Where a source begins on its first run: that long before the first look, or at a moment."""


class FeedOptions(Keys):
    """What one feed does differently."""

    poll_every: Pace | None = None


class Reconcile(Keys):
    """A second look at the recent past, for what the overlap missed."""

    every: Annotated[Duration, Field(ge=timedelta(seconds=1))] = timedelta(minutes=5)
    over: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(days=30))] = timedelta(hours=2)
    """How far back; ``0s`` looks not at all."""


class Review(Keys):
    """A slow walk over the whole retention period: erasures, and anything missed."""

    every: Annotated[Duration, Field(ge=timedelta(seconds=1))] = timedelta(hours=24)


class PolledConfig(SourceConfig):
    """The keys that each kind which a poller reads shares."""

    poll_every: Pace = timedelta(seconds=5)
    overlap: Annotated[Duration, Field(ge=timedelta(0), le=LONGEST_SLICE)] = timedelta(minutes=15)
    start: Start = timedelta(0)
    reconcile: Reconcile = Reconcile()
    review: Review = Review()

    def pace(self, feed: str) -> timedelta:
        """How long to wait between two polls of ``feed``."""
        return self.poll_every
