"""When something is worth a word: on the way in, when it grows, on the way out, never too often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.alerts.conditions import Condition
from gateway.alerts.config import Kind
from gateway.alerts.judge import APART, AWAY, QUIET, Change, Memory, judge

START = 1_800_000_000.0
DOWN = Condition(Kind.SOURCE_DOWN, "seloger", "down", {"name": "seloger"}, settles=30.0)


def dead(count: int, name: str = "crm") -> Condition:
    return Condition(Kind.DEAD_LETTER, name, "dead", {"name": name, "count": count}, level=count)


@dataclass
class Watch:
    """Judges over time, as the alerter does; keeps what was said and when."""

    now: float = START
    memory: dict[str, Memory] = field(default_factory=dict)
    last: float = 0.0
    said: list[tuple[float, Change]] = field(default_factory=list)

    def see(self, *conditions: Condition, after: float = 5.0) -> list[str]:
        self.now += after
        changes, self.memory = judge(conditions, self.memory, self.now, self.last)
        if changes:
            self.last = self.now
        self.said += [(self.now, change) for change in changes]
        return [f"{change.what} {change.key}" for change in changes]


def test_a_trouble_is_said_once_it_lasts_and_once_only() -> None:
    watch = Watch()
    assert watch.see(DOWN) == []
    assert watch.see(DOWN, after=20) == []
    assert watch.see(DOWN, after=10) == ["raised source_down:seloger"]
    assert [watch.see(DOWN, after=60) for _ in range(100)] == [[]] * 100


def test_its_end_is_said_once_it_stays_away_with_how_long_it_lasted() -> None:
    watch = Watch()
    watch.see(DOWN)
    watch.see(DOWN, after=600)
    assert watch.see(after=5) == []
    assert watch.see(after=AWAY) == ["over source_down:seloger"]
    assert 600 <= watch.said[-1][1].seconds <= 610
    assert watch.see(after=AWAY) == []


def test_a_blink_is_not_worth_a_word() -> None:
    watch = Watch()
    for _ in range(20):
        assert watch.see(DOWN, after=10) == []
        assert watch.see(after=10) == []


def test_more_dead_letters_are_said_again_but_not_one_by_one() -> None:
    watch = Watch()
    assert watch.see(dead(1)) == ["raised dead_letter:crm"]
    assert [watch.see(dead(n)) for n in range(2, 100)] == [[]] * 98
    assert watch.see(dead(100), after=QUIET) == ["grown dead_letter:crm"]
    assert watch.said[-1][1].level == 100


def test_letters_that_were_replayed_and_died_again_are_said_again() -> None:
    watch = Watch()
    watch.see(dead(5))
    watch.see(dead(1), after=QUIET)
    assert watch.see(dead(3)) == ["grown dead_letter:crm"]


def test_what_happens_together_is_said_together_and_notices_keep_apart() -> None:
    watch = Watch()
    assert len(watch.see(dead(1), dead(1, "team"))) == 2
    assert watch.see(dead(1), dead(1, "team"), dead(1, "inbox")) == []
    told = watch.see(dead(1), dead(1, "team"), dead(1, "inbox"), dead(2, "hub"), after=APART)
    assert told == ["raised dead_letter:inbox", "raised dead_letter:hub"]


def test_what_can_not_end_is_forgotten_without_a_word() -> None:
    missed = Condition(Kind.MISSED_LEADS, "seloger", "missed", level=1000, ends=False)
    watch = Watch()
    assert watch.see(missed) == ["raised missed_leads:seloger"]
    assert [watch.see(after=300) for _ in range(10)] == [[]] * 10
    assert watch.memory == {}


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 9), st.floats(1, 400)), max_size=120))
def test_however_it_comes_and_goes_it_is_said_in_turn_and_not_too_often(
    steps: Sequence[tuple[bool, int, float]],
) -> None:
    watch = Watch()
    for there, level, after in steps:
        watch.see(*([dead(level)] if there else []), after=after)
    words = [change.what for _, change in watch.said]
    begun = [at for at, change in watch.said if change.what != "over"]
    assert all(later - earlier >= QUIET for earlier, later in pairwise(begun))
    for before, word in zip(["over", *words], words, strict=False):
        assert (word == "raised") == (before == "over")


@given(st.lists(st.floats(1, 60), min_size=1, max_size=60))
def test_what_stays_is_always_said_in_the_end(pauses: Sequence[float]) -> None:
    watch = Watch()
    for pause in pauses:
        watch.see(DOWN, after=pause)
    for _ in range(int(QUIET // 5) + 2):
        watch.see(DOWN)
    assert [change.what for _, change in watch.said] == ["raised"]
