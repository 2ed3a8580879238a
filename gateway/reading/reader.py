"""One source read: from its checkpoints to the portal's now, and again behind them.

A checkpoint moves only past what is stored, and only for the holder of the source's lease. A feed
that fails holds back itself only. Polls find what is new; reconcile and review find what polls
passed over, and move nothing.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import structlog

from gateway.pipeline import Pipeline
from gateway.reading.completion import SINGLE, Completion
from gateway.reading.erasures import settle
from gateway.reading.intake import Intake, Look, Taken
from gateway.reading.walk import FeedRead, Walk, merged
from gateway.sources import window
from gateway.sources.protocol import Page, Slice, Source, SourceProblem
from gateway.store import Mode, SourceState, Store

SLICE_DAYS = 1.0
"""Days of one slice, at most seven (docs/sources/gsl.md): what is read again after a failure."""
REVIEW_PAUSE = 0.5
"""Seconds between two pages of a review: it has all day."""

log = structlog.get_logger()
AfterSlice = Callable[[Slice, Mapping[str, FeedRead]], Awaitable[bool]]


class LeaseTaken(Exception):
    """Another poller reads this source now."""


@dataclass(slots=True)
class Looked:
    """What came of one look: what was taken in, and the feeds that failed."""

    taken: Taken = field(default_factory=Taken)
    problems: dict[str, SourceProblem] = field(default_factory=dict)
    took: float = 0.0


class Reader:
    """Reads one source into the pipeline."""

    def __init__(
        self,
        source: Source,
        store: Store,
        pipeline: Pipeline,
        *,
        retention: timedelta = timedelta(days=30),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._source = source
        self._store = store
        self._retention = retention
        self._completion = Completion(source)
        self._intake = Intake(source, store, pipeline, self._completion, clock)

    @property
    def single_problem(self) -> SourceProblem | None:
        """Why single leads can not be asked for now, which some feeds' leads need."""
        return self._completion.problem

    async def begin(self) -> SourceState:
        """What is known of the source, its floor written down if this is its first look."""
        now = await self._source.now()
        start = window.floor(self._source.config.start, now)
        return await self._store.sources.begin(self._source.name, start)

    async def poll(self, feeds: Collection[str], state: SourceState, token: int) -> Looked:
        """Read feeds from their checkpoints to the portal's now.

        ``state`` is what :meth:`begin` found, ``token`` the lease's. Raises LeaseTaken when another
        poller reads now, StoreUnavailable.
        """
        source = self._source
        now = await source.now()
        floor = state.floor or now
        oldest = min((state.checkpoints.get(feed, floor) for feed in feeds), default=floor)

        async def move(piece: Slice, reads: Mapping[str, FeedRead]) -> bool:
            reached = {
                feed: window.next_checkpoint(
                    piece.end, read.portal_time, state.checkpoints.get(feed)
                )
                for feed, read in reads.items()
                if read.whole
            }
            if not await self._store.sources.move(source.name, reached, token):
                raise LeaseTaken(source.name)
            return True

        pieces = window.slices(oldest, source.config.overlap, now, SLICE_DAYS)
        return await self.read(pieces, feeds, Look("poll", floor=floor), state, after=move)

    async def reconcile(self, feeds: Collection[str]) -> Looked:
        """Look again at the recent past, for what the portal showed late."""
        source = self._source
        state = await self.begin()
        now = await source.now()
        pieces = window.slices(now - source.config.reconcile.over, timedelta(0), now, SLICE_DAYS)
        look = Look(
            "reconcile", floor=state.floor, missed_before=self._passed(state, feeds), again=True
        )
        return await self.read(pieces, feeds, look, state, abreast=False)

    async def review(self, feeds: Collection[str]) -> Looked:
        """Walk slowly over the retention period, from where the last walk was broken off."""
        source = self._source
        state = await self.begin()
        now = await source.now()
        start = max(now - self._retention, state.review_at or now - self._retention)

        async def note(piece: Slice, reads: Mapping[str, FeedRead]) -> bool:
            whole = all(read.whole for read in reads.values())
            if whole:
                await self._store.sources.reviewing(source.name, piece.end)
            return whole

        pieces = window.slices(start, timedelta(0), now, SLICE_DAYS)
        look = Look(
            "review", floor=state.floor, missed_before=self._passed(state, feeds), again=True
        )
        return await self.read(
            pieces, feeds, look, state, after=note, abreast=False, breathe=REVIEW_PAUSE
        )

    async def read(
        self,
        pieces: Iterable[Slice],
        feeds: Collection[str],
        look: Look,
        state: SourceState,
        *,
        after: AfterSlice | None = None,
        abreast: bool = True,
        breathe: float = 0.0,
        looked: Looked | None = None,
    ) -> Looked:
        """Read slices in their order, and take in what they show.

        ``after`` is called when a slice is stored, and says whether to go on. A feed that fails is
        left out of the slices that follow; once none is left, reading ends there. ``looked`` grows
        while it is read: whoever passes one in can watch.
        """
        look = replace(look, held=state.held)
        looked, started = looked or Looked(), time.monotonic()
        for piece in pieces:
            left = [feed for feed in feeds if feed not in looked.problems]
            if not left:
                break
            walk = Walk(self._source, left, piece, abreast=abreast, breathe=breathe)
            async with aclosing(walk.batches()) as batches:
                async for batch in batches:
                    await self._intake.take(batch, look, looked.taken)
            looked.problems |= {
                feed: read.problem for feed, read in walk.reads.items() if read.problem
            }
            if after and not await after(piece, walk.reads):
                break
        await self._settle(looked.taken, state)
        await self._notice(looked.taken)
        looked.took = time.monotonic() - started
        return looked

    async def take(self, page: Page, look: Look, taken: Taken) -> None:
        """Take in a page that is of no search over time, such as the leads of one classified."""
        await self._intake.take(merged(self._source, page), look, taken)

    async def refresh(self, lead_id: str) -> str:
        """Ask the portal for one known lead: ``changed``, ``same``, ``erased``, ``held`` or
        ``gone``.

        Raises SourceProblem.
        """
        source = self._source
        found = await source.lead(lead_id)
        if found is None or source.identify(found) != lead_id:
            return "gone"
        state = await self._store.sources.get(source.name)
        batch, taken = merged(source, Page(SINGLE, [found])), Taken()
        await self._intake.take(batch, Look("refresh", Mode.STORE, held=state.held), taken)
        await self._settle(taken, state)
        if taken.nulled:
            return "held" if state.held else "erased"
        return "changed" if taken.changed else "same"

    async def _settle(self, taken: Taken, state: SourceState) -> None:
        await settle(
            self._store,
            self._source.name,
            nulled=taken.nulled,
            named=taken.named,
            held=state.held,
            read=taken.read,
        )

    def _passed(self, state: SourceState, feeds: Collection[str]) -> datetime | None:
        """The moment before which no poll looks any more."""
        read = [state.checkpoints[feed] for feed in feeds if feed in state.checkpoints]
        return min(read) - self._source.config.overlap if read else None

    async def _notice(self, taken: Taken) -> None:
        """Tell what the operator should know of a look besides its leads."""
        for what, leads, text in (
            ("missed", taken.missed, "found leads that polls had missed"),
            ("ended", taken.ended, "leads were over already when they were first read"),
        ):
            if leads:
                await self._store.sources.noticed(self._source.name, what, leads)
                log.warning(text, source=self._source.name, leads=leads)
