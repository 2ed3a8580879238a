"""What the pages show of leads and deliveries, as plain values for the templates. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.delivery import Delivery, State
from gateway.lead import Lead
from gateway.store import StoredLead
from gateway.store.counts import BOUNDS, Histogram
from gateway.web.shapes import shown_state

_PLURALS = {
    "type": "types",
    "transaction": "transactions",
    "city": "cities",
    "postal_code": "postal_codes",
}


@dataclass(frozen=True, slots=True)
class Chip:
    """One delivery in a row of leads. ``seconds`` from accepted to delivered, else None."""

    id: str
    destination: str
    state: str
    reason: str | None
    seconds: float | None
    next_attempt_at: datetime | None


@dataclass(frozen=True, slots=True)
class Row:
    """One lead in a list. ``seconds`` from the portal to the first delivery, else None."""

    uid: str
    lead: Lead
    received_at: datetime
    unrouted: bool
    chips: tuple[Chip, ...]
    seconds: float | None

    @property
    def place(self) -> str | None:
        """Where the property is, or is wanted."""
        wanted = self.lead.property
        found = [wanted.city, wanted.postal_code]
        if not any(found):
            found = [*(wanted.cities[:2]), *(wanted.postal_codes[:2] if not wanted.cities else ())]
        if not any(found):
            found = [self.lead.estimation.city, self.lead.estimation.postal_code]
        return " ".join(part for part in found if part) or None


def rows(
    leads: Iterable[StoredLead], deliveries: Iterable[Delivery], held: frozenset[str]
) -> list[Row]:
    """Leads in their order, each with its deliveries."""
    by_id = {delivery.id: delivery for delivery in deliveries}
    return [
        _row(lead, [by_id[item] for item in lead.delivery_ids if item in by_id], held)
        for lead in leads
    ]


def _row(stored: StoredLead, deliveries: Sequence[Delivery], held: frozenset[str]) -> Row:
    return Row(
        uid=stored.uid,
        lead=stored.lead,
        received_at=stored.received_at,
        unrouted=stored.unrouted,
        chips=tuple(chip(delivery, held) for delivery in deliveries),
        seconds=portal_seconds(stored.lead, deliveries),
    )


def chip(delivery: Delivery, held: frozenset[str]) -> Chip:
    """One delivery, short."""
    took = None
    if delivery.state is State.DELIVERED and delivery.delivered_at:
        took = max(0.0, (delivery.delivered_at - delivery.created_at).total_seconds())
    return Chip(
        id=delivery.id,
        destination=delivery.destination,
        state=shown_state(delivery, held),
        reason=delivery.reason.value if delivery.reason else None,
        seconds=took,
        next_attempt_at=delivery.next_attempt_at,
    )


def portal_seconds(lead: Lead, deliveries: Iterable[Delivery]) -> float | None:
    """From the lead's creation at the portal until somebody had it."""
    arrived = [delivery.delivered_at for delivery in deliveries if delivery.delivered_at]
    if not arrived or lead.created_at is None:
        return None
    return max(0.0, (min(arrived) - lead.created_at).total_seconds())


def together(histograms: Iterable[Histogram]) -> Histogram:
    """Several histograms as one."""
    total, buckets = 0.0, [0] * (len(BOUNDS) + 1)
    for histogram in histograms:
        total += histogram.total
        buckets = [a + b for a, b in zip(buckets, histogram.buckets, strict=True)]
    return Histogram(tuple(buckets), total)


def facts(lead: Lead, section: str, skip: frozenset[str] = frozenset()) -> Mapping[str, object]:
    """The values a portal gave in one section, in the section's order; nothing that is null."""
    values = getattr(lead, section).model_dump(mode="python")
    said_already = {
        many for one, many in _PLURALS.items() if values.get(many) == (values.get(one),)
    }
    return {
        name: value
        for name, value in values.items()
        if name not in skip | said_already and value is not None and value not in ((), {}, "")
    }
