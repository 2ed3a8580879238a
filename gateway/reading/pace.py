"""When each feed of a source is read next: its own pace, its back-off, and the portal's wishes.

Pure: moments are seconds of any steady clock and come in as arguments, and so does the draw that
spreads retries. Knows nothing of windows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from gateway.sources.protocol import SourceProblem

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0
"""Seconds after the first failure in a row, doubled with each further one up to the longest."""
JITTER = 0.2
AFTER_CREDENTIALS = 30.0
UNAVAILABLE = 3600.0
"""Seconds until a feed that the account may not read, or that is not there, is tried again."""
DOUBTED = (60.0, 300.0)
"""The first waits of a feed that was readable until now: it is rather being repaired."""

_WORST_FIRST = ("credentials", "rate_limited", "down", "protocol", "forbidden")


@dataclass(slots=True)
class Trouble:
    """What is wrong with a feed: the last problem, failures in a row, when it is tried again."""

    problem: SourceProblem
    failures: int
    next_at: float


class Pace:
    """The feeds of one source. ``intervals`` are seconds between two readings of each."""

    def __init__(self, intervals: Mapping[str, float], draw: Callable[[], float]) -> None:
        self._intervals = dict(intervals)
        self._draw = draw
        self._read_at: dict[str, float] = {}
        self._worked: set[str] = set()
        self._not_before = 0.0
        self.troubles: dict[str, Trouble] = {}

    @property
    def is_down(self) -> bool:
        """Whether no feed can be read."""
        return len(self.troubles) == len(self._intervals)

    @property
    def worst(self) -> SourceProblem:
        """The problem to show for the whole source. Only while :attr:`is_down`."""
        problems = [trouble.problem for trouble in self.troubles.values()]
        return min(problems, key=lambda problem: _WORST_FIRST.index(problem.kind))

    @property
    def readable(self) -> tuple[str, ...]:
        """The feeds without trouble."""
        return tuple(feed for feed in self._intervals if feed not in self.troubles)

    def worked_before(self, feeds: Collection[str]) -> None:
        """Feeds that somebody read once: they have a checkpoint."""
        self._worked.update(feeds)

    def next_at(self, feed: str) -> float:
        """When a feed is due."""
        trouble = self.troubles.get(feed)
        own = trouble.next_at if trouble else self._read_at.get(feed, 0.0)
        return max(own, self._not_before)

    def due(self, now: float, busy: Collection[str] = ()) -> tuple[list[str], list[str]]:
        """The feeds to read now: together, and each by itself.

        One that is in trouble while others are not is read by itself, so that it holds up none.
        """
        found = [x for x in self._intervals if x not in busy and self.next_at(x) <= now]
        if self.is_down:
            return found, []
        return [x for x in found if x not in self.troubles], [
            x for x in found if x in self.troubles
        ]

    def rest(self, now: float) -> float:
        """Seconds for which the portal asked to be left alone altogether."""
        return max(0.0, self._not_before - now)

    def wait(self, now: float, busy: Collection[str] = ()) -> float:
        """Seconds until any feed is due."""
        moments = [self.next_at(feed) for feed in self._intervals if feed not in busy]
        return max(0.0, min(moments) - now) if moments else LONGEST_PAUSE

    def read(self, feeds: Collection[str], started: float, now: float) -> None:
        """Feeds that were read: due again by their own pace, counted from where reading began."""
        recovered = self.is_down and bool(feeds)
        for feed in feeds:
            self.troubles.pop(feed, None)
            self._read_at[feed] = max(now, started + self._intervals[feed])
        self._worked.update(feeds)
        if recovered:  # the portal is back: what failed with it need not wait its turn
            for trouble in self.troubles.values():
                if trouble.problem.kind != "forbidden":
                    trouble.next_at = now

    def failed(self, problems: Mapping[str, SourceProblem], now: float) -> None:
        """Feeds that could not be read. Those that fail together are tried again together."""
        for feed, problem in problems.items():
            before = self.troubles.get(feed)
            count = before.failures + 1 if before else 1
            self.troubles[feed] = Trouble(problem, count, now)
        failures = max((self.troubles[feed].failures for feed in problems), default=1)
        spread = 1 + JITTER * (2 * self._draw() - 1)
        for feed, problem in problems.items():
            wait = self._back_off(feed, problem, failures)
            wait = wait if problem.kind == "forbidden" else wait * spread
            wait = max(wait, problem.retry_after or 0.0)
            if problem.kind == "rate_limited" or problem.retry_after:
                self._not_before = max(self._not_before, now + wait)  # it speaks of the account
            self.troubles[feed].next_at = now + wait

    def ask_now(self) -> None:
        """Forget every wait: somebody asked for a reading."""
        self._not_before = 0.0
        self._read_at.clear()
        for trouble in self.troubles.values():
            trouble.next_at = 0.0

    def _back_off(self, feed: str, problem: SourceProblem, failures: int) -> float:
        if problem.kind == "forbidden":
            waits = DOUBTED if feed in self._worked else ()
            own = self.troubles[feed].failures
            return waits[own - 1] if own <= len(waits) else UNAVAILABLE
        wait = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 6))
        return max(wait, AFTER_CREDENTIALS) if problem.kind == "credentials" else wait
