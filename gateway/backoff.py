"""When to try again, or never. Pure: randomness and time come in as arguments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol

LONGEST_WAIT = 24 * 3600.0
"""A receiver's Retry-After is honoured up to this many seconds (contract §7)."""

_LONGEST_HEADER = 64
"""Characters of a Retry-After that are looked at; an HTTP date has 29."""
_SECONDS = re.compile(r"[+-]?\d+(\.\d*)?", re.ASCII)


class Retry(Protocol):
    """What is needed of a destination's ``retry``: the waits, and the share each may vary by."""

    @property
    def schedule(self) -> Sequence[timedelta]: ...
    @property
    def jitter(self) -> float: ...


def next_wait(
    retry: Retry, attempts_made: int, retry_after: float | None, draw: float
) -> float | None:
    """Seconds until the next attempt, or None when the schedule is used up.

    ``attempts_made`` includes the one that just failed; ``draw`` is uniform in [0, 1). The wait is
    the larger of the schedule's (varied by its jitter) and the receiver's wish, in seconds.
    """
    if attempts_made > len(retry.schedule):
        return None
    planned = 0.0
    if retry.schedule:
        planned = retry.schedule[max(0, attempts_made - 1)].total_seconds()
        planned *= 1 + retry.jitter * (2 * draw - 1)
    return max(planned, min(retry_after or 0.0, LONGEST_WAIT))


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds from a Retry-After header: a number or an HTTP date (RFC 9110 §10.2.3), capped.

    None for an absent or unreadable one; a past date is 0. Never raises.
    """
    text = (value or "").strip()
    if not text or len(text) > _LONGEST_HEADER:
        return None
    if _SECONDS.fullmatch(text):
        seconds = float(text)
    else:
        try:
            moment = parsedate_to_datetime(text)
            # "-0000" says the offset is unknown; the header's dates are always UTC.
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            seconds = (moment - now).total_seconds()
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return min(max(seconds, 0.0), LONGEST_WAIT)
