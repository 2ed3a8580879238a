"""Raw items of one source made leads of ours: what is known unchanged is skipped, what is bad is
rejected, what is new is accepted, what has changed is written down.

Never walks and never moves a checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from gateway.delivery import lead_uid
from gateway.lead import Lead, RejectedItem, is_erased_upstream, merge
from gateway.pipeline import BATCH, Pipeline
from gateway.reading import fingerprint
from gateway.reading.completion import Completion
from gateway.reading.walk import Batch, Merged
from gateway.sources.protocol import Source
from gateway.store import Accepted, Known, Mode, Rewrite, Store, StoreUnavailable

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Look:
    """For what a period is read. ``name``: poll, reconcile, review or backfill.

    Leads older than ``floor`` are not delivered (contract §7). A new one made before
    ``missed_before`` is one that the polls passed over. ``again``: whether leads that could not be
    completed are tried again.
    """

    name: str
    mode: Mode = Mode.LIVE
    floor: datetime | None = None
    missed_before: datetime | None = None
    again: bool = False
    held: frozenset[str] = frozenset()
    """Leads whose erasure is held: one that names its person again is let go."""


@dataclass(slots=True)
class Taken:
    """What came of what was read, in leads; and the deliveries made of them."""

    read: int = 0
    new: int = 0
    known: int = 0
    again: int = 0
    """Of the known ones, those that the store was not asked to accept once more."""
    changed: int = 0
    """Of the known ones, those that were written down anew."""
    missed: int = 0
    ended: int = 0
    """New ones whose time was over already, as the portal says: delivered all the same."""
    rejected: int = 0
    deliveries: int = 0
    nulled: set[str] = field(default_factory=set)
    """Leads whose person the portal has erased."""
    named: set[str] = field(default_factory=set)
    """Leads that were held as nulled and whose person is there again."""


@dataclass(slots=True)
class _Item:
    merged: Merged
    uid: str
    before: Known | None
    marks: tuple[str, ...]
    lead: Lead | None = None


class Intake:
    """Takes in what one source sent."""

    def __init__(
        self,
        source: Source,
        store: Store,
        pipeline: Pipeline,
        completion: Completion,
        clock: Callable[[], datetime],
    ) -> None:
        self._source = source
        self._store = store
        self._pipeline = pipeline
        self._completion = completion
        self._clock = clock

    async def take(self, batch: Batch, look: Look, taken: Taken) -> None:
        """Take in one batch of a walk, and add what came of it to ``taken``."""
        for item in batch.no_leads:
            reason = "an item has no id" if isinstance(item, dict) else "an item is not an object"
            await self._reject(item, reason, taken)
        for start in range(0, len(batch.leads), BATCH):
            await self._take(batch.leads[start : start + BATCH], look, taken)

    async def _take(self, leads: Sequence[Merged], look: Look, taken: Taken) -> None:
        taken.read += len(leads)
        known = await self._pipeline.known(self._source.identity, [lead.lead_id for lead in leads])
        items = [
            _Item(
                lead,
                lead_uid(self._source.identity, lead.lead_id),
                before,
                fingerprint.marks_of(self._source.name, lead.feeds),
            )
            for lead, before in zip(leads, known, strict=True)
        ]
        wanted = [item for item in items if self._is_wanted(item, look)]
        taken.known += len(items) - len(wanted)
        taken.again += len(items) - len(wanted)
        lacking = [item for item in wanted if self._is_lacking(item, look)]
        # Those that have to be completed first hold up no other.
        await self._accept([item for item in wanted if item not in lacking], look, taken)
        if lacking:
            await self._complete(lacking)
            await self._accept(lacking, look, taken)
        held = {item.uid for item in items} & look.held
        taken.named |= held - taken.nulled

    def _is_wanted(self, item: _Item, look: Look) -> bool:
        """Whether an item can change anything; most of a re-read can not."""
        before = item.before
        if before is None:
            return True
        if before.mark == "f":  # below the floor: only who asks for old leads brings it back
            return look.mode in (Mode.LATER, Mode.STORE)
        if before.mark != "a" or not before.digest:  # erased, or forgotten after its time
            return False
        if look.again and self._was_lacking(item):
            return True
        return self._source.name not in before.sources or not fingerprint.is_known(
            before.digest, item.marks
        )

    def _is_lacking(self, item: _Item, look: Look) -> bool:
        """Whether to ask for a lead by itself before it is accepted, or once more."""
        if not self._source.lacks(item.merged.feeds):
            return False
        if item.before and item.before.digest:
            return look.again and self._was_lacking(item)
        below = look.floor is not None and item.merged.made_at < look.floor
        return look.mode is not Mode.LIVE or not below

    def _was_lacking(self, item: _Item) -> bool:
        return fingerprint.lacking(self._source.name) in _digest(item).split()

    async def _complete(self, items: Sequence[_Item]) -> None:
        """Ask the portal for each lead by itself. What fails is marked for a later look."""
        await self._completion.complete([item.merged for item in items])
        for item in items:
            item.marks = fingerprint.marks_of(self._source.name, item.merged.feeds)
            if self._source.lacks(item.merged.feeds):
                item.marks = (*item.marks, fingerprint.lacking(self._source.name))

    async def _accept(self, items: Sequence[_Item], look: Look, taken: Taken) -> None:
        for item in items:
            try:
                item.lead = self._source.normalise(item.merged.feeds, self._clock())
            except RejectedItem as error:
                await self._reject(item.merged.feeds, error.reason, taken)
        items = [item for item in items if item.lead is not None]
        name = self._source.name
        unseen = [item for item in items if item.before is None or name not in item.before.sources]
        taken.known += len(items) - len(unseen)
        taken.again += len(items) - len(unseen)
        await self._accept_unseen(unseen, look, taken)
        await self._rewrite([item for item in items if item.before and item.before.digest], taken)

    async def _accept_unseen(self, items: Sequence[_Item], look: Look, taken: Taken) -> None:
        leads = [lead for item in items if (lead := item.lead)]
        results = await self._pipeline.accept(
            leads,
            mode=look.mode,
            floor=look.floor,
            digests=[self._joined(item) for item in items],
        )
        for lead, result in zip(leads, results, strict=True):
            if isinstance(result, StoreUnavailable):
                raise result
            if isinstance(result, Exception):
                log.error("lead rejected", source=lead.source, problem=type(result).__name__)
                reason = f"could not be stored ({type(result).__name__})"
                await self._reject(lead.original, reason, taken)
                continue
            taken.deliveries += len(result.deliveries)
            if result.what == "new":
                self._note_new(lead, result, look, taken)
            else:
                taken.known += 1

    def _note_new(self, lead: Lead, result: Accepted, look: Look, taken: Taken) -> None:
        taken.new += 1
        made_at = lead.created_at or lead.received_at
        missed = look.missed_before is not None and made_at < look.missed_before
        taken.missed += missed
        taken.ended += lead.expires_at is not None and lead.expires_at <= self._clock()
        if look.mode is Mode.LIVE:  # of old leads, whoever asked for them says how many
            log.info(
                "lead received", source=lead.source, lead=lead.id, category=lead.category,
                deliveries=len(result.deliveries), uid=lead_uid(lead.identity, lead.id)[:8],
                found_by=look.name,
            )  # fmt: skip

    async def _rewrite(self, items: Sequence[_Item], taken: Taken) -> None:
        """Known leads that came back with other content: keep the union, deliver nothing."""
        stored = await self._store.leads.get_many([item.uid for item in items])
        rewrites, changed = [], 0
        for item, old in zip(items, stored, strict=True):
            if old is None or item.lead is None:
                continue
            if is_erased_upstream(old.lead, item.lead):
                taken.nulled.add(item.uid)
                continue
            whole = merge(old.lead, item.lead)
            changed += whole != old.lead
            rewrites.append(Rewrite(item.uid, whole, _digest(item), self._joined(item)))
        # What says nothing new is written all the same: the next reading is told by its mark.
        await self._store.leads.rewrite(rewrites)
        taken.changed += changed

    def _joined(self, item: _Item) -> str:
        """All marks of a lead, this reading's included; none that it lacks what it now has."""
        before = _digest(item)
        if not self._source.lacks(item.merged.feeds):
            before = before.replace(fingerprint.lacking(self._source.name), "")
        return fingerprint.joined(before, item.marks)

    async def _reject(self, item: Any, reason: str, taken: Taken) -> None:
        taken.rejected += 1
        raw = json.dumps(item, ensure_ascii=False, default=str)
        await self._store.rejects.keep(self._source.name, reason, raw)


def _digest(item: _Item) -> str:
    return item.before.digest if item.before else ""
