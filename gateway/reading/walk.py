"""A walk: several feeds over one slice of time, their items merged by lead, in bounded memory.

Every feed comes oldest first. A lead is handed on once all feeds are past the moment it was made
at, or when more leads wait than are held; whatever comes of it after that is a later reading of a
known lead. So a walk holds a window and never a slice (docs/decisions/0008-walks-hold-a-window.md).
Never stores anything, never decides what is new.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gateway.sources.protocol import Page, Slice, Source, SourceProblem

HOLD = 500
"""Leads that wait for their other feeds before those that are complete are handed on; twice as many
are held at most, and a page of each feed."""
LAG = 10.0
"""Seconds that feeds which answered wait for one that does not: then it is read apart from them."""

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Merged:
    """One lead as its feeds show it: the raw item by feed, and when it was made."""

    lead_id: str
    made_at: datetime
    feeds: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Batch:
    """Leads to take in, oldest first; and items that are no lead."""

    leads: list[Merged]
    no_leads: list[Any]


@dataclass(slots=True)
class FeedRead:
    """How reading one feed went. ``portal_time`` is the earliest clock among its answers."""

    feed: str
    portal_time: datetime | None = None
    problem: SourceProblem | None = None
    whole: bool = False
    """Whether it was read to its last page."""
    reached: datetime = _LONG_AGO


class Walk:
    """One pass over ``piece``. ``abreast``: all feeds at a time, else one page at a time, with
    ``breathe`` seconds between two pages.
    """

    def __init__(
        self,
        source: Source,
        feeds: Iterable[str],
        piece: Slice,
        *,
        abreast: bool = True,
        breathe: float = 0.0,
    ) -> None:
        self._source = source
        self._piece = piece
        self._abreast = abreast
        self._breathe = breathe
        self.reads = {feed: FeedRead(feed) for feed in feeds}
        self._pages = {feed: aiter(source.read(feed, piece)) for feed in self.reads}
        self._asked: dict[asyncio.Task[Page | None], FeedRead] = {}
        self._held: dict[str, Merged] = {}
        self._no_leads: list[Any] = []
        self._refused: SourceProblem | None = None

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """What was read, as it becomes complete. How each feed ended is in ``reads``, afterwards.

        Raises nothing of the portal's: a feed that fails ends, with its problem, and what it gave
        before is handed on.
        """
        try:
            while open_feeds := self._open():
                self._ask(open_feeds)
                if not self._asked:
                    break
                await self._hear()
                if len(self._held) >= HOLD or len(self._no_leads) >= HOLD:
                    batch = self._complete()
                    if self._abreast and (open_feeds := self._open()):
                        self._ask(open_feeds)  # the next pages come while this is stored
                    yield batch
                await asyncio.sleep(self._breathe)
        finally:
            await self._close()
        if self._held or self._no_leads:
            yield self._hand_on(list(self._held.values()))

    def _open(self) -> list[FeedRead]:
        return [read for read in self.reads.values() if not read.whole and not read.problem]

    def _ask(self, open_feeds: list[FeedRead]) -> None:
        """Ask for the next pages: of all feeds, or of those that hold the others up."""
        slowest = min(open_feeds, key=lambda read: read.reached)
        busy = {read.feed for read in self._asked.values()}
        if self._refused:  # what is refused to one feed as a client is refused to all
            for read in open_feeds:
                read.problem = None if read.feed in busy else self._refused
            return
        for read in open_feeds if self._abreast else [slowest]:
            if read.feed in busy or (not self._abreast and busy):
                continue
            if len(self._held) < HOLD or read.reached <= slowest.reached:
                task = asyncio.ensure_future(_next_page(self._pages[read.feed]))
                self._asked[task] = read

    async def _hear(self) -> None:
        """Take in the pages that came; end the feeds that are read, failed, or keep others
        waiting.
        """
        asked = {read.feed for read in self._asked.values()}
        waiting = any(x.feed not in asked and not x.problem for x in self.reads.values())
        patience = LAG if waiting and self._abreast else None
        heard, _ = await asyncio.wait(
            self._asked, timeout=patience, return_when=asyncio.FIRST_COMPLETED
        )
        if not heard:
            for read in self._asked.values():
                read.problem = _too_slow(self._source.name, read.feed)
            await self._cancel()
        for task in heard:
            read = self._asked.pop(task)
            try:
                page = task.result()
            except SourceProblem as problem:
                read.problem = problem
                if problem.kind in ("credentials", "rate_limited"):
                    self._refused = problem
                continue
            if page is None:
                read.whole = True
            else:
                self._take(read, page)

    def _take(self, read: FeedRead, page: Page) -> None:
        if page.portal_time:
            read.portal_time = min(read.portal_time or page.portal_time, page.portal_time)
        for item in page.items:
            lead_id = self._source.identify(item)
            if lead_id is None:
                self._no_leads.append(item)
                continue
            made_at = self._source.made_at(item) or self._piece.start
            lead = self._held.setdefault(lead_id, Merged(lead_id, made_at))
            lead.feeds[read.feed] = item
            read.reached = max(read.reached, made_at)
        if read.reached == _LONG_AGO:
            read.reached = self._piece.start

    def _complete(self) -> Batch:
        """The leads that no feed can add to any more; all of them, when too many wait."""
        limit = min((read.reached for read in self._open()), default=None)
        leads = [lead for lead in self._held.values() if limit is None or lead.made_at < limit]
        if len(self._held) - len(leads) >= 2 * HOLD:
            leads = list(self._held.values())
        return self._hand_on(leads)

    def _hand_on(self, leads: list[Merged]) -> Batch:
        for lead in leads:
            del self._held[lead.lead_id]
        no_leads, self._no_leads = self._no_leads, []
        return Batch(sorted(leads, key=lambda lead: lead.made_at), no_leads)

    async def _cancel(self) -> None:
        asked, self._asked = list(self._asked), {}
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)

    async def _close(self) -> None:
        await self._cancel()
        for pages in self._pages.values():
            if isinstance(pages, AsyncGenerator):
                await pages.aclose()


def merged(source: Source, page: Page) -> Batch:
    """One page by itself, as a batch."""
    leads: dict[str, Merged] = {}
    no_leads = []
    for item in page.items:
        lead_id = source.identify(item)
        if lead_id is None:
            no_leads.append(item)
        else:
            made_at = source.made_at(item) or _LONG_AGO
            leads[lead_id] = Merged(lead_id, made_at, {page.feed: item})
    return Batch(list(leads.values()), no_leads)


async def _next_page(pages: AsyncIterator[Page]) -> Page | None:
    return await anext(pages, None)


def _too_slow(source: str, feed: str) -> SourceProblem:
    return SourceProblem(
        "down",
        f"sources.{source}, feed {feed}: no page within {LAG:g} s while other feeds answered; "
        "it is read apart from them",
    )
