"""A worker's right to what it has in its hands: its lease, and what to do when that is in doubt.

Owns the lease, the worker's entry at RQ, and the agreement between what the store says is ours and
what we believe is. What is on the wire is cancelled before others may have it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Set as AbstractSet

import structlog

from gateway.queue import Hint, Queue
from gateway.store import LeaseLost, Renewal, Store
from gateway.store.leases import WORKER_LEASE
from workers.flights import Cut, Flights

RENEW_EVERY = 2.0
LEASE_MARGIN = 1.0
"""Seconds before the lease's end at which what is on the wire is given up."""

log = structlog.get_logger()


class Tenure:
    """One worker's. Every method may raise StoreUnavailable and can be called again after it."""

    def __init__(
        self,
        store: Store,
        queue: Queue,
        worker: str,
        destinations: tuple[str, ...],
        flights: Flights,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._queue = queue
        self._worker = worker
        self._destinations = destinations
        self._flights = flights
        self._clock = clock
        self._cut = Cut()
        self._renewed_at = 0.0

    async def begin(self) -> None:
        """Take the lease, and show the worker to RQ."""
        self._renewed_at = self._clock()
        await self._store.leases.start_worker(self._worker)
        await self._queue.register(self._worker, self._destinations)

    async def finish(self) -> None:
        """Cancel and hand back what has not ended, and give the lease up."""
        self._cut += await self._flights.cancel()
        await self._return_cut()
        await self._store.leases.end_worker(self._worker)
        await self._queue.unregister(self._worker, self._destinations)

    async def renew(self) -> None:
        """Renew the lease after a while, and settle whatever is in doubt."""
        await asyncio.sleep(RENEW_EVERY)
        asked = self._clock()
        try:
            renewal = await self._store.leases.renew_worker(self._worker)
        except LeaseLost:
            log.warning("worker lease lost, starting over", worker=self._worker)
            await self._flights.cancel()
            self._cut = Cut()
            await self.begin()
            return
        self._renewed_at = asked
        await self._return_cut()
        await self._agree(renewal)
        await self._queue.heartbeat(self._worker, busy=bool(len(self._flights)))

    async def watch(self) -> None:
        """Give up what is on the wire before the lease ends: others may have it after that."""
        left = self._renewed_at + WORKER_LEASE - LEASE_MARGIN - self._clock()
        if left > 0:
            await asyncio.sleep(left)
            return
        cut = await self._flights.cancel()
        if cut.sent:
            log.warning("worker lease not renewed, sends cancelled", cancelled=len(cut.sent))
        self._cut += cut
        await asyncio.sleep(RENEW_EVERY)

    async def _agree(self, renewal: Renewal) -> None:
        """Make the store's word about what is ours and our own the same again."""
        ours = self._flights.ids
        if renewal.late:
            await self._flights.cancel(ours - await self._store.deliveries.owned(self._worker))
        elif renewal.owned > len(ours):
            await self._return_strays()

    async def _return_strays(self) -> None:
        """Deliveries begun for us whose answer was lost on the way: nobody is sending them."""
        before = await self._store.deliveries.owned(self._worker)
        await asyncio.sleep(RENEW_EVERY / 2)
        strays = before & await self._store.deliveries.owned(self._worker)
        await self._hand_back(strays - self._flights.ids, sent=False)

    async def _return_cut(self) -> None:
        """What we cancelled is anybody's to try again."""
        cut = self._cut
        await self._hand_back(cut.sent, sent=True)
        await self._hand_back(cut.unsent, sent=False)
        self._cut -= cut

    async def _hand_back(self, ids: AbstractSet[str], *, sent: bool) -> None:
        back = await self._store.deliveries.hand_back(self._worker, sorted(ids), sent=sent)
        hints = [Hint(item.id, item.destination, item.lane) for item in back]
        await self._queue.done(self._worker, hints)
        await self._queue.enqueue(hints)
