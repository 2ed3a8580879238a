"""A backfill tried without storing anything: what it would find new, and where that would go.

Reads the portal and asks the store what it knows; writes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime

from gateway.delivery import lead_uid
from gateway.lead import RejectedItem
from gateway.pipeline import BATCH, Pipeline
from gateway.reading.intake import Taken
from gateway.reading.reader import Looked
from gateway.reading.walk import Batch, Merged, Walk, merged
from gateway.sources.protocol import Page, Slice, Source
from gateway.store import Known


class Rehearsal:
    """Counts what a backfill would take in. ``deliver``: whether it would deliver."""

    def __init__(
        self,
        source: Source,
        pipeline: Pipeline,
        *,
        deliver: bool,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._source = source
        self._pipeline = pipeline
        self._deliver = deliver
        self._clock = clock
        self._seen: set[str] = set()  # of the slice before: neighbours share their border
        self.destinations: Counter[str] = Counter()
        """Deliveries that would be made, by destination."""

    async def read(self, piece: Slice, feeds: Sequence[str], looked: Looked) -> None:
        """Count what feeds show of one slice."""
        seen = set[str]()
        walk = Walk(self._source, feeds, piece)
        async with aclosing(walk.batches()) as batches:
            async for batch in batches:
                await self._count(batch, looked.taken)
                seen.update(
                    lead_uid(self._source.identity, lead.lead_id)
                    for lead in batch.leads
                    if (piece.end - lead.made_at).total_seconds() <= 1
                )
        looked.problems = {feed: read.problem for feed, read in walk.reads.items() if read.problem}
        if not looked.problems:
            self._seen = seen

    async def take(self, page: Page, taken: Taken) -> None:
        """Count one page."""
        await self._count(merged(self._source, page), taken)

    async def _count(self, batch: Batch, taken: Taken) -> None:
        taken.rejected += len(batch.no_leads)
        for start in range(0, len(batch.leads), BATCH):
            leads = batch.leads[start : start + BATCH]
            identity = self._source.identity
            known = await self._pipeline.known(identity, [lead.lead_id for lead in leads])
            for lead, before in zip(leads, known, strict=True):
                if lead_uid(identity, lead.lead_id) not in self._seen:
                    taken.read += 1
                    self._weigh(lead, before, taken)

    def _weigh(self, lead: Merged, before: Known | None, taken: Taken) -> None:
        if before is not None and before.mark != "f":
            taken.known += 1
            return
        try:
            found = self._source.normalise(lead.feeds, self._clock())
        except RejectedItem:
            taken.rejected += 1
            return
        taken.new += 1
        if self._deliver:
            names = self._pipeline.planner.destinations(found)
            taken.deliveries += len(names)
            self.destinations.update(names)
