"""Who gets how much of a worker: even shares, a part for the quiet, a quarter for the slow."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.slots import STALLED_AFTER, Slots, even_grants, interleaved

NAMES = [f"d{n:02}" for n in range(20)]


def slots(bounds: dict[str, int], most: int = 200) -> Slots:
    return Slots(bounds, most, shuffle=lambda names: None)


def granted(some: Slots, now: float = 0.0) -> dict[str, int]:
    return {share.destination: share.most for share in some.shares(now) if share.most}


def fly(some: Slots, name: str, count: int, now: float = 0.0) -> None:
    for n in range(count):
        some.take(name, f"{name}-{now}-{n}", now)


def test_a_destination_alone_may_have_all_that_it_is_allowed() -> None:
    some = slots({"crm": 500})
    some.answered("crm")
    assert granted(some) == {"crm": 200}


def test_a_destination_that_has_not_answered_yet_gets_an_even_share_at_most() -> None:
    some = slots(dict.fromkeys(NAMES, 200))
    some.waiting("d00", 1000)
    assert granted(some)["d00"] == 10
    fly(some, "d00", 10)
    assert "d00" not in granted(some)
    some.answered("d00")
    assert granted(some)["d00"] > 10


def test_while_others_wait_slots_are_shared_evenly() -> None:
    some = slots({"a": 200, "b": 200}, 100)
    for name in ("a", "b"):
        some.answered(name)
        some.waiting(name, 1000)
    fly(some, "a", 60)
    shares = granted(some)
    assert shares.get("b", 0) > shares.get("a", 0)
    assert sum(shares.values()) <= 40


def test_who_holds_much_leaves_a_quarter_to_those_who_hold_little() -> None:
    some = slots(dict.fromkeys(NAMES, 200))
    some.answered("d00")
    some.waiting("d00", 1000)
    while "d00" in (shares := granted(some)):
        fly(some, "d00", shares["d00"], now=float(some.room))
    assert some.room == 50
    some.waiting("d01", 5)
    assert granted(some)["d01"] >= 5


def test_the_slow_ones_share_a_quarter_until_one_answers() -> None:
    some = slots(dict.fromkeys(NAMES[:4], 200))
    for name in NAMES[:3]:
        some.answered(name)
        some.timed_out(name)
        some.waiting(name, 1000)
    fly(some, "d00", 49)
    shares = granted(some)
    assert sum(shares.get(name, 0) for name in NAMES[1:3]) <= 2
    assert "d00" not in shares or shares["d00"] <= 1
    some.answered("d01")
    assert granted(some)["d01"] > 2


def test_an_exchange_that_does_not_end_makes_its_destination_slow_before_it_times_out() -> None:
    some = slots({"crm": 200, "team": 200})
    some.answered("crm")
    fly(some, "crm", 60)
    assert "crm" in granted(some, now=STALLED_AFTER - 0.1)
    assert "crm" not in granted(some, now=STALLED_AFTER + 0.1)


def test_a_slow_destination_may_always_try_once() -> None:
    some = slots(dict.fromkeys(NAMES[:3], 200))
    fly(some, "d00", 60)
    some.timed_out("d01")
    assert granted(some, now=10.0)["d01"] == 1


def test_a_closed_destination_is_not_asked_until_it_opens() -> None:
    some = slots({"crm": 10, "team": 10})
    some.close("crm", 5.0)
    assert "crm" not in {share.destination for share in some.shares(4.9)}
    assert some.next_opening(0.0) == 5.0
    assert "crm" in granted(some, now=5.0)
    some.close("crm", 9.0)
    some.open("crm")
    assert "crm" in granted(some, now=6.0)


def test_with_more_destinations_than_room_all_are_looked_at() -> None:
    some = slots(dict.fromkeys(NAMES, 10), 5)
    assert len(some.shares(0.0)) == 20
    assert sum(granted(some).values()) == 5


@pytest.mark.parametrize("most", [1, 2, 3, 7, 32])
def test_the_lane_that_may_wait_gets_a_quarter(most: int) -> None:
    some = slots({"crm": most}, most)
    later = sum(some.shares(0.0)[0].later for _ in range(400))
    assert later == pytest.approx(400 * most / 4, abs=1)


@given(
    st.dictionaries(
        st.sampled_from(NAMES), st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1
    ),
    st.integers(0, 200),
)
def test_grants_are_even_and_never_more_than_there_is(
    some: dict[str, tuple[int, int]], room: int
) -> None:
    held = {name: pair[0] for name, pair in some.items()}
    wants = {name: pair[1] for name, pair in some.items()}
    grants = even_grants(held, wants, room)
    assert sum(grants.values()) == min(room, sum(wants.values()))
    for name, count in grants.items():
        assert 0 <= count <= wants[name]
        unfilled = [other for other in grants if grants[other] < wants[other]]
        assert all(held[other] + grants[other] >= held[name] + count - 1 for other in unfilled
                   if count)  # fmt: skip


def test_of_a_few_at_a_time_the_lane_that_may_wait_gets_one_in_four() -> None:
    first = Counter(interleaved("LLLLLLLL", "rr", turn)[0] for turn in range(400))
    assert first == {"L": 300, "r": 100}
    assert "".join(interleaved("LLLLLL", "rr", 0)) == "LLLrLLLr"
