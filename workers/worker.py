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
from collections.abc import Callable

import structlog

from gateway.queue import Hint
from gateway.store import StoreUnavailable
from gateway.wiring import Gateway
from workers.claims import Claims
from workers.escalator import Escalator
from workers.flights import Flights, with_some_ahead
from workers.patience import Patience
from workers.saying import Saying
from workers.slots import Slots
from workers.sweeper import PAUSE, Sweeper
from workers.tasks import end
from workers.tenure import RENEW_EVERY, Tenure

IDLE = 1.0
"""Seconds an idle worker waits at most before it looks by itself."""
FINISH_BATCH = 100
ESCALATE_EVERY = 1.0
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
            {name: with_some_ahead(self._settings[name].concurrency) for name in self._names},
            with_some_ahead(concurrency),
        )
        self._saying = Saying(_clock)
        self._flights = Flights(
            gateway.pipeline, self._slots, concurrency, _clock, self._on_landing
        )
        self._claims = Claims(
            self._store, self._queue, self._settings, self._slots, self.name, concurrency
        )
        self._tenure = Tenure(
            self._store, self._queue, self.name, self._names, self._flights, _clock
        )
        self._escalated_at = 0.0
        self._escalator = Escalator(self._store, self._queue, gateway.pipeline.planner)
        self._sweeper = Sweeper(
            self._store, self._queue, self.name, self._names, gateway.config.retention
        )

    async def run(self) -> None:
        """Work until told to stop; then finish what is in flight, within bounds, and end."""
        await self._patience.run("start", self._start)
        log.info("worker started", worker=self.name, concurrency=self._concurrency)
        told = asyncio.create_task(self._stop.wait())
        told.add_done_callback(lambda _: self._wake.set())
        background = [
            told,
            *(
                asyncio.create_task(self._patience.forever(name, step), name=name)
                for name, step in {
                    "renew": self._tenure.renew,
                    "watch": self._tenure.watch,
                    "bell": self._listen,
                    "sweep": self._sweep,
                    "finish": self._write_down,
                }.items()
            ),
        ]
        try:
            while not self._stop.is_set():
                began = await self._patience.survive("fill", self._fill)
                if self._burst and not began and await self._patience.run("done", self._is_done):
                    break
                await self._rest()
            await self._land()
        finally:
            await end(*background)
            with contextlib.suppress(StoreUnavailable):
                while self._flights.landed:
                    await self._write_down()
                await self._tenure.finish()
                await self._store.leases.give_up("sweeper", self.name)
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
        await self._tenure.begin()

    # -- taking work ----------------------------------------------------------------------------

    async def _fill(self) -> bool:
        """Begin as much as there is room for; True if anything was begun."""
        if self._flights.one_by_one:
            return self._flights.fly_alone()
        if self._slots.room <= 0:
            return False
        found = await self._claims.round(_clock)
        for work in found.work:
            self._flights.take_off(work)
        if found.more or self._flights.one_by_one:
            self._wake.set()
        if found.more and self._slots.room <= 0:
            await self._queue.ring()  # for another worker
        return bool(found.work)

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
        if len(self._flights):
            return False
        waiting = await self._store.deliveries.waiting(self._names)
        return not any(live or later for live, later in waiting.values())

    def _on_landing(self) -> None:
        """Look for work again, unless the bell will tell when there is some."""
        waited_for = self._stop.is_set() or self._burst or self._flights.one_by_one
        if waited_for or self._slots.hungry or not self._room.is_set():
            self._wake.set()

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
            self._saying.landed(landing, result)
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

    def _bound(self) -> float:
        """Seconds that deliveries in flight get: when nothing is in a hurry, their own timeouts."""
        if not self._patient():
            return STOP_WITHIN
        timeouts = (part.timeout.total_seconds() for part in self._settings.values())
        return STOP_WITHIN + max(timeouts, default=0.0)

    async def _sweep(self) -> None:
        mine = await self._sweeper.round()
        if mine and _clock() - self._escalated_at >= ESCALATE_EVERY:
            self._escalated_at = _clock()
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
