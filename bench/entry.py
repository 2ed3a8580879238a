"""What an entry of the benchmark is: figures by name, the aims they are held to, and its rounds.

A figure's name ends in its unit (``p50_ms``, ``cpu_ms_per_delivery``, ``pss_mb``; a bare number or
a ratio has none). An entry yields the figures of one round after the other: two things that are
compared run in turns within a round, so that a busy neighbour slows down both.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from dataclasses import dataclass, field

Figures = dict[str, float]
Rounds = AsyncGenerator[Figures]
"""What an entry gives: the figures of one round after the other."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What a figure should reach. Build one with :func:`at_most` or :func:`at_least`."""

    sign: str
    bound: float

    def met(self, value: float) -> bool:
        """Whether a figure reaches it."""
        return value <= self.bound if self.sign == "≤" else value >= self.bound

    def __str__(self) -> str:
        return f"{self.sign} {self.bound:,g}"


def at_most(bound: float) -> Aim:
    """A figure that should stay at or under a bound."""
    return Aim("≤", bound)


def at_least(bound: float) -> Aim:
    """A figure that should reach a bound."""
    return Aim("≥", bound)


@dataclass(frozen=True, slots=True)
class Run:
    """How one entry is run: how many rounds, and whether it is only tried (``--quick``)."""

    wanted: int | None = None
    quick: bool = False
    say: Callable[[str], None] = lambda text: None
    """Shows what goes on right now."""

    def rounds(self, usual: int = 3) -> Iterator[int]:
        """The numbers of the rounds to make: one when quick, else as asked for, else as usual."""
        count = self.wanted or (1 if self.quick else usual)
        for number in range(1, count + 1):
            self.say(f"round {number} of {count}")
            yield number

    def size(self, full: int, quick: int) -> int:
        """A count: the full one, or the small one of a quick run."""
        return quick if self.quick else full


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the registry. ``deadline`` bounds the whole entry, in seconds."""

    measure: Callable[[Run], Rounds]
    aims: Mapping[str, Aim] = field(default_factory=dict)
    deadline: int = 300

    @property
    def about(self) -> str:
        """What it measures, in one sentence."""
        return (self.measure.__doc__ or "").partition("\n\n")[0].replace("\n    ", " ").strip()


class Skipped(Exception):
    """An entry that can not be measured here; the text says why."""
