"""Which time to read next, and how far reading got: the arithmetic of windows and checkpoints.

Pure: the portal's clock comes in as an argument. All moments are UTC and aware.
A search names whole seconds, so windows begin and end on them; what lies between a window's end and
the clock is left to the next window, never skipped.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.sources.protocol import Slice


def slices(
    checkpoint: datetime, overlap: timedelta, now: datetime, max_days: float = 7
) -> list[Slice]:
    """``[checkpoint - overlap, now]`` in order, in pieces of at most ``max_days`` that touch.

    Neighbours share their border, both included: a lead on it is read twice and stored once. Empty
    when nothing lies between. A checkpoint after ``now`` (the portal's clock went back) reads the
    overlap before ``now``. Raises ValueError unless ``max_days`` is at least one second.
    """
    longest = timedelta(seconds=int(max_days * 86400))
    if longest <= timedelta(0):
        raise ValueError("max_days must be at least a second")
    end = _whole(now)
    start = _whole(min(checkpoint, now) - overlap)
    pieces: list[Slice] = []
    while start < end:
        border = min(start + longest, end)
        pieces.append(Slice(start, border))
        start = border
    return pieces


def next_checkpoint(
    slice_end: datetime, portal_time: datetime | None, previous: datetime | None
) -> datetime:
    """Where a feed's checkpoint stands after a slice was read to its last page. Never goes back.

    The smaller of the slice's end and ``portal_time``, the earliest ``Date`` among its answers:
    what the portal's clock had not reached can not have been read.
    """
    reached = slice_end if portal_time is None else min(slice_end, portal_time)
    return reached if previous is None else max(reached, previous)


def floor(start: timedelta | datetime, first_seen_now: datetime) -> datetime:
    """The moment before which nothing is delivered: fixed once, before a source's first request."""
    return first_seen_now - start if isinstance(start, timedelta) else start


def below_floor(lead_created_at: datetime | None, floor: datetime) -> bool:
    """Whether a lead is older than the floor: stored as seen and not delivered.

    A lead that does not say when it was made counts as new: it is never lost.
    """
    return lead_created_at is not None and lead_created_at < floor


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
