"""Second looks at a source: reconcile over the recent past, review over all that is kept.

Each runs by its own clock, one page at a time, beside the polls and after them: while the source is
in trouble or asked to be left alone, a look waits.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import structlog

from gateway.reading import Pace, Reader
from gateway.sources.protocol import Source
from gateway.store import SourceState, Store

LOOK_AGAIN = 30.0
"""The most seconds that a look sleeps: pausing, resetting and other pollers are noticed by then."""
AFTER_FAILURE = 60.0

log = structlog.get_logger()


class Looks:
    """The second looks of one source, as long as its lease is held."""

    def __init__(self, source: Source, store: Store, reader: Reader, pace: Pace) -> None:
        self._source = source
        self._store = store
        self._reader = reader
        self._pace = pace

    async def run(self) -> None:
        """Both looks, for ever."""
        await asyncio.gather(self._run("reconcile"), self._run("review"))

    async def _run(self, look: str) -> None:
        config = self._source.config
        every = config.reconcile.every if look == "reconcile" else config.review.every
        if look == "reconcile" and not config.reconcile.over:
            return
        while True:
            state = await self._store.sources.get(self._source.name)
            pause = await self._turn(look, every, state)
            await asyncio.sleep(pause)

    async def _turn(self, look: str, every: timedelta, state: SourceState) -> float:
        """One look if it is due; seconds until the next turn."""
        now = datetime.now(UTC)
        last = state.reconciled_at if look == "reconcile" else state.reviewed_at
        last = last or state.since  # where polls have just begun there is nothing to look at again
        if last is None:
            return 1.0
        wait = (last + every - now).total_seconds()
        if wait > 0:
            return min(wait, LOOK_AGAIN)
        feeds = self._pace.readable
        wait = self._pace.rest(time.monotonic())
        if state.state == "paused" or not feeds or wait > 0:
            return min(max(wait, 1.0), LOOK_AGAIN)
        return await self._look(look, feeds, every)

    async def _look(self, look: str, feeds: tuple[str, ...], every: timedelta) -> float:
        reader = self._reader
        looked = await (reader.reconcile if look == "reconcile" else reader.review)(feeds)
        if looked.problems:
            self._pace.failed(looked.problems, time.monotonic())
            return AFTER_FAILURE
        await self._store.sources.looked(
            self._source.name, look, datetime.now(UTC), looked.taken.again
        )
        if look == "review":
            log.info(
                "review done", source=self._source.name, leads=looked.taken.read,
                new=looked.taken.new, changed=looked.taken.changed, seconds=round(looked.took),
            )  # fmt: skip
        return min(every.total_seconds(), LOOK_AGAIN)
