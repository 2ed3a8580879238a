"""Old leads on somebody's word: a walk over a period of the past, or over one classified.

Owns the order of it: one slice after the other, each written down when it is stored, so that what
is broken off goes on there. It reads at the portal's pace, holds a window and never a slice, and
delivers no known lead again. Who may run it, and what is shown of it, are its caller's.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection
from contextlib import aclosing
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta

from gateway.pipeline import BATCH, Pipeline
from gateway.reading.intake import Look, Taken
from gateway.reading.reader import Reader
from gateway.reading.walk import Merged, Walk, merged
from gateway.sources import window
from gateway.sources.gsl import GslSource
from gateway.sources.protocol import Slice, SourceProblem
from gateway.store import Mode, Store
from gateway.store.backfills import Course

SLICE_DAYS = 1.0
TRIES = 6
"""Times that one slice is walked before the backfill gives up; it can be gone on with."""
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0

_FINAL = frozenset({"credentials", "forbidden"})

Tell = Callable[[Course], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What to read. ``wish`` tells one backfill from another; ``end`` None is the portal's now.

    ``deliver`` False only stores; ``dry`` only counts.
    """

    wish: str
    start: datetime
    end: datetime | None = None
    classified: int | None = None
    deliver: bool = True
    dry: bool = False


@dataclass(slots=True)
class Outcome:
    """How it ended. ``left_out`` are feeds that this account may not read, with the problem."""

    course: Course
    resumed: bool = False
    left_out: dict[str, str] = field(default_factory=dict)


class Backfill:
    """Walks one source's past."""

    def __init__(
        self,
        source: GslSource,
        store: Store,
        pipeline: Pipeline,
        reader: Reader,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._source = source
        self._store = store
        self._pipeline = pipeline
        self._reader = reader
        self._pause = pause

    async def run(self, order: Order, tell: Tell) -> Outcome:
        """Read what the order says; ``tell`` hears of every page. Raises SourceProblem.

        What was stored before a problem, a signal or a crash stays, and the same order goes on.
        """
        kept = None if order.dry else await self._store.backfills.load(self._source.name)
        resumed = kept is not None and kept.wish == order.wish
        if kept is None or not resumed:
            now = await self._source.now()
            end = min(order.end or now, now)
            kept = Course(order.wish, order.start, end, order.start)
        outcome = Outcome(kept, resumed)
        if order.classified is not None:
            await self._classified(order, outcome, tell)
        else:
            await self._period(order, outcome, tell)
        if not order.dry:
            await self._store.backfills.end(self._source.name)
        return outcome

    async def _period(self, order: Order, outcome: Outcome, tell: Tell) -> None:
        course = outcome.course
        for piece in window.slices(course.reached, timedelta(0), course.end, SLICE_DAYS):
            await self._slice(piece, order, outcome, tell)
            course.reached = piece.end
            if not order.dry:
                await self._store.backfills.save(self._source.name, course)
            tell(course)

    async def _slice(self, piece: Slice, order: Order, outcome: Outcome, tell: Tell) -> None:
        """One slice, every feed to its last page. A feed that fails is walked again."""
        left: list[str] = [feed for feed in self._source.feeds if feed not in outcome.left_out]
        counted = _Counted(outcome.course, tell)
        for made in range(1, TRIES + 1):
            problems = await self._walk(piece, left, order, counted)
            for feed, problem in list(problems.items()):
                if problem.kind == "forbidden" and len(left) > 1:
                    outcome.left_out[feed] = problem.text
                    del problems[feed]
            left = list(problems)
            if not left:
                return
            worst = min(problems.values(), key=lambda each: each.kind not in _FINAL)
            if worst.kind in _FINAL or made == TRIES:
                raise worst
            wished = max((each.retry_after or 0.0 for each in problems.values()), default=0.0)
            planned = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (made - 1))
            await self._pause(max(wished, planned * random.uniform(0.8, 1.2)))  # noqa: S311

    async def _walk(
        self, piece: Slice, feeds: Collection[str], order: Order, counted: _Counted
    ) -> dict[str, SourceProblem]:
        if not order.dry:
            state = await self._store.sources.get(self._source.name)
            looked = await self._reader.read([piece], feeds, _look(order), state, told=counted.add)
            counted.settle(looked.taken)
            return looked.problems
        walk = Walk(self._source, feeds, piece)
        taken = Taken()
        async with aclosing(walk.batches()) as batches:
            async for batch in batches:
                taken.rejected += len(batch.no_leads)
                await self._count(batch.leads, taken)
                counted.add(taken)
        counted.settle(taken)
        return {feed: read.problem for feed, read in walk.reads.items() if read.problem}

    async def _classified(self, order: Order, outcome: Outcome, tell: Tell) -> None:
        counted = _Counted(outcome.course, tell)
        pages = self._source.classified(order.classified or 0)
        if not order.dry:
            counted.settle(await self._reader.take(pages, _look(order), told=counted.add))
            return
        taken = Taken()
        async for page in pages:
            batch = merged(self._source, page)
            taken.rejected += len(batch.no_leads)
            await self._count(batch.leads, taken)
            counted.add(taken)
        counted.settle(taken)

    async def _count(self, leads: list[Merged], taken: Taken) -> None:
        """What a backfill would do with these: nothing is stored."""
        for start in range(0, len(leads), BATCH):
            ids = [lead.lead_id for lead in leads[start : start + BATCH]]
            known = await self._pipeline.known(self._source.identity, ids)
            fresh = sum(1 for each in known if each is None or each.mark == "f")
            taken.read += len(ids)
            taken.new += fresh
            taken.known += len(ids) - fresh


def _look(order: Order) -> Look:
    return Look("backfill", mode=Mode.LATER if order.deliver else Mode.STORE)


_COUNTS = tuple(
    each.name for each in fields(Taken) if each.name not in ("nulled", "named", "ended")
)


class _Counted:
    """Adds up what was taken in, page by page, so that a bar can move."""

    def __init__(self, course: Course, tell: Tell) -> None:
        self._course = course
        self._tell = tell
        self._before = dict(course.counts)

    def add(self, taken: Taken) -> None:
        """Show what the walk that goes on has taken in so far."""
        self._course.counts = {
            name: self._before.get(name, 0) + _number(getattr(taken, name)) for name in _COUNTS
        }
        self._tell(self._course)

    def settle(self, taken: Taken) -> None:
        """That walk is over."""
        self.add(taken)
        self._before = dict(self._course.counts)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
