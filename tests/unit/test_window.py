"""The arithmetic of windows: nothing skipped, nothing endless, checkpoints that never go back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sources.protocol import Slice
from gateway.sources.window import below_floor, floor, next_checkpoint, slices

NOW = datetime(2026, 11, 24, 8, 0, 0, tzinfo=UTC)
QUARTER = timedelta(minutes=15)

moments = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
spans = st.timedeltas(timedelta(0), timedelta(days=7))


def test_a_poll_reads_from_the_overlap_before_its_checkpoint_until_now() -> None:
    found = slices(NOW - timedelta(seconds=5), QUARTER, NOW)

    assert found == [Slice(NOW - timedelta(seconds=5) - QUARTER, NOW)]


def test_after_a_long_outage_the_time_is_read_in_weeks() -> None:
    found = slices(NOW - timedelta(days=20), timedelta(0), NOW)

    assert [(piece.end - piece.start).days for piece in found] == [7, 7, 6]


def test_a_checkpoint_after_the_portals_clock_still_reads_the_overlap() -> None:
    assert slices(NOW + timedelta(hours=3), QUARTER, NOW) == [Slice(NOW - QUARTER, NOW)]


def test_a_window_of_no_time_is_no_window() -> None:
    assert slices(NOW, timedelta(0), NOW) == []


def test_a_slice_of_no_length_is_refused() -> None:
    with pytest.raises(ValueError, match="max_days"):
        slices(NOW, QUARTER, NOW, max_days=0)


@given(checkpoint=moments, overlap=spans, now=moments, days=st.floats(0.1, 30))
def test_slices_touch_and_cover_the_whole_window(
    checkpoint: datetime, overlap: timedelta, now: datetime, days: float
) -> None:
    found = slices(checkpoint, overlap, now, max_days=days)

    start, end = min(checkpoint, now) - overlap, now
    second = timedelta(seconds=1)
    if not found:
        assert end - start <= second
        return
    assert start - second < found[0].start <= start
    assert end - second < found[-1].end <= end
    assert all(one.end == two.start for one, two in pairwise(found))
    assert all(timedelta(0) < one.end - one.start <= timedelta(days=days) for one in found)
    assert not any(one.start.microsecond or one.end.microsecond for one in found)


@given(first=moments, later=spans, overlap=spans)
def test_what_lies_between_two_polls_is_read_by_the_second(
    first: datetime, later: timedelta, overlap: timedelta
) -> None:
    """The window ends on a whole second: what comes in the rest of it belongs to the next."""
    read = slices(first - QUARTER, overlap, first)
    reached = next_checkpoint(read[-1].end, first, None)
    again = slices(reached, overlap, first + later + timedelta(seconds=1))

    assert again[0].start <= read[-1].end


@given(end=moments, portal=st.none() | moments, previous=st.none() | moments)
def test_a_checkpoint_never_goes_back_nor_past_what_was_read(
    end: datetime, portal: datetime | None, previous: datetime | None
) -> None:
    reached = next_checkpoint(end, portal, previous)

    assert previous is None or reached >= previous
    if reached != previous:
        assert reached <= end
        assert portal is None or reached <= portal


def test_a_start_of_now_is_the_first_look_and_a_duration_lies_before_it() -> None:
    assert floor(timedelta(0), NOW) == NOW
    assert floor(timedelta(hours=24), NOW) == NOW - timedelta(hours=24)
    assert floor(NOW - timedelta(days=3), NOW) == NOW - timedelta(days=3)


def test_a_lead_on_the_floor_is_delivered_and_one_before_it_is_not() -> None:
    assert not below_floor(NOW, NOW)
    assert below_floor(NOW - timedelta(microseconds=1), NOW)


def test_a_lead_that_does_not_say_when_it_was_made_is_delivered() -> None:
    assert not below_floor(None, NOW)
