"""The worker: one asyncio process with many deliveries in flight.

Speaks RQ's keys through ``gateway.queue`` and shows itself to RQ as a worker. Takes hints in
batches, begins them in the store, sends them side by side, writes their ends down in batches. Holds
a lease of its own: when it can not renew it, what it has in flight is cancelled, because others may
have it now.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from gateway.delivery import Lane, Reason
from gateway.queue import Hint
from gateway.store import Claim, LeaseLost, Report, StoreUnavailable, Work
from gateway.wiring import Gateway
from workers.escalator import Escalator
from workers.sweeper import PAUSE, Sweeper
from workers.tasks import end

RENEW_EVERY = 2.0
IDLE = 1.0
"""Seconds an idle worker waits at most before it looks by itself."""
FINISH_BATCH = 100
LATER_SHARE = 4
"""One slot in so many is kept for the lane that may wait, so that it never starves."""
STOP_WITHIN = 10.0
"""Seconds that deliveries in flight get to end when the worker is asked to stop."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Flight:
    """One delivery in the air."""

    work: Work
    task: asyncio.Task[None]


class Worker:
    """See the module. ``run`` returns when ``stop`` is set (or, with ``burst``, nothing
    is left).
    """

    def __init__(
        self,
        gateway: Gateway,
        stop: asyncio.Event,
        *,
        concurrency: int,
        burst: bool = False,
        patient: Callable[[], bool] = lambda: False,
    ) -> None:
        self._gateway = gateway
        self._store = gateway.store
        self._queue = gateway.queue
        self._pipeline = gateway.pipeline
        self._names = tuple(gateway.destinations)
        self._stop = stop
        self._concurrency = concurrency
        self._burst = burst
        self._patient = patient
        self.name = f"{socket.gethostname()}-{os.getpid()}-{random.randbytes(3).hex()}"  # noqa: S311
        self._flights: dict[str, _Flight] = {}
        self._in_flight: Counter[str] = Counter()
        self._blocked_until: dict[str, float] = {}
        self._suspects: set[str] = set()
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._reports: asyncio.Queue[tuple[Report, Work]] = asyncio.Queue()
        self._escalator = Escalator(self._store, self._queue, self._pipeline.planner)
        self._sweeper = Sweeper(
            self._store, self._queue, self.name, self._names, gateway.config.retention.leads
        )

    async def run(self) -> None:
        """Work until told to stop; then finish what is in flight, within bounds, and say
        goodbye.
        """
        await self._patiently(self._hello)
        log.info("worker started", worker=self.name, concurrency=self._concurrency)
        background = [
            asyncio.create_task(self._forever(step), name=name)
            for name, step in {
                "renew": self._renew,
                "bell": self._listen,
                "sweep": self._sweep,
                "finish": self._write_down,
            }.items()
        ]
        try:
            while not self._stop.is_set():
                if not await self._patiently(self._fill) and self._burst and await self._is_done():
                    break
                await self._rest()
            await self._land()
        finally:
            await end(*background)
            with contextlib.suppress(StoreUnavailable):
                await self._goodbye()
        log.info("worker stopped", worker=self.name)

    async def _hello(self) -> None:
        await self._store.leases.start_worker(self.name)
        await self._queue.register(self.name, self._names)

    async def _goodbye(self) -> None:
        await self._store.leases.end_worker(self.name)
        await self._store.leases.give_up("sweeper", self.name)
        await self._queue.unregister(self.name, self._names)

    async def _forever(self, step: object) -> None:
        while True:
            await self._patiently(step)

    async def _patiently(self, step: object) -> bool:
        """Run a step; while the store is away, wait with growing pauses and say so once."""
        pause = 0.1
        while True:
            try:
                return bool(await step())  # type: ignore[operator]
            except StoreUnavailable as error:
                if pause == 0.1:
                    log.warning("store unavailable, waiting", problem=str(error))
                if self._stop.is_set() and pause > 1.0:
                    return False
                await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311
                pause = min(2.0, pause * 2)
                with contextlib.suppress(StoreUnavailable):
                    await self._gateway.revive()

    # -- taking work ----------------------------------------------------------------------------

    async def _fill(self) -> bool:
        """Take as many hints as there is room for and begin them; True if anything was begun."""
        wanted = self._wanted()
        taken = await self._queue.take(self.name, wanted)
        if not taken:
            return False
        claims = [
            Claim(
                name,
                [hint.id for hint in hints],
                self._pipeline.settings[name].timeout.total_seconds(),
                self._pipeline.settings[name].rate,
            )
            for name, hints in taken.items()
        ]
        begun = await self._store.deliveries.begin(self.name, claims)
        now = asyncio.get_running_loop().time()
        stale: list[Hint] = []
        more = False
        for claim, result in zip(claims, begun, strict=True):
            hints = {hint.id: hint for hint in taken[claim.destination]}
            for work in result.work:
                self._take_off(work)
            mine = {work.id for work in result.work}
            stale += [hint for key, hint in hints.items() if key not in mine]
            if result.refused:
                # What was not begun still stands in the ready set: the hint can come again later.
                pause = result.wait if result.wait else IDLE
                self._blocked_until[claim.destination] = now + min(max(pause, 0.01), 60.0)
            else:
                more = more or any(result.waiting)
        await self._queue.done(self.name, stale)
        for claim, result in zip(claims, begun, strict=True):
            if any(result.waiting) and not result.refused:
                await self._refill(claim.destination, result.waiting)
        if more:
            self._wake.set()
            if len(self._flights) >= self._concurrency:
                await self._queue.ring()
        return True

    def _wanted(self) -> list[tuple[str, Lane, int]]:
        now = asyncio.get_running_loop().time()
        room = self._concurrency - len(self._flights)
        suspects_room = self._concurrency // 4 - sum(self._in_flight[n] for n in self._suspects)
        wanted = []
        names = list(self._names)
        random.shuffle(names)
        for name in names:
            if self._blocked_until.get(name, 0.0) > now:
                continue
            free = min(self._pipeline.settings[name].concurrency - self._in_flight[name], room)
            if name in self._suspects:
                free = min(free, suspects_room)
            if free <= 0:
                continue
            later = max(1, free // LATER_SHARE)
            wanted.append((name, Lane.LIVE, max(1, free - later)))
            if free > 1 or random.randrange(LATER_SHARE) == 0:  # noqa: S311
                wanted.append((name, Lane.LATER, later))
        return wanted

    async def _refill(self, name: str, waiting: tuple[int, int]) -> None:
        """RQ ran low while the ready sets still hold some: hint at the next ones at once."""
        for lane, count in zip((Lane.LIVE, Lane.LATER), waiting, strict=True):
            if count and await self._queue.length(name, lane) < min(count, self._concurrency):
                ids = await self._store.deliveries.ready(name, lane, 2 * self._concurrency)
                await self._queue.enqueue([Hint(item, name, lane) for item in ids])

    async def _rest(self) -> None:
        """Wait for the bell, a landing, the end of a block, or a second."""
        if len(self._flights) < self._concurrency:
            self._room.set()
        else:
            self._room.clear()
        now = asyncio.get_running_loop().time()
        waits = [until - now for until in self._blocked_until.values() if until > now]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min([IDLE, *waits])):
                await self._wake.wait()
        self._wake.clear()

    async def _listen(self) -> None:
        await self._room.wait()
        if await self._queue.wait(IDLE):
            self._wake.set()
        # Without this a worker whose every destination is at its bound would spin on the bell.
        await asyncio.sleep(0)

    async def _is_done(self) -> bool:
        if self._flights or not self._reports.empty():
            return False
        waiting = await self._store.deliveries.waiting(self._names)
        return not any(live or later for live, later in waiting.values())

    # -- in the air -----------------------------------------------------------------------------

    def _take_off(self, work: Work) -> None:
        task = asyncio.create_task(self._fly(work))
        self._flights[work.id] = _Flight(work, task)
        self._in_flight[work.destination] += 1

    async def _fly(self, work: Work) -> None:
        try:
            report = await self._pipeline.attempt(work)
        except asyncio.CancelledError:
            self._landed(work)
            raise
        except Exception:
            # A fault of ours, not of the world: keep the delivery, and the process, alive.
            log.exception("attempt failed unexpectedly", delivery=work.id)
            report = Report(work.id, work.number, "deferred", Reason.CONFIGURATION, 0, wait=60.0)
        if report.reason is Reason.TIMEOUT:
            self._suspects.add(work.destination)
        elif report.health == "up":
            self._suspects.discard(work.destination)
        self._reports.put_nowait((report, work))

    def _landed(self, work: Work) -> None:
        if self._flights.pop(work.id, None) is not None:
            self._in_flight[work.destination] -= 1
            self._wake.set()

    async def _write_down(self) -> None:
        batch = [await self._reports.get()]
        while len(batch) < FINISH_BATCH and not self._reports.empty():
            batch.append(self._reports.get_nowait())
        try:
            finished = await self._store.deliveries.finish(
                self.name, [report for report, _ in batch]
            )
        except BaseException:
            for item in batch:
                self._reports.put_nowait(item)
            raise
        hints = []
        again = []
        delivered = 0
        for (report, work), result in zip(batch, finished, strict=True):
            self._landed(work)
            hints.append(Hint(work.id, work.destination, work.lane))
            delivered += result.state == "delivered"
            if result.state == "pending":
                again.append(Hint(work.id, work.destination, work.lane))
            _log_attempt(report, work, result.state, result.destination_now)
            if result.destination_now in ("mended",):
                self._blocked_until.pop(work.destination, None)
        await self._queue.done(self.name, hints, delivered=delivered, failed=len(batch) - delivered)
        await self._queue.enqueue(again)

    async def _land(self) -> None:
        """Let deliveries in flight end within bounds; hand the others back."""
        began = asyncio.get_running_loop().time()
        while self._flights and asyncio.get_running_loop().time() < began + self._bound():
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await self._wake.wait()
        await self._cancel_flights()

    def _bound(self) -> float:
        """Seconds that deliveries in flight get: when nothing is in a hurry, their own timeouts."""
        if not self._patient():
            return STOP_WITHIN
        timeouts = (part.timeout.total_seconds() for part in self._pipeline.settings.values())
        return STOP_WITHIN + max(timeouts, default=0.0)

    async def _cancel_flights(self) -> None:
        flights = list(self._flights.values())
        await end(*(flight.task for flight in flights))
        ids = [flight.work.id for flight in flights]
        for item in ids:
            self._flights.pop(item, None)
        self._in_flight.clear()
        if ids:
            with contextlib.suppress(StoreUnavailable):
                back = await self._store.deliveries.hand_back(self.name, ids, sent=True)
                hints = [Hint(item.id, item.destination, item.lane) for item in back]
                await self._queue.done(self.name, hints)
                await self._queue.enqueue(hints)

    # -- staying alive --------------------------------------------------------------------------

    async def _renew(self) -> None:
        await asyncio.sleep(RENEW_EVERY)
        try:
            owned = await self._store.leases.renew_worker(self.name)
        except LeaseLost:
            log.warning("worker lease lost, starting over", worker=self.name)
            await self._cancel_flights()
            await self._hello()
            return
        await self._queue.heartbeat(self.name, busy=bool(self._flights))
        if owned > len(self._flights):
            await self._return_strays()

    async def _return_strays(self) -> None:
        """Deliveries begun for us whose answer was lost on the way: nobody is sending them."""
        before = await self._store.deliveries.owned(self.name)
        await asyncio.sleep(RENEW_EVERY / 2)
        strays = (before & await self._store.deliveries.owned(self.name)) - set(self._flights)
        if strays:
            back = await self._store.deliveries.hand_back(self.name, sorted(strays), sent=False)
            hints = [Hint(item.id, item.destination, item.lane) for item in back]
            await self._queue.done(self.name, hints)
            await self._queue.enqueue(hints)

    async def _sweep(self) -> None:
        mine = await self._sweeper.round()
        if mine:
            await self._escalator.round()
        await asyncio.sleep(PAUSE if mine else 2.0)


def _log_attempt(report: Report, work: Work, state: str, destination_now: str) -> None:
    fields = {
        "delivery": work.id,
        "source": work.lead.source,
        "lead": work.lead.id,
        "destination": work.destination,
        "attempt": report.number,
        "reason": report.reason.value,
        "ms": report.duration_ms,
    }
    if report.status is not None:
        fields["status"] = report.status
    if state == "dead":
        log.error("delivery dead", **fields)
    elif state == "delivered":
        log.info("delivered", **fields)
    else:
        if report.wait is not None:
            fields["next_try_in"] = round(report.wait, 1)
        log.warning("delivery " + state, **fields)
    if destination_now:
        log.warning("destination " + destination_now, destination=work.destination)


async def run(
    gateway: Gateway,
    stop: asyncio.Event,
    *,
    concurrency: int = 200,
    burst: bool = False,
    patient: Callable[[], bool] = lambda: False,
) -> None:
    """Run one worker in this process. Asked to stop while ``patient()``, it lets what is in flight
    take its whole timeout: the process goes on, with another configuration.
    """
    await Worker(gateway, stop, concurrency=concurrency, burst=burst, patient=patient).run()
