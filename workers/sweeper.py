"""The sweeper: what is due becomes ready, what a dead worker held comes back, what is over is
forgotten.

One at a time, by lease, inside any worker. Every step is one small script or a bounded batch of
them; nothing it does is needed for a delivery that goes well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from gateway.config.model import Retention
from gateway.delivery import Lane
from gateway.queue import HINTS_PER_QUEUE, Hint, Queue
from gateway.store import Returned, Store, StoreUnavailable
from gateway.store.leases import WORKER_LEASE
from workers.forgetting import Forgetting

LEASE = 5.0
PAUSE = 0.5
"""Seconds between two rounds: the precision of a retry's time."""
LOOK_EVERY = 1.0
"""Seconds between two looks for dead workers and for what is ready without a hint."""
DUE_AT_ONCE = 200
"""Retries of one destination moved in one script."""
DUE_TURNS = 10
"""Times in one round that more of them are moved while there are more."""
REWRITE_LOOK_EVERY = 60.0
CLEAN_EVERY = 30.0

log = structlog.get_logger()


class Sweeper:
    """Runs the rounds while it holds the lease. ``clock``: seconds of any steady clock."""

    def __init__(
        self,
        store: Store,
        queue: Queue,
        owner: str,
        destinations: Sequence[str],
        retention: Retention,
        *,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._store = store
        self._queue = queue
        self._owner = owner
        self._configured = tuple(destinations)
        self._names: list[str] = []
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._forgetting = Forgetting(store, retention)
        self._done_at: dict[str, float] = {}
        self._reap_from = 0.0

    async def round(self) -> bool:
        """One round; False when another sweeper holds the lease. Raises StoreUnavailable."""
        try:
            if not await self._store.leases.take("sweeper", self._owner, LEASE):
                return False
            await self._now_and_then("names", LOOK_EVERY, self._learn_names)
            names = self._names
            await self.sweep_due(names)
            if self._clock() >= self._reap_from:
                await self._now_and_then("reap", LOOK_EVERY, lambda: self.reap(names))
            await self._now_and_then("top up", LOOK_EVERY, lambda: self.top_up(names))
            await self._now_and_then("forget", Forgetting.EVERY, self._forgetting.round)
            await self._now_and_then("clean", CLEAN_EVERY, lambda: self._queue.clean(names))
            await self._now_and_then("rewrite", REWRITE_LOOK_EVERY, self.rewrite)
            await self._store.seen.move()
        except StoreUnavailable:
            # Every lease may have run out while the store was away, and no worker is to blame:
            # they get the time of one to come back and write down what they have done.
            self._reap_from = self._clock() + WORKER_LEASE
            raise
        return True

    async def _learn_names(self) -> None:
        # Deliveries of a destination that this process does not know (any more, or yet) have their
        # times too; whoever knows it will take them.
        stored = await self._store.deliveries.destinations()
        self._names = list(dict.fromkeys([*self._configured, *stored]))

    async def _now_and_then(
        self, name: str, every: float, step: Callable[[], Awaitable[object]]
    ) -> None:
        if self._clock() - self._done_at.get(name, -every) >= every:
            self._done_at[name] = self._clock()
            await step()

    async def sweep_due(self, names: Sequence[str]) -> None:
        """Retries whose wait is over, ready again."""
        for _ in range(DUE_TURNS):
            due = await self._store.deliveries.sweep_due(names, DUE_AT_ONCE)
            await self._queue.enqueue(
                [Hint(item, name, Lane.LATER) for name, ids in due.moved.items() for item in ids]
            )
            names = [name for name, ids in due.moved.items() if len(ids) == DUE_AT_ONCE]
            if not names:
                return

    async def reap(self, names: Sequence[str]) -> None:
        """Deliveries of workers whose lease ran out, ready again."""
        for worker in await self._store.leases.dead_workers():
            left, returned, died = 1, 0, 0
            while left:
                left, back, dead = await self._store.deliveries.reap(worker)
                await self._hint_at(worker, back)
                returned, died = returned + len(back), died + dead
            await self._queue.clean(names, worker)
            await self._queue.unregister(worker, names)
            if returned or died:
                log.warning("worker lost", worker=worker, returned=returned, dead=died)

    async def _hint_at(self, worker: str, back: Sequence[Returned]) -> None:
        hints = [Hint(item.id, item.destination, item.lane) for item in back]
        await self._queue.done(worker, hints)
        await self._queue.enqueue(hints)

    async def top_up(self, names: Sequence[str]) -> None:
        """Hints for what is ready and has none: after a flush of RQ, a resume, a long backlog."""
        waiting = await self._store.deliveries.waiting(names)
        some = [name for name, counts in waiting.items() if any(counts)]
        lengths = await self._queue.lengths(some)
        for name in some:
            for lane, ready, hints in zip(Lane, waiting[name], lengths[name], strict=True):
                if hints < min(ready, HINTS_PER_QUEUE // 2):
                    ids = await self._store.deliveries.ready(name, lane, HINTS_PER_QUEUE)
                    await self._queue.enqueue([Hint(item, name, lane) for item in ids])

    async def rewrite(self) -> None:
        """Erased and retired leads leave the append-only file within a day."""
        found = await self._store.upkeep.rewrite()
        if found in ("failed", "refused"):
            log.warning("the store did not rewrite its append-only file, trying again", what=found)
