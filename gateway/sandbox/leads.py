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
from gateway.sandbox import project_sections

CATEGORIES = ("CLASSIFIED", "AGENCY", "ESTIMATION", "PROJECT")
_SHARES = (62, 14, 16, 8)

ON_OFFER = 200
"""Classifieds that people ask about; the oldest goes when a new one comes."""
_ASKS_AGAIN = 0.6


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
        self._on_offer: list[tuple[int, dict[str, Any]]] = []

    def make(self, category: str | None = None, at: datetime | None = None) -> PortalLead:
        """One lead, created ``at`` (now). A category that is not named is drawn."""
        draw = self._random
        kind = category or draw.choices(CATEGORIES, _SHARES)[0]
        moment = (at or datetime.now(UTC)).astimezone(UTC)
        lead_id = str(uuid.UUID(int=draw.getrandbits(128), version=4))
        contact = sections.contact(draw, kind)
        meta: dict[str, Any] = {
            "leadCategory": kind,
            "leadId": lead_id,
            "creationDate": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            **sections.meta(draw, moment),
        }
        plain = {"leadMetaInfos": meta, "contactRequest": contact}
        match kind:
            case "CLASSIFIED":
                classified_id, estate = self._classified()
                documents = {"hasRentalDocumentAttached": draw.random() < 0.15}
                item = {
                    "leadMetaInfos": {**meta, "classifiedID": classified_id, **documents},
                    "contactRequest": contact,
                    "property": estate,
                }
                feeds = {"leads": item, "classifieds": item}
                return PortalLead(lead_id, kind, moment, feeds, plain, classified_id)
            case "AGENCY":
                feeds = {"leads": plain, "agencies": plain}
                return PortalLead(lead_id, kind, moment, feeds, plain, None)
            case "ESTIMATION":
                item = {**plain, "estimation": sections.estimation(draw)}
                feeds = {"leads": plain, "estimations": item}
                return PortalLead(lead_id, kind, moment, feeds, item, None)
            case _:
                classified_id, estate = self._classified()
                item = {
                    "leadMetaInfos": {**meta, "classifiedID": classified_id},
                    **project_sections.project(draw, contact),
                    "property": project_sections.wish(draw),
                    "classified": {"metaData": estate["metaData"]},
                }
                feeds = {"leads": plain, "projects": item}
                return PortalLead(lead_id, kind, moment, feeds, plain, classified_id)

    def _classified(self) -> tuple[int, dict[str, Any]]:
        """What is asked about: often what somebody asked about before."""
        if self._on_offer and self._random.random() < _ASKS_AGAIN:
            return self._random.choice(self._on_offer)
        made = (self._random.randrange(10**8, 10**9), sections.estate(self._random))
        self._on_offer = [*self._on_offer[1 - ON_OFFER :], made]
        return made


def sample(category: str, at: datetime) -> dict[str, Any]:
    """A fixed, complete lead of a category as feed -> raw item, for ``preview`` and ``test``."""
    seeds = {"CLASSIFIED": 11, "AGENCY": 12, "ESTIMATION": 13, "PROJECT": 14}
    factory = LeadFactory(seeds[category])
    lead = factory.make(category, at)
    while not all(lead.feeds["leads"]["contactRequest"][key] for key in ("email", "phoneNumber")):
        lead = factory.make(category, at)
    return dict(lead.feeds)
