"""Raw items of one source made leads of ours: known ones skipped, bad ones rejected, the rest
accepted.

Never asks a portal and never moves a checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from gateway.delivery import lead_uid
from gateway.lead import Lead, RejectedItem
from gateway.pipeline import BATCH, Pipeline, digest
from gateway.sources import GslSource
from gateway.sources.gsl_lead import lead_id_of, normalise
from gateway.store import Known, Mode, Store, StoreUnavailable

log = structlog.get_logger()


@dataclass(slots=True)
class Taken:
    """What became of the items: leads by what they were, and the deliveries made of them."""

    new: int = 0
    known: int = 0
    rejected: int = 0
    deliveries: int = 0


class Intake:
    """Takes in what one source sent."""

    def __init__(self, source: GslSource, store: Store, pipeline: Pipeline) -> None:
        self._source = source
        self._store = store
        self._pipeline = pipeline

    async def take(
        self, items: Iterable[tuple[str, Any]], floor: datetime | None, mode: Mode = Mode.LIVE
    ) -> Taken:
        """Merge (feed, item) couples by lead, skip what is known unchanged, accept the rest.

        ``mode`` says on whose behalf; only a live reading stops at the floor (contract §7).
        """
        taken = Taken()
        by_lead: dict[str, dict[str, Any]] = {}
        for feed, item in items:
            lead_id = lead_id_of(item)
            if lead_id is None:
                await self._reject(item)
                taken.rejected += 1
            else:
                by_lead.setdefault(lead_id, {})[feed] = item
        ids = list(by_lead)
        for start in range(0, len(ids), BATCH):
            some = {lead_id: by_lead[lead_id] for lead_id in ids[start : start + BATCH]}
            await self._take_batch(some, floor, mode, taken)
        return taken

    async def _take_batch(
        self,
        items: Mapping[str, Mapping[str, Any]],
        floor: datetime | None,
        mode: Mode,
        taken: Taken,
    ) -> None:
        name, identity = self._source.name, self._source.identity
        known = await self._pipeline.known(identity, list(items))
        leads: list[Lead] = []
        digests: list[str] = []
        for (_, feeds), before in zip(items.items(), known, strict=True):
            mark = digest(feeds)
            if before and _is_settled(before, mark, name, mode):
                taken.known += 1
                continue
            try:
                lead = normalise(
                    feeds, source=name, identity=identity, received_at=datetime.now(UTC)
                )
            except RejectedItem as error:
                await self._reject(feeds, error.reason)
                taken.rejected += 1
                continue
            leads.append(lead)
            digests.append(mark)
        results = await self._pipeline.accept(leads, mode=mode, floor=floor, digests=digests)
        for lead, result in zip(leads, results, strict=True):
            if isinstance(result, StoreUnavailable):
                raise result
            if isinstance(result, Exception):
                taken.rejected += 1
                log.error("lead rejected", source=name, problem=type(result).__name__)
                await self._store.leads.reject(
                    name, f"could not be stored ({type(result).__name__})",
                    lead.original, datetime.now(UTC),
                )  # fmt: skip
                continue
            taken.deliveries += len(result.deliveries)
            if result.what != "new":
                taken.known += 1
                continue
            taken.new += 1
            if mode is Mode.LIVE:  # of old leads, whoever asked for them says how many
                log.info(
                    "lead received", source=name, lead=lead.id, category=lead.category,
                    deliveries=len(result.deliveries), uid=lead_uid(identity, lead.id)[:8],
                )  # fmt: skip

    async def _reject(self, item: Any, reason: str | None = None) -> None:
        if reason is None:
            reason = (
                "an item has no leadMetaInfos.leadId"
                if isinstance(item, dict)
                else "an item is not an object"
            )
        raw = json.dumps(item, ensure_ascii=False, default=str)
        await self._store.leads.reject(self._source.name, reason, raw, datetime.now(UTC))


def _is_settled(before: Known, mark: str, source: str, mode: Mode) -> bool:
    """Whether a lead that was seen needs no second look: nothing new came, or nothing may."""
    if before.mark == "f":  # below the floor: for those who ask for old leads it is a new one
        return mode is Mode.LIVE
    if before.mark != "a" or not before.digest:
        return True
    return before.digest == mark and source in before.sources
