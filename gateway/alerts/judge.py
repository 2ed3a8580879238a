"""What of the conditions is worth a word now: on the way in, when it grows, on the way out. Pure.

A condition counts once it has lasted; it is said once, not again before :data:`QUIET` however often
it comes and goes; its end is said once it has stayed away. Notices keep :data:`APART` from each
other: what happens meanwhile goes into the next one together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from gateway.alerts.conditions import Condition

QUIET = 900.0
"""Seconds in which the same trouble is not said a second time."""
AWAY = 60.0
"""Seconds a condition must stay away to be over."""
APART = 60.0
"""Seconds between two notices."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of one condition. Times are Unix seconds.

    ``told`` when it was last said (0: never), ``open`` whether its end is still owed, ``away``
    since when it is not there any more (0: it is there).
    """

    since: float
    level: int = 0
    told: float = 0.0
    open: bool = False
    away: float = 0.0
    word: str = ""
    facts: Mapping[str, Any] | None = None
    ends: bool = True

    def as_json(self) -> dict[str, Any]:
        """For keeping."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to say. ``what``: raised, grown or over. ``seconds`` since it began."""

    what: str
    key: str
    word: str
    facts: Mapping[str, Any]
    level: int
    seconds: float


def judge(
    conditions: Iterable[Condition], memory: Mapping[str, Memory], now: float, last_notice: float
) -> tuple[list[Change], dict[str, Memory]]:
    """What to say now, and what to remember when it was said."""
    may_speak = now - last_notice >= APART
    changes: list[Change] = []
    kept: dict[str, Memory] = {}
    there = {condition.key: condition for condition in conditions}
    for key, condition in there.items():
        before = memory.get(key) or Memory(since=now)
        if before.away and not before.open:
            # It was over, or never said: this is a new time, though the silence may last.
            before = replace(before, since=now, level=0)
        found = replace(before, away=0.0)
        change = _begun_or_grown(condition, found, now) if may_speak else None
        if change is None:
            # What sank can grow again; what has grown unsaid still waits to be said.
            kept[key] = replace(found, level=min(found.level, condition.level))
            continue
        changes.append(change)
        kept[key] = replace(
            found, level=condition.level, told=now, open=True, word=condition.word,
            facts=dict(condition.facts), ends=condition.ends,
        )  # fmt: skip
    for key, before in memory.items():
        if key in there:
            continue
        gone = before if before.away else replace(before, away=now)
        if gone.open and now - gone.away >= AWAY and (may_speak or not gone.ends):
            if gone.ends:
                seconds = max(0.0, gone.away - gone.since)
                changes.append(Change("over", key, gone.word, gone.facts or {}, 0, seconds))
            gone = replace(gone, open=False)
        if gone.open or now - gone.told < QUIET:
            kept[key] = gone
    return changes, kept


def _begun_or_grown(condition: Condition, before: Memory, now: float) -> Change | None:
    lasted = now - before.since
    if lasted < condition.settles or now - before.told < QUIET:
        return None
    if before.open and condition.level <= before.level:
        return None
    what = "grown" if before.open else "raised"
    return Change(what, condition.key, condition.word, condition.facts, condition.level, lasted)
