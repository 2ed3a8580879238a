"""Whether a source is being polled as it should be. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.config.model import GatewayConfig
from gateway.sources import PushConfig
from gateway.store import SourceState

MISSED_SHOWN = timedelta(hours=24)
"""How long leads that only a second look found are worth a word."""
SILENT_AFTER = timedelta(seconds=60)
"""How long past its time a poll may be before it is said that nobody polls."""


def polled(config: GatewayConfig, name: str) -> bool:
    """Whether somebody has to read a source; the others are pushed to."""
    return not isinstance(config.sources[name], PushConfig)


def is_silent(config: GatewayConfig, source: SourceState, now: datetime) -> bool:
    """Whether a source's poll is long overdue, or none was ever made."""
    expected = source.next_try_at
    if source.last_success_at and (expected is None or source.state == "up"):
        pace = getattr(config.sources[source.name], "poll_every", timedelta(seconds=5))
        expected = source.last_success_at + 3 * pace
    return expected is None or now > expected + SILENT_AFTER
