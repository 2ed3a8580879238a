"""A storm: one thing after the other goes wrong, at random moments, while leads keep coming.

What is drawn comes from a seed; when exactly it hits is the machine's own doing.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from gateway.delivery import Attempt, Delivery, State
from gateway.store import Store, StoreUnavailable
from gateway.store.leases import WORKER_LEASE
from gateway.wiring import open_store
from tests.chaos.conftest import Town

FAULTS = ("hang", "reset", "half", "garbage", "redirect", 500, 503, 429)
"""What a CRM in trouble answers. None of it is an end: whoever goes on gets its lead in."""

EXCHANGE = 0.3
"""Seconds that the CRM takes, so that whatever goes wrong finds deliveries in the air."""
PACE = 2.0
"""Seconds from one hit to the next, about."""
TICK = 0.1
RENEWED_EVERY = 2.0
CLOCKS_MS = 20
"""How far two times of one clock, written by two processes, may lie apart."""


@dataclass
class Storm:
    """Breaks things in a town, and keeps two workers and a poller in it."""

    town: Town
    draw: random.Random
    hits: Counter[str] = field(default_factory=Counter)
    _frozen: list[asyncio.Task[None]] = field(default_factory=list)
    _started: int = 0

    async def rage(self, hits: Sequence[str], leads: int) -> None:
        """Let so many leads come in while these things go wrong, in this order."""
        self.town.crm.delay = EXCHANGE
        for kind in ("poller", "worker", "worker"):
            self._start(kind)
        rain = asyncio.create_task(self._rain(leads, leads / len(hits) / PACE))
        await self.town.crm.got.wait_for(1, 60)
        for name in hits:
            await self._a_moment()
            self.hits[name] += 1
            hit: Callable[[], Awaitable[None]] = getattr(self, name)
            await hit()
        await asyncio.gather(rain, *self._frozen)

    async def _rain(self, leads: int, per_second: float) -> None:
        fallen = 0.0
        while (left := leads - len(self.town.portal.created)) > 0:
            fallen += per_second * TICK
            if whole := min(left, int(fallen)):
                self.town.portal.add(whole)
                fallen -= whole
            await _passes(TICK)

    async def _a_moment(self) -> None:
        """Until some more leads arrived, or for a while if none does; then most likely in the
        middle of the next exchanges.
        """
        count = len(self.town.crm.got.by_id) + self.draw.randint(1, 30)
        with suppress(TimeoutError):
            await self.town.crm.got.wait_for(count, self.draw.uniform(0.2, PACE))
        await _passes(self.draw.uniform(0.0, EXCHANGE))

    def _start(self, kind: str) -> None:
        self._started += 1
        self.town.start(f"{kind}{self._started}")

    def _living(self, kind: str) -> list[str]:
        roles = self.town.roles
        return [name for name in roles if name.startswith(kind) and roles[name].poll() is None]

    async def _busy_worker(self) -> str:
        """One that has deliveries in the air, as soon as there is one; any, if none comes to it."""
        by_pid = {self.town.roles[name].pid: name for name in self._living("worker")}
        with suppress(TimeoutError, StoreUnavailable):
            async with asyncio.timeout(5), open_store(self.town.settings) as (store, _):
                while True:
                    for worker in await store.leases.workers():
                        name = by_pid.get(int(worker.rsplit("-", 2)[1]))
                        if name and len(await store.deliveries.owned(worker)) > 2:
                            return name
                    await asyncio.sleep(0.01)
        return self.draw.choice(list(by_pid.values()))

    # -- what can go wrong: each is a hit by its name ---------------------------------------------

    async def kill_worker(self) -> None:
        await asyncio.to_thread(self.town.kill, await self._busy_worker())
        self._start("worker")

    async def stop_worker(self) -> None:
        self.town.kill(self.draw.choice(self._living("worker")), signal.SIGTERM)
        self._start("worker")

    async def freeze_worker(self) -> None:
        """Stop one in its tracks for longer than its lease; it wakes up while the storm goes on."""
        name = await self._busy_worker()
        self.town.kill(name, signal.SIGSTOP)
        self._start("worker")

        async def thaw() -> None:
            await _passes(WORKER_LEASE + RENEWED_EVERY)
            if self.town.roles[name].poll() is None:
                self.town.kill(name, signal.SIGCONT)

        self._frozen.append(asyncio.create_task(thaw()))

    async def kill_poller(self) -> None:
        for name in self._living("poller"):
            await asyncio.to_thread(self.town.kill, name)
        self._start("poller")

    async def kill_store(self) -> None:
        with suppress(OSError):  # it is down already: the hit before had it
            self.town.kill_store()

    async def restart_store(self) -> None:
        with suppress(OSError):
            self.town.kill_store(signal.SIGTERM)

    async def freeze_store(self) -> None:
        """It answers nobody for longer than any lease, and then goes on as if nothing had been."""
        place = self.town.settings.data_dir / "store.pid"
        with suppress(OSError, ValueError):
            pid = int(place.read_text())
            os.kill(pid, signal.SIGSTOP)
            try:
                await _passes(WORKER_LEASE + RENEWED_EVERY)
            finally:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    async def flush_queues(self) -> None:
        """Every key of RQ is gone."""
        async with open_store(self.town.settings) as (store, _):
            redis = store.connection.redis
            if keys := [key async for key in redis.scan_iter(match="rq:*", count=1000)]:
                await redis.delete(*keys)

    async def crm_in_trouble(self) -> None:
        """A third of the next answers are none."""
        count = self.draw.randint(20, 60)
        self.town.crm.answers.extend(
            self.draw.choice(FAULTS) if self.draw.random() < 0.33 else 200 for _ in range(count)
        )

    async def crm_down(self) -> None:
        """Connections are refused for a while."""
        await self.town.doors.close()
        await _passes(self.draw.uniform(0.3, 1.5))
        await self.town.doors.open()


async def _passes(seconds: float) -> None:
    """Nothing to wait for: that time passes is what is tried."""
    await asyncio.sleep(seconds)


SHORT = (
    "freeze_worker", "kill_worker", "crm_in_trouble", "kill_store", "flush_queues", "kill_poller",
    "crm_down", "stop_worker", "restart_store",
)  # fmt: skip
LONG = (*SHORT, "freeze_store")


@dataclass(frozen=True, slots=True)
class Count:
    """What came of a storm."""

    leads: int
    arrived: int
    records: int
    delivered: int
    repeated: int
    uncertain: int
    """Attempts of which nobody can know whether the CRM has the lead: only they may be repeated."""
    interrupted: int
    replayed: int
    overlaps: list[float]

    @property
    def lost(self) -> int:
        return self.leads - self.arrived

    @property
    def doubled(self) -> int:
        """Deliveries beyond one of each lead."""
        return self.records - self.leads

    def __str__(self) -> str:
        return (
            f"{self.leads} leads in, {self.arrived} delivered at least once, lost {self.lost}, "
            f"doubled deliveries {self.doubled}, repeated attempts {self.repeated} "
            f"of {self.uncertain} uncertain ({self.interrupted} interrupted), "
            f"{self.replayed} dead letters replayed"
        )


async def settled(town: Town, store: Store, seconds: float) -> tuple[list[Delivery], int]:
    """Every delivery with its attempts once all are delivered, and how many were replayed."""
    replayed = 0
    async with asyncio.timeout(seconds):
        while True:
            with suppress(StoreUnavailable):  # it may be just coming back
                replayed += await _replay_dead(store)
                if found := await _all_delivered(store, len(town.portal.created)):
                    return found, replayed
            await asyncio.sleep(0.05)


async def _replay_dead(store: Store) -> int:
    page = await store.deliveries.page(states=[State.DEAD], limit=100)
    results = await store.deliveries.replay([item.id for item in page.items])
    return sum(what == "replayed" for what, _ in results)


async def _all_delivered(store: Store, wanted: int) -> list[Delivery]:
    (crm,) = await store.destinations.describe(["crm"])
    # Not ``crm.delivered``: that counts what arrived, and what arrives late arrives twice.
    if crm.pending + crm.delivering + crm.retrying + crm.dead:
        return []
    found = await _all(store)
    over = all(item.state is State.DELIVERED for item in found)
    return found if over and len(found) >= wanted else []


async def _all(store: Store) -> list[Delivery]:
    found: list[Delivery] = []
    cursor: str | None = None
    while True:
        page = await store.deliveries.page(cursor, 500)
        found += [item for each in page.items if (item := await store.deliveries.get(each.id))]
        cursor = page.next_cursor
        if cursor is None:
            return found


async def count(town: Town, store: Store, seconds: float) -> Count:
    """Wait until all is over, and count."""
    deliveries, replayed = await settled(town, store, seconds)
    attempts = [attempt for delivery in deliveries for attempt in delivery.attempts]
    for delivery in deliveries:
        begun_in_turns(delivery.attempts)
    return Count(
        leads=len(town.portal.created),
        arrived=len(town.received() & set(town.portal.created)),
        records=len(deliveries),
        delivered=sum(item.state is State.DELIVERED for item in deliveries),
        repeated=town.crm.got.repeated,
        uncertain=sum(attempt.uncertain for attempt in attempts),
        interrupted=sum(attempt.outcome == "interrupted" for attempt in attempts),
        replayed=replayed,
        overlaps=town.crm.overlaps,
    )


def begun_in_turns(attempts: Sequence[Attempt]) -> None:
    """No attempt was begun while another was under way, unless that one's worker was given up."""
    given_up = {item.number for item in attempts if item.outcome == "interrupted"}
    ordered = sorted(attempts, key=lambda item: (item.number, item.at))
    for before, after in itertools.pairwise(ordered):
        if before.number == after.number:
            # Two ends of one attempt: a worker that had been given up came back with an answer.
            assert before.number in given_up, attempts
        elif before.number not in given_up:
            ended = before.at.timestamp() * 1000 + before.duration_ms
            assert after.at.timestamp() * 1000 >= ended - CLOCKS_MS, attempts
