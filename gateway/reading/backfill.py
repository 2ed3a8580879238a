"""A backfill: a past period of one source, walked once, oldest first, at the portal's pace.

Owns the walking, the waiting for a portal in trouble and how far it came; never who may walk (its
caller holds the lease ``backfill:SOURCE`` and hands in the token) and never what a person sees.
Leads go behind everything live, and one that is known is never delivered again.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

from gateway.reading.intake import Look, Taken
from gateway.reading.reader import SLICE_DAYS, Looked, Reader
from gateway.sources import GslSource, window
from gateway.sources.protocol import Page, Slice, Source, SourceProblem
from gateway.store import BackfillRecord, Mode, Store

T = TypeVar("T")

TRIES = {"rate_limited": 30, "down": 12, "protocol": 3}
"""How often the same piece is tried before a backfill ends, by what went wrong; else once."""
FIRST_PAUSE, LONGEST_PAUSE, LONGEST_WISH = 2.0, 60.0, 3600.0
"""Seconds between two tries; a portal may wish for more with ``Retry-After``, up to the last."""

TELL_EVERY = 0.5
"""Seconds between two words of how it goes."""

COUNTS = ("read", "new", "known", "rejected", "deliveries")


class Fenced(Exception):
    """Somebody else walks this source now."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What to walk. ``end`` None: up to the portal's now. ``asked`` names the wish, to go on with.

    ``deliver``: else leads are only stored. ``dry_run``: nothing is stored at all.
    """

    asked: str
    start: datetime
    end: datetime | None = None
    classified: int | None = None
    deliver: bool = True
    dry_run: bool = False


@dataclass(slots=True)
class Progress:
    """How far a backfill is. ``state``: running, waiting, done, stopped or failed."""

    start: datetime
    end: datetime
    reached: datetime
    state: str = "running"
    problem: str = ""
    wait: float = 0.0
    """Seconds until the next try, while it waits."""
    resumed: bool = False
    read: int = 0
    new: int = 0
    known: int = 0
    rejected: int = 0
    deliveries: int = 0
    left_out: dict[str, str] = field(default_factory=dict)
    """Feeds that the account may not read, and why."""

    @property
    def share(self) -> float:
        """How much of the period is done, 0 to 1."""
        whole = (self.end - self.start).total_seconds()
        return 1.0 if whole <= 0 else (self.reached - self.start).total_seconds() / whole

    @property
    def counts(self) -> dict[str, int]:
        """The leads by what became of them, and the deliveries."""
        return {name: getattr(self, name) for name in COUNTS}

    def add(self, taken: Taken, *, again: bool) -> None:
        """Add what came of what was read; of what is read ``again`` only what is new."""
        self.new += taken.new
        self.rejected += 0 if again else taken.rejected
        self.deliveries += taken.deliveries
        self.known += 0 if again else taken.known
        self.read += taken.new if again else taken.new + taken.known


class Takes(Protocol):
    """What happens to what is read: :class:`Taking` stores it, a rehearsal counts it."""

    async def read(self, piece: Slice, feeds: Sequence[str], looked: Looked) -> None:
        """Read feeds over one slice; what came of it is added to ``looked`` as it comes."""
        ...

    async def take(self, page: Page, taken: Taken) -> None:
        """Take in one page that is no search over time, and add what came of it to ``taken``."""
        ...


class Taking:
    """Stores what is read, and makes its deliveries unless they are not wanted."""

    def __init__(self, reader: Reader, source: Source, store: Store, *, deliver: bool) -> None:
        self._reader = reader
        self._source = source
        self._store = store
        self._look = Look("backfill", mode=Mode.LATER if deliver else Mode.STORE, again=True)

    async def read(self, piece: Slice, feeds: Sequence[str], looked: Looked) -> None:
        """Take in what feeds show of one slice."""
        state = await self._store.sources.get(self._source.name)
        await self._reader.read([piece], feeds, self._look, state, looked=looked)

    async def take(self, page: Page, taken: Taken) -> None:
        """Take in one page."""
        await self._reader.take(page, self._look, taken)


class Backfill:
    """One walk over one source's past. Run it once."""

    def __init__(
        self,
        source: GslSource,
        store: Store,
        takes: Takes,
        wish: Wish,
        *,
        tell: Callable[[Progress], None] = lambda progress: None,
        stop: asyncio.Event | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._source = source
        self._store = store
        self._takes = takes
        self._wish = wish
        self._tell = tell
        self._stop = stop or asyncio.Event()
        self._clock = clock
        self._token = 0

    async def run(self, token: int = 0) -> Progress:
        """Walk to the end, until stopped, or until the portal can not be read any more.

        ``token`` is the lease's; a dry run needs none. Raises Fenced, StoreUnavailable. What was
        read before is stored in every case, and the same wish goes on from there.
        """
        self._token = token
        progress = await self._begin()
        try:
            if self._wish.classified is None:
                await self._walk(progress)
            else:
                await self._walk_classified(progress, self._wish.classified)
        except _Ended as end:
            progress.state, progress.problem = end.state, end.problem
        else:
            progress.state, progress.problem, progress.reached = "done", "", progress.end
        await self._note(progress)
        return progress

    async def _begin(self) -> Progress:
        """Where to begin: at the start, or where the same wish was broken off."""
        now = await self._source.now()
        end = max(self._wish.start, min(self._wish.end or now, now))
        progress = Progress(self._wish.start, end, self._wish.start)
        before = None if self._wish.dry_run else await self._store.backfills.get(self._source.name)
        if before and before.asked == self._wish.asked and not before.is_over:
            progress = Progress(before.start, before.end, before.reached, resumed=True)
            for name in COUNTS:
                setattr(progress, name, before.counts.get(name, 0))
        await self._note(progress)
        return progress

    async def _walk(self, progress: Progress) -> None:
        """Slice by slice; each is written down as done once all its feeds were read."""
        feeds = list(self._source.feeds)
        resumed_to = progress.reached + timedelta(seconds=1)
        for piece in window.slices(progress.reached, timedelta(0), progress.end, SLICE_DAYS):
            left, tries = list(feeds), 0
            while left:
                looked = Looked()
                work = self._takes.read(piece, left, looked)
                # Where a walk goes on, part of its first slice was counted before.
                again = tries > 0 or (progress.resumed and piece.start < resumed_to)
                await self._unless_stopped(work, progress, looked.taken, again=again)
                for feed, problem in looked.problems.items():
                    if problem.kind == "forbidden":
                        progress.left_out[feed] = problem.text
                        feeds.remove(feed)
                if not feeds:
                    raise _Ended("failed", next(iter(progress.left_out.values())))
                left = [feed for feed in looked.problems if feed in feeds]
                if left:
                    tries += 1
                    await self._wait(progress, [looked.problems[feed] for feed in left], tries)
            progress.reached = piece.end
            await self._note(progress)

    async def _walk_classified(self, progress: Progress, classified_id: int) -> None:
        """The leads of one classified that were made in the period. They have no slices."""
        within, tries = Slice(progress.start, progress.end), 0
        problem: SourceProblem | None = None
        while tries == 0 or problem:
            if problem:
                await self._wait(progress, [problem], tries)
            taken = Taken()
            work = self._take_classified(classified_id, within, taken)
            again = tries > 0 or progress.resumed
            problem = await self._unless_stopped(work, progress, taken, again=again)
            tries += 1

    async def _take_classified(
        self, classified_id: int, within: Slice, taken: Taken
    ) -> SourceProblem | None:
        try:
            async for page in self._source.classified(classified_id):
                made = [item for item in page.items if _is_within(self._source, item, within)]
                await self._takes.take(replace(page, items=made), taken)
        except SourceProblem as problem:
            return problem
        return None

    async def _unless_stopped(
        self, work: Coroutine[Any, Any, T], progress: Progress, taken: Taken, *, again: bool
    ) -> T:
        """Do it, telling how it goes; or end it in the middle: what is stored stays stored.

        ``taken`` is what it has taken in so far; it is part of ``progress`` afterwards.
        """
        working = asyncio.ensure_future(work)
        stopped = asyncio.create_task(self._stop.wait())
        try:
            while not working.done():
                await asyncio.wait(
                    {working, stopped}, timeout=TELL_EVERY, return_when=asyncio.FIRST_COMPLETED
                )
                if stopped.done() and not working.done():
                    raise _Ended("stopped")
                so_far = replace(progress)
                so_far.add(taken, again=again)
                self._tell(so_far)
            return working.result()
        finally:
            working.cancel()
            stopped.cancel()
            await asyncio.gather(working, stopped, return_exceptions=True)
            progress.add(taken, again=again)

    async def _wait(
        self, progress: Progress, problems: Sequence[SourceProblem], tries: int
    ) -> None:
        """Let a portal in trouble have its time. Raises :class:`_Ended` when it had enough."""
        problem = min(problems, key=lambda one: TRIES.get(one.kind, 0))
        if tries >= TRIES.get(problem.kind, 1):
            raise _Ended("failed", problem.text)
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(tries - 1, 6))
        pause *= random.uniform(0.8, 1.2)  # noqa: S311
        pause = max(pause, min(LONGEST_WISH, problem.retry_after or 0.0))
        progress.state, progress.problem, progress.wait = "waiting", problem.text, pause
        self._tell(progress)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._stop.wait()
                raise _Ended("stopped")
        progress.state, progress.problem, progress.wait = "running", "", 0.0
        self._tell(progress)

    async def _note(self, progress: Progress) -> None:
        """Write down how far it is, and tell."""
        self._tell(progress)
        if self._wish.dry_run:
            return
        record = BackfillRecord(
            asked=self._wish.asked,
            state=progress.state,
            start=progress.start,
            end=progress.end,
            reached=progress.reached,
            updated_at=self._clock(),
            counts=progress.counts,
            problem=progress.problem,
        )
        if not await self._store.backfills.note(self._source.name, record, self._token):
            raise Fenced(self._source.name)


class _Ended(Exception):
    """The walk ends before its end."""

    def __init__(self, state: str, problem: str = "") -> None:
        super().__init__(state)
        self.state = state
        self.problem = problem


def _is_within(source: Source, item: object, within: Slice) -> bool:
    """Whether an item was made in a period; one that does not say when is in every one."""
    made_at = source.made_at(item)
    return made_at is None or within.start <= made_at <= within.end
