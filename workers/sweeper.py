"""The sweeper: what is due becomes ready, what a dead worker held comes back, old leads are
forgotten.

One at a time, by lease, inside any worker. Every step is small and bounded; nothing it does is
needed for a delivery that goes well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import structlog

from gateway.delivery import Lane
from gateway.queue import HINTS_PER_QUEUE, Hint, Queue
from gateway.store import Store

LEASE = 5.0
PAUSE = 0.5
"""Seconds between two rounds: the precision of a retry's time."""
RETIRE_EVERY = 30.0
RETIRE_BATCH = 50
REWRITE_LOOK_EVERY = 60.0

log = structlog.get_logger()


class Sweeper:
    """Runs the rounds while it holds the lease."""

    def __init__(
        self,
        store: Store,
        queue: Queue,
        owner: str,
        destinations: Sequence[str],
        retention: timedelta,
    ) -> None:
        self._store = store
        self._queue = queue
        self._owner = owner
        self._destinations = tuple(destinations)
        self._retention = retention
        self._retired_at = 0.0
        self._looked_at = 0.0

    async def round(self) -> bool:
        """One round; False when another sweeper holds the lease."""
        if not await self._store.leases.take("sweeper", self._owner, LEASE):
            return False
        await self.sweep_due()
        await self.reap()
        await self.top_up()
        loop_time = asyncio.get_running_loop().time()
        if loop_time - self._retired_at >= RETIRE_EVERY:
            self._retired_at = loop_time
            await self.retire()
        if loop_time - self._looked_at >= REWRITE_LOOK_EVERY:
            self._looked_at = loop_time
            await self.rewrite()
        return True

    async def sweep_due(self) -> None:
        """Retries whose wait is over, ready again."""
        due = await self._store.deliveries.sweep_due(self._destinations)
        await self._queue.enqueue(
            [Hint(item, name, Lane.LATER) for name, ids in due.moved.items() for item in ids]
        )

    async def reap(self) -> None:
        """Deliveries of workers whose lease ran out, ready again."""
        for worker in await self._store.leases.dead_workers():
            left, returned, died = 1, 0, 0
            while left:
                left, back, dead = await self._store.deliveries.reap(worker)
                hints = [Hint(item.id, item.destination, item.lane) for item in back]
                await self._queue.done(worker, hints)
                await self._queue.enqueue(hints)
                returned, died = returned + len(back), died + dead
            if returned or died:
                log.warning("worker lost", worker=worker, returned=returned, dead=died)

    async def top_up(self) -> None:
        """Hints for what is ready and has none: after a flush of RQ, a resume, a long backlog."""
        waiting = await self._store.deliveries.waiting(self._destinations)
        for name, counts in waiting.items():
            for lane, count in zip((Lane.LIVE, Lane.LATER), counts, strict=True):
                if count and await self._queue.length(name, lane) < min(
                    count, HINTS_PER_QUEUE // 2
                ):
                    ids = await self._store.deliveries.ready(name, lane, HINTS_PER_QUEUE)
                    await self._queue.enqueue([Hint(item, name, lane) for item in ids])

    async def retire(self) -> None:
        """Forget leads older than the retention period whose deliveries are all over."""
        before = datetime.now(UTC) - self._retention
        kept = 0
        for _ in range(20):
            uids = await self._store.leads.received_before(before, RETIRE_BATCH, kept)
            if not uids:
                return
            kept += len(uids) - await self._store.leads.retire(uids)

    async def rewrite(self) -> None:
        """Erased and retired leads leave the append-only file within a day."""
        found = await self._store.upkeep.rewrite()
        if found in ("failed", "refused"):
            log.warning("the store did not rewrite its append-only file, trying again", what=found)
