"""Hours of a week: read as people write them, right across midnight and summer time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.hours import Hours, Stretch, parse_hours

PARIS = ZoneInfo("Europe/Paris")
MONDAY = datetime(2026, 11, 23, tzinfo=PARIS)

stretches = st.builds(
    lambda day, start, length: Stretch(day, start, start + length),
    st.integers(0, 6),
    st.integers(0, 1439),
    st.integers(1, 1439),
)
weeks = st.lists(stretches, max_size=6).map(lambda some: Hours(tuple(some)))
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return MONDAY + timedelta(days=day, hours=hour, minutes=minute)


@pytest.mark.parametrize(
    ("text", "open_at", "closed_at"),
    [
        ("Mon-Sat 09:00-19:00", at(5, 9), at(6, 12)),
        ("Mon-Sat 09:00-19:00", at(0, 18, 59), at(0, 19)),
        ("lun-ven 9h-12h30, sam 10h-13h", at(0, 12, 29), at(5, 9)),
        ("Fri-Mon 22:00-06:00", at(1, 5, 59), at(1, 6)),
        ("Sun 20:00-24:00", at(6, 23, 59), at(7, 0)),
        ("09:00-12:00 14:00-18:00", at(3, 14), at(3, 13)),
        ("Sam 00:00-24:00", at(5, 0), at(4, 23, 59)),
        (["Mon 08:00-09:00", "Tue 08:00-09:00"], at(1, 8), at(2, 8)),
    ],
)
def test_hours_are_open_and_closed_as_they_read(
    text: object, open_at: datetime, closed_at: datetime
) -> None:
    hours = parse_hours(text)
    assert hours.are_open(open_at.astimezone(UTC), PARIS)
    assert not hours.are_open(closed_at.astimezone(UTC), PARIS)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "write hours"),
        ("always", "write hours"),
        ("Mon-Fri", "write hours"),
        ("Mun 09:00-19:00", "days"),
        ("Mon 09:00", "beginning"),
        ("Mon 25:00-26:00", "24:00"),
        ("Mon 09:00-09:00", "whole day"),
        ("Mon 9.30-19", "24:00"),
        (9, "write hours"),
        ([], "write hours"),
    ],
)
def test_what_is_no_hours_is_told_what_to_write(text: object, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        parse_hours(text)


def test_nine_o_clock_stays_nine_o_clock_over_summer_time() -> None:
    hours = parse_hours("Mon-Sun 09:00-19:00")
    assert hours.are_open(datetime(2026, 7, 1, 7, 0, tzinfo=UTC), PARIS)
    assert not hours.are_open(datetime(2026, 12, 1, 7, 0, tzinfo=UTC), PARIS)


def test_the_next_opening_skips_a_closed_sunday() -> None:
    hours = parse_hours("Mon-Sat 09:00-19:00")
    assert hours.next_open(at(5, 19), PARIS) == at(7, 9)
    assert hours.next_open(at(0, 10), PARIS) == at(0, 10)
    assert Hours(()).next_open(at(0, 10), PARIS) is None


@given(weeks, moments, st.floats(0, 1, exclude_max=True))
def test_what_opens_next_is_open_and_nothing_is_open_before(
    hours: Hours, moment: datetime, share: float
) -> None:
    zone = ZoneInfo("UTC")
    found = hours.next_open(moment, zone)
    assert (found is None) == (not hours.stretches)
    if found is not None:
        assert hours.are_open(found, zone)
        before = moment + (found - moment) * share
        assert before == found or not hours.are_open(before, zone)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_sentence(text: str) -> None:
    try:
        assert parse_hours(text).stretches
    except ValueError as refusal:
        told = str(refusal)
        assert "write" in told or "whole day" in told
