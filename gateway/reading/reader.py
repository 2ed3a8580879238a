"""One source read from its checkpoints to the portal's now, slice by slice.

The checkpoint moves only past what is stored, and only for the holder of the source's lease. A feed
that fails holds back itself only.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.pipeline import Pipeline
from gateway.reading.intake import Intake
from gateway.sources import GslSource, window
from gateway.sources.protocol import Slice, SourceProblem
from gateway.store import Store

LONGEST_SLICE_DAYS = 1.0


class LeaseTaken(Exception):
    """Another poller reads this source now."""


@dataclass(slots=True)
class _Read:
    """What one feed gave in one slice."""

    feed: str
    items: list[Any]
    portal_time: datetime | None = None
    problem: SourceProblem | None = None


class Reader:
    """Reads one source into the pipeline."""

    def __init__(self, source: GslSource, store: Store, pipeline: Pipeline) -> None:
        self._source = source
        self._store = store
        self._intake = Intake(source, store, pipeline)

    async def poll(self, due: Collection[str], token: int) -> dict[str, SourceProblem]:
        """Read the feeds that are due from their checkpoints; the problems of those that failed.

        ``token`` is the lease's. Raises SourceProblem when no feed could be read, LeaseTaken.
        """
        source, started = self._source, time.monotonic()
        now = await source.now()
        floor = await self._store.sources.begin(source.name, window.floor(source.config.start, now))
        state = await self._store.sources.get(source.name)
        oldest = min((state.checkpoints.get(feed, floor) for feed in due), default=floor)
        problems: dict[str, SourceProblem] = {}
        for piece in window.slices(oldest, source.config.overlap, now, LONGEST_SLICE_DAYS):
            feeds = [feed for feed in due if feed not in problems]
            reads = await asyncio.gather(*(self._read(feed, piece) for feed in feeds))
            problems |= {read.feed: read.problem for read in reads if read.problem}
            if len(problems) == len(due):
                raise _worst(problems)
            items = ((read.feed, item) for read in reads for item in read.items)
            await self._intake.take(items, floor)
            for read in reads:
                if read.problem is None:
                    await self._move(read, piece, state.checkpoints.get(read.feed), token)
        await self._store.sources.succeeded(
            source.name,
            datetime.now(UTC),
            took=time.monotonic() - started,
            skew=source.skew,
            feeds={feed: problem.text for feed, problem in problems.items()},
        )
        return problems

    async def _read(self, feed: str, piece: Slice) -> _Read:
        read = _Read(feed, [])
        try:
            async for page in self._source.read(feed, piece):
                read.items += page.items
                if page.portal_time:
                    earliest = read.portal_time or page.portal_time
                    read.portal_time = min(earliest, page.portal_time)
        except SourceProblem as problem:
            read.problem = problem
        return read

    async def _move(self, read: _Read, piece: Slice, previous: datetime | None, token: int) -> None:
        reached = window.next_checkpoint(piece.end, read.portal_time, previous)
        moved = await self._store.sources.checkpoint(self._source.name, read.feed, reached, token)
        if moved == "fenced":
            raise LeaseTaken(self._source.name)


def _worst(problems: Mapping[str, SourceProblem]) -> SourceProblem:
    order = ("credentials", "rate_limited", "down", "protocol", "forbidden")
    return min(problems.values(), key=lambda problem: order.index(problem.kind))
