"""When to try again: the schedule, its jitter, the receiver's wish, and the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.backoff import next_wait, parse_retry_after
from gateway.destinations.common import Retry

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = 24 * 3600.0
RETRY = Retry()


def test_n_waits_make_n_plus_one_attempts_and_then_none() -> None:
    waits = [next_wait(RETRY, made, None, 0.5) for made in range(1, 12)]
    assert waits[:10] == [5, 15, 45, 120, 300, 900, 3600, 10_800, 28_800, 43_200]
    assert waits[10] is None


@given(st.integers(1, 10), st.floats(0, 1, exclude_max=True))
def test_a_wait_stays_within_its_jitter(made: int, draw: float) -> None:
    planned = RETRY.schedule[made - 1].total_seconds()
    wait = next_wait(RETRY, made, None, draw)
    assert wait is not None
    assert planned * 0.8 <= wait <= planned * 1.2


@given(st.integers(1, 10), st.floats(0, 10 * DAY), st.floats(0, 1, exclude_max=True))
def test_the_receivers_wish_is_honoured_up_to_a_day(made: int, wish: float, draw: float) -> None:
    wait = next_wait(RETRY, made, wish, draw)
    assert wait is not None
    assert wait >= min(wish, DAY)
    assert wait <= max(DAY, RETRY.schedule[made - 1].total_seconds() * 1.2)


schedules = st.lists(st.timedeltas(timedelta(0), timedelta(days=1)), min_size=1, max_size=12).map(
    tuple
)


@given(schedules, st.floats(0, 1), st.floats(0, 1, exclude_max=True), st.integers(1, 40))
def test_any_schedule_ends_after_its_last_wait(
    schedule: tuple[timedelta, ...], jitter: float, draw: float, made: int
) -> None:
    wait = next_wait(Retry(schedule=schedule, jitter=jitter), made, None, draw)
    assert (wait is None) == (made > len(schedule))
    assert wait is None or 0 <= wait <= 2 * DAY


@given(schedules, st.floats(0, 1, exclude_max=True), st.data())
def test_a_larger_wish_never_shortens_the_wait(
    schedule: tuple[timedelta, ...], draw: float, data: st.DataObject
) -> None:
    smaller, larger = sorted(data.draw(st.tuples(*[st.floats(0, 3 * DAY)] * 2)))
    waits = [next_wait(Retry(schedule=schedule), 1, wish, draw) for wish in (None, smaller, larger)]
    assert waits == sorted(waits, key=lambda wait: wait or 0.0)


@given(schedules, st.data())
def test_a_larger_draw_never_shortens_the_wait(
    schedule: tuple[timedelta, ...], data: st.DataObject
) -> None:
    draws = sorted(data.draw(st.tuples(*[st.floats(0, 1, exclude_max=True)] * 2)))
    low, high = (next_wait(Retry(schedule=schedule), 1, None, draw) for draw in draws)
    assert low is not None
    assert high is not None
    assert low <= high


def test_without_a_schedule_the_first_failure_is_the_last() -> None:
    assert next_wait(Retry(schedule=()), 1, 30.0, 0.5) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("999999999", DAY),
        ("Tue, 24 Nov 2026 12:01:00 GMT", 60.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        ("", None),
        (None, None),
        ("soon", None),
        ("nan", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header, NOW) == seconds


@given(st.text())
def test_no_retry_after_can_raise(header: str) -> None:
    found = parse_retry_after(header, NOW)
    assert found is None or 0 <= found <= DAY


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)))
def test_a_dated_wish_is_never_negative_and_never_past_a_day(moment: datetime) -> None:
    header = moment.strftime("%a, %d %b %Y %H:%M:%S GMT")
    found = parse_retry_after(header, NOW)
    assert found is not None
    expected = (moment.replace(tzinfo=UTC, microsecond=0) - NOW) / timedelta(seconds=1)
    assert found == min(max(expected, 0.0), DAY)
