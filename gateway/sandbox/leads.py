"""Plausible, varied French leads in the vendor's wire shapes, from a seed. Nobody in them exists.

Phones come from the ranges ARCEP keeps for fiction, addresses from example domains.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.sandbox import lead_sections as sections

CATEGORIES = ("CLASSIFIED", "AGENCY", "ESTIMATION", "PROJECT")
_SHARES = (62, 14, 16, 8)


@dataclass(frozen=True, slots=True)
class PortalLead:
    """One lead as the portal knows it: what every feed shows of it."""

    id: str
    category: str
    created_at: datetime
    feeds: Mapping[str, dict[str, Any]]
    """The wire form by feed; a lead is in ``leads`` and in the feed of its category."""
    single: dict[str, Any]
    """What operation 2 answers."""
    classified_id: int | None


class LeadFactory:
    """Makes leads, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def make(self, category: str | None = None, at: datetime | None = None) -> PortalLead:
        """One lead, created ``at`` (now). A category that is not named is drawn."""
        draw = self._random
        kind = category or draw.choices(CATEGORIES, _SHARES)[0]
        moment = (at or datetime.now(UTC)).astimezone(UTC)
        lead_id = str(uuid.UUID(int=draw.getrandbits(128), version=4))
        classified_id = draw.randrange(10**8, 10**9) if kind in ("CLASSIFIED", "PROJECT") else None
        contact = sections.contact(draw, kind)
        return _assemble(
            lead_id,
            kind,
            moment,
            classified_id,
            contact,
            sections.estate(draw),
            sections.meta(draw),
            sections.estimation(draw),
            sections.project(draw, contact),
            sections.wish(draw),
        )


def _assemble(
    lead_id: str,
    kind: str,
    moment: datetime,
    classified_id: int | None,
    contact: dict[str, Any],
    estate: dict[str, Any],
    extra: dict[str, Any],
    estimation: dict[str, Any],
    project: dict[str, Any],
    wish: dict[str, Any],
) -> PortalLead:
    documents = extra.pop("hasRentalDocumentAttached")
    meta: dict[str, Any] = {
        "leadCategory": kind,
        "leadId": lead_id,
        "creationDate": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        **extra,
    }
    listed = {**meta, "classifiedID": classified_id} if classified_id else meta
    full = {**listed, "hasRentalDocumentAttached": documents}
    feeds: dict[str, dict[str, Any]] = {}
    if kind == "CLASSIFIED":
        feeds["leads"] = {"leadMetaInfos": full, "contactRequest": contact, "property": estate}
        feeds["classifieds"] = feeds["leads"]
    else:
        feeds["leads"] = {"leadMetaInfos": meta, "contactRequest": contact}
    single: dict[str, Any] = {"leadMetaInfos": meta, "contactRequest": contact}
    if kind == "AGENCY":
        feeds["agencies"] = feeds["leads"]
    if kind == "ESTIMATION":
        single["estimation"] = estimation
        feeds["estimations"] = single
    if kind == "PROJECT":
        origin = {"metaData": estate["metaData"]}
        feeds["projects"] = {
            "leadMetaInfos": listed,
            **project,
            "property": wish,
            "classified": origin,
        }
    return PortalLead(lead_id, kind, moment, feeds, single, classified_id)


def sample(category: str, at: datetime) -> dict[str, Any]:
    """A fixed, complete lead of a category as feed -> raw item, for ``preview`` and ``test``."""
    seeds = {"CLASSIFIED": 11, "AGENCY": 12, "ESTIMATION": 13, "PROJECT": 14}
    factory = LeadFactory(seeds[category])
    lead = factory.make(category, at)
    while not all(lead.feeds["leads"]["contactRequest"][key] for key in ("email", "phoneNumber")):
        lead = factory.make(category, at)
    return dict(lead.feeds)
