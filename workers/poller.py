"""The poller: one loop per source that says when it is read.

Holds the source's lease while it reads, waits out what goes wrong, and hears a call to read now.
What reading is stands in ``gateway.reading``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import structlog

from gateway.reading import LeaseTaken, Reader
from gateway.sources import GslConfig, GslSource
from gateway.sources.protocol import SourceProblem
from gateway.store import StoreUnavailable
from gateway.wiring import Gateway
from workers.tasks import end

LEASE = 10.0
RENEW_EVERY = 3.0
FIRST_PAUSE = 2.0
LONGEST_PAUSE = 60.0

log = structlog.get_logger()


class SourcePoller:
    """Polls one source until told to stop."""

    def __init__(self, gateway: Gateway, source: GslSource, stop: asyncio.Event) -> None:
        self._gateway = gateway
        self._store = gateway.store
        self._source = source
        self._config: GslConfig = source.config
        self._stop = stop
        self._owner = f"{socket.gethostname()}-{os.getpid()}-{random.randbytes(3).hex()}"  # noqa: S311
        self._failures = 0
        self._said = ""
        self._reader = Reader(source, gateway.store, gateway.pipeline)
        self._polled: dict[str, float] = {}

    async def run(self) -> None:
        """Poll, pause, poll; whatever goes wrong is waited out."""
        while not self._stop.is_set():
            try:
                pause = await self._turn()
            except StoreUnavailable as error:
                log.warning(
                    "store unavailable, waiting", source=self._source.name, problem=str(error)
                )
                pause = 1.0
                with contextlib.suppress(StoreUnavailable):
                    await self._gateway.revive()
            except Exception:
                # A fault of ours: this source tries again, the others never notice.
                log.exception("poll failed unexpectedly", source=self._source.name)
                pause = LONGEST_PAUSE
            await self._wait(pause)
        with contextlib.suppress(StoreUnavailable):
            await self._store.leases.give_up(self._lease, self._owner)

    @property
    def _lease(self) -> str:
        return f"source:{self._source.name}"

    async def _turn(self) -> float:
        """One poll if it is ours to make; seconds until the next."""
        name = self._source.name
        token = await self._store.leases.take(self._lease, self._owner, LEASE)
        if not token:
            return RENEW_EVERY
        if (await self._store.sources.get(name)).state == "paused":
            return RENEW_EVERY
        poll = asyncio.create_task(self.poll(token))
        renew = asyncio.create_task(self._renew(token, poll))
        stopped = asyncio.create_task(self._stop.wait())
        try:
            # A long walk over the past must not hold up a stop: what was read is stored already.
            await asyncio.wait({poll, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not poll.done():
                return 0.0
            await poll
        except SourceProblem as problem:
            return await self._failed(problem)
        except LeaseTaken:
            return RENEW_EVERY
        except asyncio.CancelledError:
            if self._stop.is_set() or not renew.done():
                raise
            return RENEW_EVERY
        finally:
            await end(renew, poll, stopped)
        if self._failures:
            log.info("source is back", source=name)
        self._failures, self._said = 0, ""
        return self._next_pause()

    def _next_pause(self) -> float:
        now = time.monotonic()
        until_next: float = min(
            self._polled.get(feed, 0.0) + self._config.pace(feed).total_seconds() - now
            for feed in self._source.feeds
        )
        return max(0.05, until_next)

    async def _renew(self, token: int, poll: asyncio.Task[None]) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY)
            try:
                if await self._store.leases.take(self._lease, self._owner, LEASE) != token:
                    poll.cancel()
                    return
            except StoreUnavailable:
                poll.cancel()
                return

    async def _failed(self, problem: SourceProblem) -> float:
        self._failures += 1
        base = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self._failures - 1, 6))
        jittered: float = base * random.uniform(0.8, 1.2)  # noqa: S311
        pause = max(jittered, problem.retry_after or 0.0)
        if problem.kind == "credentials":
            pause = max(pause, 30.0)
        next_try = datetime.now(UTC) + timedelta(seconds=pause)
        state = "refused" if problem.kind in ("credentials", "forbidden") else "down"
        await self._store.sources.failed(self._source.name, state, problem.text, next_try)
        if problem.text != self._said:
            self._said = problem.text
            log.error(
                "source " + state,
                source=self._source.name,
                problem=problem.text,
                next_try=next_try.isoformat(timespec="seconds"),
            )
        return pause

    async def poll(self, token: int) -> None:
        """Read every feed that is due. Raises SourceProblem when none could be read."""
        due = [
            feed
            for feed in self._source.feeds
            if time.monotonic() - self._polled.get(feed, -1e9)
            >= self._config.pace(feed).total_seconds() - 0.05
        ]
        problems = await self._reader.poll(due, token)
        for feed in due:
            self._polled[feed] = time.monotonic()
        self._say_feeds(problems)

    def _say_feeds(self, problems: Mapping[str, SourceProblem]) -> None:
        said = "; ".join(f"{feed}: {problem.text}" for feed, problem in problems.items())
        if said and said != self._said:
            log.warning("feed unavailable", source=self._source.name, problem=said)
        self._said = said

    async def _wait(self, seconds: float) -> None:
        """Pause, unless somebody asks for a poll or the process stops."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(1.0, left)):
                    await self._stop.wait()
            if left > 1.0:
                with contextlib.suppress(StoreUnavailable):
                    if await self._store.sources.woken(self._source.name):
                        self._polled.clear()
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
