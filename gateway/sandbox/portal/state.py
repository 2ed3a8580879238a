"""The portal's state: its account, its leads, its clock, and what is wrong with it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gateway.sandbox.leads import LeadFactory, PortalLead
from gateway.sandbox.portal.faults import Faults
from gateway.sandbox.portal.grants import Grants
from gateway.sandbox.portal.shelf import Shelf


@dataclass(slots=True)
class Portal:
    """One account of a portal, in this process."""

    client_id: str = "sandbox"
    client_secret: str = "sandbox"
    token_lifetime: int = 3600
    milliseconds: bool = False
    clock_skew: float = 0.0
    forbidden_feeds: frozenset[str] = frozenset()
    down: bool = False
    seed: int = 1
    calls: Counter[str] = field(default_factory=Counter)
    faults: Faults = field(init=False)
    grants: Grants = field(default_factory=Grants)
    leads: Shelf = field(default_factory=Shelf)
    _factory: LeadFactory = field(init=False)

    def __post_init__(self) -> None:
        self._factory = LeadFactory(self.seed)
        self.faults = Faults(self.seed)

    @property
    def created(self) -> list[str]:
        """The ids of all leads, by time."""
        return self.leads.ids

    def add(
        self, count: int = 1, category: str | None = None, at: datetime | None = None
    ) -> list[PortalLead]:
        """Make leads. ``at`` their creation (now)."""
        return [self.put(self._factory.make(category, at)) for _ in range(count)]

    def put(self, lead: PortalLead) -> PortalLead:
        """Add one lead, or replace it."""
        self.leads.put(lead)
        return lead

    def put_raw(self, feed: str, item: Any, at: datetime | None = None) -> None:
        """Add any JSON value to a feed as it is: what a faulty portal would send."""
        meta = item.get("leadMetaInfos") if isinstance(item, dict) else None
        name = meta.get("leadId") if isinstance(meta, dict) else None
        lead_id = str(name) if name else f"raw-{len(self.leads)}"
        moment = at or datetime.now(UTC)
        self.put(PortalLead(lead_id, "CLASSIFIED", moment, {feed: item}, item, None))

    def nullify(self, lead_id: str) -> None:
        """Erase a person as the portal does: name, e-mail and phone come back null.

        KeyError for a lead that is not there.
        """
        lead = self.leads.get(lead_id)
        if lead is None:
            raise KeyError(lead_id)
        feeds = json.loads(json.dumps(dict(lead.feeds)))
        for item in feeds.values():
            request = item["contactRequest"]
            person = request.get("personContact", request)
            for key in ("fullName", "email", "phoneNumber"):
                person[key] = None
        self.put(
            PortalLead(
                lead.id, lead.category, lead.created_at, feeds, feeds["leads"], lead.classified_id
            )
        )
