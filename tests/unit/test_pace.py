"""When a feed is read next: by its own pace, after its back-off, hourly where it is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.reading import Pace
from gateway.reading.pace import LONGEST_PAUSE, UNAVAILABLE
from gateway.sources.protocol import SourceProblem

FEEDS = {"leads": 5.0, "projects": 60.0}


def a_pace(**intervals: float) -> Pace:
    return Pace(intervals or FEEDS, lambda: 0.5)


def down(retry_after: float | None = None) -> SourceProblem:
    return SourceProblem("down", "down", retry_after=retry_after)


def test_everything_is_due_at_first_and_then_each_feed_by_its_own_pace() -> None:
    pace = a_pace()
    assert pace.due(100.0) == (["leads", "projects"], [])

    pace.read(["leads", "projects"], 100.0, 101.0)

    assert pace.due(104.9) == ([], [])
    assert pace.due(105.0) == (["leads"], [])
    assert pace.wait(101.0) == 4.0
    assert pace.due(160.0) == (["leads", "projects"], [])


def test_a_feed_in_trouble_is_read_apart_from_those_that_are_well() -> None:
    pace = a_pace()
    pace.read(["leads"], 0.0, 0.0)
    pace.failed({"projects": down()}, 0.0)

    assert pace.due(10.0) == (["leads"], ["projects"])
    assert pace.due(10.0, busy=["projects"]) == (["leads"], [])


def test_a_source_that_is_down_is_asked_as_one() -> None:
    pace = a_pace()
    pace.failed({"leads": down(), "projects": down()}, 0.0)

    assert pace.is_down
    assert pace.due(2.0) == (["leads", "projects"], [])


def test_waits_double_up_to_a_bound() -> None:
    pace, waits = a_pace(leads=5.0), []
    for _ in range(9):
        pace.failed({"leads": down()}, 0.0)
        waits.append(pace.wait(0.0))

    assert waits == [2, 4, 8, 16, 32, 60, 60, 60, 60]


@given(draw=st.floats(0, 1), failures=st.integers(1, 2000))
def test_a_wait_is_spread_by_a_fifth_and_never_without_bound(draw: float, failures: int) -> None:
    pace = Pace({"leads": 5.0}, lambda: draw)
    pace.troubles.clear()
    for _ in range(min(failures, 12)):
        pace.failed({"leads": down()}, 0.0)

    assert 1.6 - 1e-9 <= pace.wait(0.0) <= LONGEST_PAUSE * 1.2 + 1e-9


def test_one_success_ends_every_wait_of_a_portal_that_was_down() -> None:
    pace = a_pace()
    for _ in range(6):
        pace.failed({"leads": down(), "projects": down()}, 0.0)

    pace.read(["leads"], 60.0, 60.0)

    assert not pace.is_down
    assert pace.due(60.0) == ([], ["projects"])


def test_retry_after_holds_back_the_whole_source() -> None:
    pace = a_pace()
    pace.read(["leads"], 0.0, 0.0)
    pace.failed({"projects": SourceProblem("rate_limited", "429", retry_after=120.0)}, 0.0)

    assert pace.due(119.0) == ([], [])
    assert pace.rest(0.0) == 120.0
    assert pace.due(120.0) == (["leads"], ["projects"])


@pytest.mark.parametrize("kind", ["down", "rate_limited", "credentials"])
def test_the_portals_wish_is_never_cut_short(kind: str) -> None:
    pace = a_pace(leads=5.0)
    pace.failed({"leads": SourceProblem(kind, "x", retry_after=900.0)}, 0.0)
    assert pace.wait(0.0) == 900.0


def test_a_feed_that_never_was_allowed_is_tried_again_hourly() -> None:
    pace = a_pace()
    pace.read(["leads"], 0.0, 0.0)
    for _ in range(3):
        pace.failed({"projects": SourceProblem("forbidden", "403")}, 0.0)
        assert pace.next_at("projects") == UNAVAILABLE


def test_a_feed_that_was_readable_until_now_is_tried_again_sooner_at_first() -> None:
    pace, waits = a_pace(), []
    pace.worked_before(["projects"])
    for _ in range(4):
        pace.failed({"projects": SourceProblem("forbidden", "404")}, 0.0)
        waits.append(pace.next_at("projects"))

    assert waits == [60.0, 300.0, UNAVAILABLE, UNAVAILABLE]


def test_a_feed_that_may_not_be_read_waits_its_hour_though_the_portal_is_back() -> None:
    pace = a_pace()
    pace.failed({"projects": SourceProblem("forbidden", "403"), "leads": down()}, 0.0)

    pace.read(["leads"], 2.0, 2.0)

    assert pace.next_at("projects") == UNAVAILABLE


def test_a_call_to_read_now_ends_every_wait() -> None:
    pace = a_pace()
    pace.read(["leads"], 0.0, 0.0)
    pace.failed({"projects": SourceProblem("rate_limited", "429", retry_after=900.0)}, 0.0)

    pace.ask_now()

    assert pace.due(0.0) == (["leads"], ["projects"])


def test_the_worst_problem_speaks_for_a_source_that_is_down() -> None:
    pace = a_pace()
    pace.failed({"leads": down(), "projects": SourceProblem("credentials", "401")}, 0.0)
    assert pace.worst.kind == "credentials"
