"""The worker: one asyncio process with many deliveries in flight.

Speaks RQ's keys through ``gateway.queue`` and shows itself to RQ as a worker. Begins deliveries in
batches, sends them side by side, writes their ends down in batches. Holds a lease of its own: when
it can not renew it, what it has on the wire is cancelled, because others may have it now.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
from collections import deque
from collections.abc import Callable

import structlog

from gateway.queue import Hint
from gateway.store import LeaseLost, Renewal, Returned, StoreUnavailable, Work
from gateway.store.leases import WORKER_LEASE
from gateway.wiring import Gateway
from workers.claims import Claims
from workers.escalator import Escalator
from workers.flights import Flights, log_landing
from workers.patience import Patience
from workers.slots import Slots
from workers.sweeper import PAUSE, Sweeper
from workers.tasks import end

RENEW_EVERY = 2.0
LEASE_MARGIN = 1.0
"""Seconds before the lease's end at which what is on the wire is given up."""
IDLE = 1.0
"""Seconds an idle worker waits at most before it looks by itself."""
FINISH_BATCH = 100
ALONE_AFTER = 3
"""A delivery interrupted this often may be what kills workers: it flies alone (contract §7)."""
STOP_WITHIN = 10.0
"""Seconds that deliveries in flight get to end when the worker is asked to stop."""

log = structlog.get_logger()


class Worker:
    """See the module. ``run`` returns when ``stop`` is set or, with ``burst``, nothing is left."""

    def __init__(
        self,
        gateway: Gateway,
        stop: asyncio.Event,
        *,
        concurrency: int,
        burst: bool = False,
        patient: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store = gateway.store
        self._queue = gateway.queue
        self._settings = gateway.pipeline.settings
        self._names = tuple(gateway.destinations)
        self._stop = stop
        self._concurrency = concurrency
        self._burst = burst
        self._patient = patient
        self._patience = Patience(gateway.revive, stop)
        self.name = f"{socket.gethostname()}-{os.getpid()}-{random.randbytes(3).hex()}"  # noqa: S311
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._slots = Slots(
            {name: self._settings[name].concurrency for name in self._names}, concurrency
        )
        self._flights = Flights(gateway.pipeline, self._slots, _clock, self._wake.set)
        self._claims = Claims(
            self._store, self._queue, self._settings, self._slots, self.name, concurrency
        )
        self._alone: deque[Work] = deque()
        self._lone_flight = ""
        self._cut: set[str] = set()
        self._renewed_at = 0.0
        self._escalator = Escalator(self._store, self._queue, gateway.pipeline.planner)
        self._sweeper = Sweeper(
            self._store, self._queue, self.name, self._names, gateway.config.retention
        )

    async def run(self) -> None:
        """Work until told to stop; then finish what is in flight, within bounds, and end."""
        await self._patience.run("start", self._start)
        log.info("worker started", worker=self.name, concurrency=self._concurrency)
        background = [
            asyncio.create_task(self._patience.forever(name, step), name=name)
            for name, step in {
                "renew": self._renew,
                "watch": self._watch,
                "bell": self._listen,
                "sweep": self._sweep,
                "finish": self._write_down,
            }.items()
        ]
        try:
            while not self._stop.is_set():
                began = await self._patience.run("fill", self._fill)
                if self._burst and not began and await self._patience.run("done", self._is_done):
                    break
                await self._rest()
            await self._land()
        finally:
            await end(*background)
            with contextlib.suppress(StoreUnavailable):
                await self._goodbye()
        log.info("worker stopped", worker=self.name)

    async def _start(self) -> None:
        moved = await self._store.destinations.recognise(
            {name: self._settings[name].place for name in self._names}
        )
        for name, before in moved.items():
            log.warning(
                "destination moved, paused: resume it to deliver there what was meant for before",
                destination=name,
                before=before,
                now=self._settings[name].place,
            )
        await self._hello()

    async def _hello(self) -> None:
        self._renewed_at = _clock()
        await self._store.leases.start_worker(self.name)
        await self._queue.register(self.name, self._names)

    async def _goodbye(self) -> None:
        await self._store.leases.end_worker(self.name)
        await self._store.leases.give_up("sweeper", self.name)
        await self._queue.unregister(self.name, self._names)

    # -- taking work ----------------------------------------------------------------------------

    async def _fill(self) -> bool:
        """Begin as much as there is room for; True if anything was begun."""
        if self._alone or self._lone_flight in self._flights.ids:
            return self._fly_alone()
        if self._slots.room <= 0:
            return False
        found = await self._claims.round(_clock)
        for work in found.work:
            if work.interrupted >= ALONE_AFTER:
                self._alone.append(work)
            else:
                self._flights.take_off(work)
        if found.more:
            self._wake.set()
            if self._slots.room <= 0:
                await self._queue.ring()  # for another worker
        return bool(found.work)

    def _fly_alone(self) -> bool:
        """Nothing else is taken until those that may kill a worker have been tried one by one."""
        if len(self._flights):
            return False
        work = self._alone.popleft()
        log.warning("delivery runs alone", delivery=work.id, interrupted=work.interrupted)
        self._lone_flight = work.id
        self._flights.take_off(work)
        return True

    async def _rest(self) -> None:
        """Wait for the bell, a landing, a destination that opens again, or a second."""
        if self._slots.room > 0:
            self._room.set()
        else:
            self._room.clear()
        now = _clock()
        opening = self._slots.next_opening(now)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(IDLE if opening is None else min(IDLE, opening - now)):
                await self._wake.wait()
        self._wake.clear()

    async def _listen(self) -> None:
        await self._room.wait()
        if await self._queue.wait(IDLE):
            self._wake.set()
        # Without this a worker whose every destination is at its bound would spin on the bell.
        await asyncio.sleep(0)

    async def _is_done(self) -> bool:
        if len(self._flights) or self._alone:
            return False
        waiting = await self._store.deliveries.waiting(self._names)
        return not any(live or later for live, later in waiting.values())

    # -- ends -----------------------------------------------------------------------------------

    async def _write_down(self) -> None:
        batch = await self._flights.landings(FINISH_BATCH)
        try:
            finished = await self._store.deliveries.finish(
                self.name, [landing.report for landing in batch]
            )
        except BaseException:
            self._flights.not_written(batch)
            raise
        hints: list[Hint] = []
        again: list[Hint] = []
        delivered = 0
        for landing, result in zip(batch, finished, strict=True):
            work = landing.work
            self._flights.written(work)
            hint = Hint(work.id, work.destination, work.lane)
            hints.append(hint)
            delivered += result.state == "delivered"
            if result.state == "pending":
                again.append(hint)
            if result.destination_now == "mended":
                self._slots.open(work.destination)
            log_landing(landing, result)
        await self._queue.done(self.name, hints, delivered=delivered, failed=len(batch) - delivered)
        await self._queue.enqueue(again)

    async def _land(self) -> None:
        """Let deliveries in flight end within bounds; hand the others back."""
        began = _clock()
        while len(self._flights) and _clock() < began + self._bound():
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await self._wake.wait()
        cut = await self._flights.cancel()
        with contextlib.suppress(StoreUnavailable):
            await self._hand_back(self._cut | {work.id for work in cut}, sent=True)
            await self._hand_back({work.id for work in self._alone}, sent=False)

    def _bound(self) -> float:
        """Seconds that deliveries in flight get: when nothing is in a hurry, their own timeouts."""
        if not self._patient():
            return STOP_WITHIN
        timeouts = (part.timeout.total_seconds() for part in self._settings.values())
        return STOP_WITHIN + max(timeouts, default=0.0)

    async def _hand_back(self, ids: set[str], *, sent: bool) -> list[Returned]:
        back = await self._store.deliveries.hand_back(self.name, sorted(ids), sent=sent)
        hints = [Hint(item.id, item.destination, item.lane) for item in back]
        await self._queue.done(self.name, hints)
        await self._queue.enqueue(hints)
        return back

    # -- staying alive --------------------------------------------------------------------------

    async def _renew(self) -> None:
        await asyncio.sleep(RENEW_EVERY)
        asked = _clock()
        try:
            renewal = await self._store.leases.renew_worker(self.name)
        except LeaseLost:
            log.warning("worker lease lost, starting over", worker=self.name)
            await self._flights.cancel()
            self._alone.clear()
            self._cut.clear()
            await self._hello()
            return
        self._renewed_at = asked
        await self._agree(renewal)
        await self._queue.heartbeat(self.name, busy=bool(len(self._flights)))

    async def _agree(self, renewal: Renewal) -> None:
        """Make the store's word about what is ours and our own the same again."""
        cut = set(self._cut)
        await self._hand_back(cut, sent=True)
        self._cut -= cut
        ours = self._flights.ids | {work.id for work in self._alone}
        if renewal.late:
            owned = await self._store.deliveries.owned(self.name)
            await self._flights.cancel(ours - owned)
            self._alone = deque(work for work in self._alone if work.id in owned)
        elif renewal.owned > len(ours):
            await self._return_strays()

    async def _return_strays(self) -> None:
        """Deliveries begun for us whose answer was lost on the way: nobody is sending them."""
        before = await self._store.deliveries.owned(self.name)
        await asyncio.sleep(RENEW_EVERY / 2)
        ours = self._flights.ids | {work.id for work in self._alone}
        strays = (before & await self._store.deliveries.owned(self.name)) - ours
        await self._hand_back(strays, sent=False)

    async def _watch(self) -> None:
        """Give up what is on the wire before our lease ends: others may have it after that."""
        left = self._renewed_at + WORKER_LEASE - LEASE_MARGIN - _clock()
        if left > 0:
            await asyncio.sleep(left)
            return
        cut = await self._flights.cancel()
        if cut:
            log.warning("worker lease not renewed, sends cancelled", cancelled=len(cut))
            self._cut |= {work.id for work in cut}
        await asyncio.sleep(RENEW_EVERY)

    async def _sweep(self) -> None:
        mine = await self._sweeper.round()
        if mine:
            await self._escalator.round()
        await asyncio.sleep(PAUSE if mine else RENEW_EVERY)


def _clock() -> float:
    return asyncio.get_running_loop().time()


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
