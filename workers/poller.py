"""The poller: one loop per source that says when its feeds are read.

Holds the source's lease, waits out what goes wrong, says it once, and hears a call to read now.
What reading is stands in ``gateway.reading``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from gateway.embedded import EmbeddedError
from gateway.reading import LeaseTaken, Pace, Reader
from gateway.reading.completion import SINGLE
from gateway.sources.protocol import Source, SourceProblem
from gateway.store import FeedTrouble, SourceState, StoreUnavailable
from gateway.wiring import Gateway
from workers.lease import TRY_EVERY, while_held
from workers.looks import Looks
from workers.tasks import end

AFTER_FAULT = 60.0
"""Seconds a source rests after a fault of ours."""

log = structlog.get_logger()


class SourcePoller:
    """Polls one source until told to stop."""

    def __init__(self, gateway: Gateway, source: Source, stop: asyncio.Event) -> None:
        self._gateway = gateway
        self._store = gateway.store
        self._source = source
        self._stop = stop
        self._owner = f"{socket.gethostname()}-{os.getpid()}-{random.randbytes(3).hex()}"  # noqa: S311
        self._reader = Reader(
            source,
            gateway.store,
            gateway.pipeline,
            retention=gateway.config.retention.leads,
        )
        self._said: dict[str, str] = {}
        self._store_said = ""
        self._stir = asyncio.Event()
        self._begin_anew()

    def _begin_anew(self) -> None:
        config = self._source.config
        self._pace = Pace(
            {feed: config.pace(feed).total_seconds() for feed in self._source.feeds}, random.random
        )
        self._apart: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Hold the lease and poll, or wait for it; whatever goes wrong is waited out."""
        stopped = asyncio.create_task(self._stop.wait())
        try:
            while not self._stop.is_set():
                serving = asyncio.create_task(self._serve())
                try:
                    # A long walk must not hold up a stop: what was read is stored already.
                    await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
                    if serving.done():
                        serving.result()
                finally:
                    await end(serving)
        finally:
            await end(stopped)
        with contextlib.suppress(StoreUnavailable):
            await self._store.leases.give_up(self._lease, self._owner)

    @property
    def _lease(self) -> str:
        return f"source:{self._source.name}"

    async def _serve(self) -> None:
        """Poll while the lease is ours; return when it is not, or after a rest."""
        name = self._source.name
        try:
            await while_held(self._store.leases, self._lease, self._owner, self._work)
            await asyncio.sleep(TRY_EVERY)
        except LeaseTaken:
            await asyncio.sleep(TRY_EVERY)
        except StoreUnavailable as error:
            if self._store_said != str(error):
                self._store_said = str(error)
                log.warning("store unavailable, waiting", source=name, problem=str(error))
            await asyncio.sleep(1.0)
            with contextlib.suppress(StoreUnavailable, EmbeddedError):
                await self._gateway.revive()
        except Exception:
            # A fault of ours: this source tries again, the others never notice.
            log.exception("poll failed unexpectedly", source=name)
            await asyncio.sleep(AFTER_FAULT)

    async def _work(self, token: int) -> None:
        self._store_said = ""
        self._begin_anew()
        looks = Looks(self._source, self._store, self._reader, self._pace)
        looking, polling = asyncio.create_task(looks.run()), asyncio.create_task(self._poll(token))
        try:
            await asyncio.gather(looking, polling)
        finally:
            await end(looking, polling, *self._apart.values())

    async def _poll(self, token: int) -> None:
        """Read what is due, rest, read what is due."""
        while True:
            for feed, task in list(self._apart.items()):
                if task.done():
                    del self._apart[feed]
                    task.result()
            state = await self._reader.begin()
            if state.state == "paused":
                await self._rest(60.0)
                continue
            self._pace.worked_before(state.checkpoints)
            together, apart = self._pace.due(time.monotonic(), self._apart)
            for feed in apart:
                self._apart[feed] = asyncio.create_task(self._read([feed], state, token))
            if together:
                await self._read(together, state, token)
            await self._rest(max(0.05, self._pace.wait(time.monotonic(), self._apart)))

    async def _read(self, feeds: Sequence[str], state: SourceState, token: int) -> None:
        """Read feeds in one walk, and note how it went."""
        started = time.monotonic()
        looked = await self._reader.poll(feeds, state, token)
        now = time.monotonic()
        self._pace.failed(looked.problems, now)
        self._pace.read([feed for feed in feeds if feed not in looked.problems], started, now)
        troubles, name = self._troubles(), self._source.name
        if self._pace.is_down:
            worst = self._pace.worst
            state_now = "refused" if worst.kind in ("credentials", "forbidden") else "down"
            trouble = self._trouble(worst, self._pace.wait(now))
            await self._store.sources.failed(name, state_now, trouble, troubles)
            self._say({"": trouble}, troubles)
        else:
            await self._store.sources.succeeded(
                name, datetime.now(UTC), took=looked.took, skew=self._source.skew,
                troubles=troubles, again=looked.taken.again,
            )  # fmt: skip
            self._say(troubles, troubles)
        self._stir.set()

    def _troubles(self) -> dict[str, FeedTrouble]:
        now = time.monotonic()
        found = {
            feed: self._trouble(trouble.problem, trouble.next_at - now)
            for feed, trouble in self._pace.troubles.items()
        }
        if problem := self._reader.single_problem:
            found[SINGLE] = FeedTrouble(problem.text, None, problem.details)
        return found

    def _trouble(self, problem: SourceProblem, wait: float) -> FeedTrouble:
        next_try = datetime.now(UTC) + timedelta(seconds=max(0.0, wait))
        return FeedTrouble(problem.text, next_try, problem.details)

    def _say(self, worth: Mapping[str, FeedTrouble], troubles: Mapping[str, FeedTrouble]) -> None:
        """Log once what is worth a line (a feed, or "" for the source), and once that it is over.

        Of a source that is down only the source is: its feeds' ``troubles`` are the same.
        """
        for feed, trouble in worth.items():
            # The trace at the end of a problem is another one each time.
            said = trouble.problem.partition(" [")[0]
            if self._said.get(feed) != said:
                self._said[feed] = said
                when = trouble.next_try_at
                log.error(
                    "feed unavailable" if feed else "source unavailable",
                    **self._about(feed), problem=trouble.problem,
                    next_try=when.isoformat(timespec="seconds") if when else None,
                )  # fmt: skip
        for feed in set(self._said) - {*worth, *troubles}:
            del self._said[feed]
            log.info("feed is back" if feed else "source is back", **self._about(feed))

    def _about(self, feed: str) -> dict[str, str]:
        return {"source": self._source.name, **({"feed": feed} if feed else {})}

    async def _rest(self, seconds: float) -> None:
        """Pause, unless a feed that was read apart is done, or somebody asks for a poll."""
        until = time.monotonic() + seconds
        self._stir.clear()
        while (left := until - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(1.0, left)):
                    await self._stir.wait()
                    return
            if left > 0.5 and await self._store.sources.woken(self._source.name):
                self._pace.ask_now()
                return


async def run(gateway: Gateway, stop: asyncio.Event) -> None:
    """Poll every source of the configuration in this process."""
    if not gateway.sources:
        log.info("nothing to poll: no source is of a polled kind")
        await stop.wait()
        return
    await asyncio.gather(
        *(SourcePoller(gateway, source, stop).run() for source in gateway.sources.values())
    )
