"""Deliveries in the air: each a task of its own, with its end kept until it is written down.

Owns the tasks, how many of them are on the wire at once, and what they reported; knows neither the
queue nor how a worker lives. A few more are begun than may be on the wire: a connection that comes
free is used at once, while ends are written down and others begun behind it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from gateway.backoff import next_wait
from gateway.delivery import Reason
from gateway.pipeline import Pipeline
from gateway.store import Report, Work
from workers.slots import Slots
from workers.tasks import end

ALONE_AFTER = 3
"""A delivery interrupted this often may be what kills workers: it flies alone (contract §7)."""
AHEAD_PART = 4
"""One more is begun for so many that may be on the wire: enough for what writing ends down and
beginning others takes while the wire is full (0.93 of a bare loop; 0.88 with one in 8)."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Landing:
    """How one delivery's attempt ended."""

    work: Work
    report: Report


@dataclass(frozen=True, slots=True)
class Cut:
    """What was cancelled: with something sent, perhaps, or with nothing."""

    sent: frozenset[str] = frozenset()
    unsent: frozenset[str] = frozenset()

    def __add__(self, other: Cut) -> Cut:
        return Cut(self.sent | other.sent, self.unsent | other.unsent)

    def __sub__(self, other: Cut) -> Cut:
        return Cut(self.sent - other.sent, self.unsent - other.unsent)


def with_some_ahead(wire: int) -> int:
    """How many are begun where ``wire`` may be on the wire at once."""
    return wire + max(1, wire // AHEAD_PART)


class Flights:
    """What this worker has begun and not yet written down. ``on_landing`` wakes the worker."""

    def __init__(
        self,
        pipeline: Pipeline,
        slots: Slots,
        wire: int,
        clock: Callable[[], float],
        on_landing: Callable[[], None],
    ) -> None:
        self._pipeline = pipeline
        self._slots = slots
        self._clock = clock
        self._on_landing = on_landing
        self._works: dict[str, Work] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._landings: asyncio.Queue[Landing] = asyncio.Queue()
        self._wire = asyncio.Semaphore(wire)
        self._doors = {
            name: asyncio.Semaphore(config.concurrency)
            for name, config in pipeline.settings.items()
        }
        self._sending: set[str] = set()
        self._alone: deque[Work] = deque()
        self._lone = ""

    def __len__(self) -> int:
        return len(self._works)

    @property
    def ids(self) -> set[str]:
        """What is begun and not yet written down."""
        return set(self._works)

    @property
    def landed(self) -> bool:
        """Whether an end waits to be written down."""
        return not self._landings.empty()

    def take_off(self, work: Work) -> None:
        """Begin an attempt; one that may be what kills workers waits until it can fly alone."""
        self._works[work.id] = work
        self._slots.take(work.destination, work.id, self._clock())
        if work.interrupted >= ALONE_AFTER:
            self._alone.append(work)
        else:
            self._launch(work)

    @property
    def one_by_one(self) -> bool:
        """Whether some have to fly alone: nothing else may be taken until they have."""
        return bool(self._alone) or self._lone in self._works

    def fly_alone(self) -> bool:
        """The next of those, once everything else is down; True if one took off."""
        if not self._alone or len(self._works) > len(self._alone):
            return False
        work = self._alone.popleft()
        log.warning("delivery runs alone", delivery=work.id, interrupted=work.interrupted)
        self._lone = work.id
        self._launch(work)
        return True

    def _launch(self, work: Work) -> None:
        task = asyncio.create_task(self._fly(work))
        self._tasks[work.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(work.id, None))

    async def _fly(self, work: Work) -> None:
        async with self._doors[work.destination], self._wire:
            self._sending.add(work.id)
            report = await self._attempt(work)
        if report.reason is Reason.TIMEOUT:
            self._slots.timed_out(work.destination)
        elif report.health == "up":
            self._slots.answered(work.destination)
        self._landings.put_nowait(Landing(work, report))

    async def _attempt(self, work: Work) -> Report:
        try:
            return await self._pipeline.attempt(work)
        except Exception as error:
            # A fault of ours, not of the world: keep the delivery, and the process, alive. The
            # error's own text may quote the lead.
            log.error("attempt failed unexpectedly", delivery=work.id, error=type(error).__name__)
            retry = self._pipeline.settings[work.destination].retry
            wait = next_wait(retry, work.made + 1, None, 0.5)
            return Report(work.id, work.number, "deferred", Reason.CONFIGURATION, 0, wait=wait)

    async def landings(self, most: int) -> list[Landing]:
        """Wait for ends to write down; at most so many."""
        batch = [await self._landings.get()]
        while len(batch) < most and not self._landings.empty():
            batch.append(self._landings.get_nowait())
        return batch

    def not_written(self, batch: Sequence[Landing]) -> None:
        """The store is away: they come again."""
        for landing in batch:
            self._landings.put_nowait(landing)

    def written(self, work: Work) -> None:
        """An end is written down, or has become somebody else's."""
        self._sending.discard(work.id)
        if self._works.pop(work.id, None) is not None:
            self._slots.free(work.destination, work.id)
            self._on_landing()

    async def cancel(self, ids: set[str] | None = None) -> Cut:
        """Cancel what has not ended (or only these). What has ended stays, to be written down: a
        late truth wins.
        """
        chosen = [(key, task) for key, task in self._tasks.items() if ids is None or key in ids]
        await end(*(task for _, task in chosen))
        cut = [self._works[key] for key, task in chosen if task.cancelled() and key in self._works]
        kept_back = [work for work in self._alone if ids is None or work.id in ids]
        self._alone = deque(work for work in self._alone if work not in kept_back)
        sent = frozenset(work.id for work in cut if work.id in self._sending)
        for work in (*cut, *kept_back):
            self.written(work)
        return Cut(sent, frozenset(work.id for work in (*cut, *kept_back)) - sent)
