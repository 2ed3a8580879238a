"""Follows each lead of the demo from the portal to its receivers, by the store's own events."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.delivery import delivery_id, lead_uid
from gateway.sandbox.leads import PortalLead
from gateway.sources.gsl_lead import normalise
from gateway.store import Store

PATIENCE = 10.0
"""Seconds after which a lead is shown although somebody does not have it yet."""


@dataclass(slots=True)
class Watched:
    """One lead on its way. ``times``: seconds from its creation, by destination that has it."""

    id: str
    category: str
    type: str | None
    city: str | None
    created_at: datetime
    since: float
    times: dict[str, float] = field(default_factory=dict)


class Watcher:
    """Knows which leads were made, who has them, and how long that took."""

    def __init__(
        self,
        store: Store,
        source: str,
        destinations: Sequence[str],
        show: Callable[[Watched], None],
    ) -> None:
        self._store = store
        self._source = source
        self._destinations = destinations
        self._show = show
        self._place = "0-0"
        self._on_way: dict[str, Watched] = {}
        self._shown: set[str] = set()
        self.made: list[str] = []
        self.times: dict[str, list[float]] = {name: [] for name in destinations}

    @property
    def waiting(self) -> int:
        """Deliveries that have not been made yet."""
        expected = len(self._destinations)
        return sum(expected - len(lead.times) for lead in self._on_way.values())

    def arrival_id(self, destination: str, lead_id: str) -> str:
        """What a receiver knows an arrival by: the CRM by webhook-id, the others by the lead."""
        return delivery_id(self._source, lead_id, destination) if destination == "crm" else lead_id

    async def start(self) -> None:
        """Look at what comes from now on."""
        self._place = await self._store.events.latest()

    def add(self, lead: PortalLead) -> None:
        """Follow a lead that was just made."""
        known = normalise(
            lead.feeds, source=self._source, identity=self._source, received_at=lead.created_at
        )
        self.made.append(lead.id)
        self._on_way[lead_uid(self._source, lead.id)] = Watched(
            id=lead.id,
            category=lead.category,
            type=known.property.type or known.estimation.type,
            city=known.property.city or known.estimation.city,
            created_at=lead.created_at,
            since=time.monotonic(),
        )

    async def look(self) -> None:
        """Take note of what was delivered since the last look, and show what is complete."""
        for event in await self._store.events.after(self._place):
            self._place = event.id
            lead = self._on_way.get(event.lead_uid)
            if event.type != "delivered" or lead is None or event.destination in lead.times:
                continue
            # An event's id begins with the store's clock in milliseconds.
            at = int(event.id.partition("-")[0]) / 1000
            took = max(0.0, at - lead.created_at.timestamp())
            lead.times[event.destination] = took
            self.times[event.destination].append(took)
            if len(lead.times) == len(self._destinations):
                del self._on_way[event.lead_uid]
                if lead.id not in self._shown:
                    self._show(lead)
                self._shown.discard(lead.id)
        self._show_late(PATIENCE)

    def give_up(self) -> None:
        """Show what is still on its way, as far as it came."""
        self._show_late(0.0)

    def _show_late(self, patience: float) -> None:
        now = time.monotonic()
        for lead in self._on_way.values():
            if now - lead.since >= patience and lead.id not in self._shown:
                self._shown.add(lead.id)
                self._show(lead)
