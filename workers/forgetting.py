"""What is over is forgotten, a little at a time: expired leads, old leads, old delivery records.

Owns how far each walk has come, so that what has to stay at the front of one (a dead letter nobody
looks at) never hides what comes after it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from gateway.config.model import Retention
from gateway.store import Store
from gateway.store.rejects import FORGET_BATCH

BATCH = 50
"""Leads or records looked at in one round trip, one small script for each."""
BATCHES = 20
"""Batches of each walk in one round: a hundred thousand leads are gone within a few minutes."""


@dataclass(slots=True)
class Walk:
    """One walk over a set ordered by time. ``skip`` are those at its front that had to stay."""

    oldest: Callable[[int, int], Awaitable[list[str]]]
    forget: Callable[[list[str]], Awaitable[int]]
    skip: int = 0

    async def go_on(self) -> None:
        """Some batches from where the last round ended; from the front again after the end."""
        for _ in range(BATCHES):
            names = await self.oldest(BATCH, self.skip)
            if names:
                self.skip += len(names) - await self.forget(names)
            if len(names) < BATCH:
                self.skip = 0
                return


class Forgetting:
    """Expiry and retention."""

    EVERY: ClassVar[float] = 10.0
    """Seconds between two rounds."""

    def __init__(
        self,
        store: Store,
        retention: Retention,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._retention = retention
        self._now = now
        self._expired = Walk(store.leads.expired, store.leads.expire)
        self._leads = Walk(self._old_leads, store.leads.retire)
        self._records: dict[str, Walk] = {}

    async def round(self) -> None:
        """One round of every walk."""
        await self._expired.go_on()
        await self._leads.go_on()
        before = self._now() - self._retention.leads
        for _ in range(BATCHES):
            if await self._store.rejects.forget_before(before) < FORGET_BATCH:
                break
        for name in await self._store.deliveries.destinations():
            if name not in self._records:
                self._records[name] = self._walk_of(name)
            await self._records[name].go_on()

    async def _old_leads(self, limit: int, skip: int) -> list[str]:
        before = self._now() - self._retention.leads
        return await self._store.leads.received_before(before, limit, skip)

    def _walk_of(self, name: str) -> Walk:
        async def oldest(limit: int, skip: int) -> list[str]:
            before = self._now() - self._retention.history
            return await self._store.deliveries.made_before(name, before, limit, skip)

        async def forget(ids: list[str]) -> int:
            return await self._store.deliveries.drop(name, ids)

        return Walk(oldest, forget)
