"""The poller: reads each source's new leads and hands them to the pipeline.

Holds the source's lease while it reads; walks time in slices from its checkpoint; moves the
checkpoint only past what is stored. A feed that fails holds back itself only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from gateway.delivery import lead_uid
from gateway.lead import Lead, RejectedItem
from gateway.pipeline import BATCH, digest
from gateway.sources import GslConfig, GslSource, window
from gateway.sources.gsl_lead import lead_id_of, normalise
from gateway.sources.protocol import Slice, SourceProblem
from gateway.store import StoreUnavailable
from gateway.wiring import Gateway
from workers.tasks import end

LEASE = 10.0
RENEW_EVERY = 3.0
LONGEST_SLICE_DAYS = 1.0
FIRST_PAUSE = 2.0
LONGEST_PAUSE = 60.0

log = structlog.get_logger()


class LeaseTaken(Exception):
    """Another poller reads this source now."""


@dataclass(slots=True)
class _Read:
    """What one feed gave in one slice."""

    feed: str
    items: list[Any]
    portal_time: datetime | None = None
    problem: SourceProblem | None = None


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
        """Read every feed that is due from its checkpoint to the portal's now.

        Raises SourceProblem when no feed could be read.
        """
        name, started = self._source.name, time.monotonic()
        now = await self._source.now()
        floor = await self._store.sources.begin(name, window.floor(self._config.start, now))
        state = await self._store.sources.get(name)
        due = [
            feed
            for feed in self._source.feeds
            if time.monotonic() - self._polled.get(feed, -1e9)
            >= self._config.pace(feed).total_seconds() - 0.05
        ]
        oldest = min((state.checkpoints.get(feed, floor) for feed in due), default=floor)
        problems: dict[str, SourceProblem] = {}
        for piece in window.slices(oldest, self._config.overlap, now, LONGEST_SLICE_DAYS):
            feeds = [feed for feed in due if feed not in problems]
            reads = await asyncio.gather(*(self._read(feed, piece) for feed in feeds))
            problems |= {read.feed: read.problem for read in reads if read.problem}
            if len(problems) == len(due):
                raise _worst(problems)
            await self._accept(reads, floor)
            for read in reads:
                if read.problem is None:
                    await self._move(read, piece, state.checkpoints.get(read.feed), token)
        for feed in due:
            self._polled[feed] = time.monotonic()
        self._say_feeds(problems)
        await self._store.sources.succeeded(
            name,
            datetime.now(UTC),
            took=time.monotonic() - started,
            skew=self._source.skew,
            feeds={feed: problem.text for feed, problem in problems.items()},
        )

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

    async def _accept(self, reads: list[_Read], floor: datetime) -> None:
        """Merge the feeds' items by lead, skip what is known unchanged, accept the rest."""
        by_lead: dict[str, dict[str, Any]] = {}
        for read in reads:
            for item in read.items:
                lead_id = lead_id_of(item)
                if lead_id is None:
                    await self._reject(item)
                else:
                    by_lead.setdefault(lead_id, {})[read.feed] = item
        ids = list(by_lead)
        for start in range(0, len(ids), BATCH):
            some = {lead_id: by_lead[lead_id] for lead_id in ids[start : start + BATCH]}
            await self._accept_batch(some, floor)

    async def _accept_batch(self, items: Mapping[str, Mapping[str, Any]], floor: datetime) -> None:
        name, identity = self._source.name, self._source.identity
        known = await self._gateway.pipeline.known(identity, list(items))
        leads: list[Lead] = []
        digests: list[str] = []
        for (_, feeds), before in zip(items.items(), known, strict=True):
            mark = digest(feeds)
            if before and (
                before.mark != "a"
                or not before.digest
                or (before.digest == mark and name in before.sources)
            ):
                continue
            try:
                lead = normalise(
                    feeds, source=name, identity=identity, received_at=datetime.now(UTC)
                )
            except RejectedItem as error:
                await self._reject(feeds, error.reason)
                continue
            leads.append(lead)
            digests.append(mark)
        results = await self._gateway.pipeline.accept(leads, floor=floor, digests=digests)
        for lead, result in zip(leads, results, strict=True):
            if isinstance(result, StoreUnavailable):
                raise result
            if isinstance(result, Exception):
                log.error("lead rejected", source=name, problem=type(result).__name__)
                await self._store.leads.reject(
                    name, f"could not be stored ({type(result).__name__})",
                    lead.original, datetime.now(UTC),
                )  # fmt: skip
            elif result.what == "new":
                log.info(
                    "lead received", source=name, lead=lead.id, category=lead.category,
                    deliveries=len(result.deliveries), uid=lead_uid(identity, lead.id)[:8],
                )  # fmt: skip

    async def _reject(self, item: Any, reason: str | None = None) -> None:
        if reason is None:
            reason = (
                "an item has no leadMetaInfos.leadId"
                if isinstance(item, dict)
                else "an item is not an object"
            )
        raw = json.dumps(item, ensure_ascii=False, default=str)
        await self._store.leads.reject(self._source.name, reason, raw, datetime.now(UTC))

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


def _worst(problems: Mapping[str, SourceProblem]) -> SourceProblem:
    order = ("credentials", "rate_limited", "down", "protocol", "forbidden")
    return min(problems.values(), key=lambda problem: order.index(problem.kind))


async def run(gateway: Gateway, stop: asyncio.Event) -> None:
    """Poll every source of the configuration in this process."""
    if not gateway.sources:
        log.info("nothing to poll: no source is of a polled kind")
        await stop.wait()
        return
    await asyncio.gather(
        *(SourcePoller(gateway, source, stop).run() for source in gateway.sources.values())
    )
