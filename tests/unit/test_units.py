"""Durations, sizes, rates and moments as people write them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.units import (
    RateLimit,
    format_duration,
    parse_duration,
    parse_rate,
    parse_size,
    parse_when,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5s", 5), ("15m", 900), ("24h", 86_400), ("30d", 2_592_000), ("250ms", 0.25)],
)
def test_a_duration_has_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "5 weeks", "-5s", "s", "1e3s", None, 5, "99999999d"])
def test_what_is_no_duration_is_told_how_to_write_one(text: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@given(st.integers(min_value=1, max_value=10**9))
def test_a_duration_written_out_reads_back(milliseconds: int) -> None:
    value = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(value)) == value


def test_sizes_and_rates_have_units() -> None:
    assert parse_size("64KB") == 64_000
    assert parse_size("1 MiB") == 1_048_576
    assert parse_rate("10/s") == RateLimit(10, 1.0)
    assert parse_rate("100/10s") == RateLimit(100, 10.0)
    assert str(parse_rate("1000/h")) == "1000/h"


@pytest.mark.parametrize("text", ["10", "0/s", "10/0s", "ten/s", "20000/s", None])
def test_what_is_no_rate_is_told_how_to_write_one(text: object) -> None:
    with pytest.raises(ValueError, match="rate"):
        parse_rate(text)


@given(st.integers(1, 10_000), st.integers(1, 1000), st.sampled_from("smhd"))
def test_a_rate_written_out_reads_back(count: int, times: int, unit: str) -> None:
    rate = parse_rate(f"{count}/{times}{unit}")
    assert rate.count == count
    assert parse_rate(str(rate)) == rate


@pytest.mark.parametrize("text", ["", "64", "64 XB", "-1KB", "KB", "1e3KB", None, True])
def test_what_is_no_size_is_told_how_to_write_one(text: object) -> None:
    with pytest.raises(ValueError, match="size"):
        parse_size(text)


def _read_or_told(parse: Callable[[str], object], text: str) -> bool:
    try:
        return parse(text) is not None
    except ValueError as refusal:
        return bool(str(refusal))


@given(st.text())
def test_any_text_is_read_or_refused_with_a_sentence(text: str) -> None:
    for parse in (parse_duration, parse_size, parse_rate, lambda text: parse_when(text, NOW)):
        assert _read_or_told(parse, text)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_durations_keep_their_order(one: int, other: int) -> None:
    shorter, longer = sorted((one, other))
    assert parse_duration(f"{shorter}ms") <= parse_duration(f"{longer}ms")


def test_a_moment_is_a_time_or_a_duration_ago() -> None:
    assert parse_when("24h", NOW) == NOW - timedelta(hours=24)
    assert parse_when("2026-11-01T00:00:00Z", NOW) == datetime(2026, 11, 1, tzinfo=UTC)
    assert parse_when("2026-11-01", NOW) == datetime(2026, 11, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="duration ago"):
        parse_when("yesterday", NOW)
