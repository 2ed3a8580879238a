"""Which pieces of time to read, and how far the checkpoint may move. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.sources.protocol import Slice

LONGEST_SLICE = timedelta(days=1)
"""The portal allows seven days; a day keeps what one slice holds in memory small."""


def slices(
    checkpoint: datetime, overlap: timedelta, now: datetime, longest: timedelta = LONGEST_SLICE
) -> list[Slice]:
    """From ``overlap`` behind the checkpoint up to now, in bounded pieces, oldest first."""
    start = min(checkpoint, now) - overlap
    pieces = []
    while start < now:
        end = min(start + longest, now)
        pieces.append(Slice(start, end))
        start = end
    return pieces


def next_checkpoint(
    end: datetime, portal_time: datetime | None, previous: datetime | None
) -> datetime:
    """Where the checkpoint stands after a slice was fully read: never past the portal's clock, never back."""
    reached = min(end, portal_time) if portal_time else end
    return max(reached, previous) if previous else reached
