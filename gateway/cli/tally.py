"""Counting leads and deliveries, and how long they took. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.delivery import Delivery, State
from gateway.store import StoredLead


@dataclass(slots=True)
class Row:
    """One source's, destination's, agent's or hour's numbers. Times are in seconds from the portal:
    ``read`` until they came, ``times`` to deliveries, ``claims`` to claims.
    """

    what: str
    name: str
    leads: int = 0
    delivered: int = 0
    waiting: int = 0
    dead: int = 0
    discarded: int = 0
    times: list[float] = field(default_factory=list)
    claims: list[float] = field(default_factory=list)
    read: list[float] = field(default_factory=list)

    @property
    def read_p50(self) -> float | None:
        """The median time until a lead came."""
        return quantile(self.read, 0.5)

    @property
    def p90(self) -> float | None:
        """The time that nine of ten stayed under."""
        return quantile(self.times, 0.9)

    @property
    def claimed_p90(self) -> float | None:
        """The time that nine of ten claims stayed under."""
        return quantile(self.claims, 0.9)

    @property
    def p50(self) -> float | None:
        """The median time."""
        return quantile(self.times, 0.5)

    @property
    def p95(self) -> float | None:
        """The time that 95 of 100 stayed under."""
        return quantile(self.times, 0.95)

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "by": self.what,
            "name": self.name,
            "leads": self.leads,
            "delivered": self.delivered,
            "waiting": self.waiting,
            "dead": self.dead,
            "discarded": self.discarded,
            "received_p50_seconds": _rounded(self.read_p50),
            "p50_seconds": _rounded(self.p50),
            "p90_seconds": _rounded(self.p90),
            "p95_seconds": _rounded(self.p95),
            "claimed": len(self.claims),
            "claimed_p50_seconds": _rounded(self.claimed_p50),
            "claimed_p90_seconds": _rounded(self.claimed_p90),
        }

    @property
    def claimed_p50(self) -> float | None:
        """The median time to a claim."""
        return quantile(self.claims, 0.5)

    def count(self, delivery: Delivery, stored: StoredLead) -> None:
        """Add one delivery."""
        match delivery.state:
            case State.DELIVERED:
                self.delivered += 1
            case State.DEAD:
                self.dead += 1
            case State.DISCARDED:
                self.discarded += 1
            case _:
                self.waiting += 1
        # A step of a ladder, or word of a claim, says nothing about how fast the lead was.
        if delivery.delivered_at and delivery.occasion == "new":
            began = stored.lead.created_at or stored.received_at
            self.times.append(max(0.0, (delivery.delivered_at - began).total_seconds()))


class Tally:
    """Numbers that grow lead by lead; only the times are kept one by one."""

    def __init__(self) -> None:
        self._sources: dict[str, Row] = {}
        self._destinations: dict[str, Row] = {}
        self._agents: dict[str, Row] = {}
        self._hours: dict[str, Row] = {}

    def add(self, leads: Sequence[StoredLead], deliveries: Iterable[Delivery]) -> None:
        """Add leads with all their deliveries."""
        by_uid = {stored.uid: stored for stored in leads}
        for stored in leads:
            source, hour = self._source(stored.lead.source), self._hour(stored)
            theirs = stored.decision.agent if stored.decision else None
            began = stored.lead.created_at or stored.received_at
            for row in (source, hour, *([self._agent(theirs)] if theirs else [])):
                row.leads += 1
                row.read.append(max(0.0, (stored.received_at - began).total_seconds()))
            if stored.claimed_by and stored.claimed_at:
                took = max(0.0, (stored.claimed_at - began).total_seconds())
                for row in (source, hour, self._agent(stored.claimed_by)):
                    row.claims.append(took)
        seen: set[tuple[str, str]] = set()
        for delivery in deliveries:
            stored_lead = by_uid.get(delivery.lead_uid)
            if stored_lead is None:
                continue
            name = delivery.destination
            row = self._destinations.setdefault(name, Row("destination", name))
            row.leads += (name, delivery.lead_uid) not in seen
            seen.add((name, delivery.lead_uid))
            row.count(delivery, stored_lead)
            self._source(stored_lead.lead.source).count(delivery, stored_lead)
            self._hour(stored_lead).count(delivery, stored_lead)
            if stored_lead.decision and stored_lead.decision.agent:
                self._agent(stored_lead.decision.agent).count(delivery, stored_lead)

    def _source(self, name: str) -> Row:
        return self._sources.setdefault(name, Row("source", name))

    def _agent(self, name: str) -> Row:
        return self._agents.setdefault(name, Row("agent", name))

    def _hour(self, stored: StoredLead) -> Row:
        name = stored.received_at.astimezone().strftime("%Y-%m-%dT%H:00%z")
        return self._hours.setdefault(name, Row("hour", name))

    def hours(self) -> list[Row]:
        """Every hour in which a lead came, the first one first."""
        return [self._hours[name] for name in sorted(self._hours)]

    def rows(
        self, sources: Iterable[str], destinations: Iterable[str], agents: Iterable[str] = ()
    ) -> list[Row]:
        """Every source's, destination's and agent's numbers, those with none included.

        An agent's ``leads`` are those that were theirs; their ``claims`` may be of others' too.
        """
        for name in agents:
            self._agent(name)
        for name in sources:
            self._source(name)
        for name in destinations:
            self._destinations.setdefault(name, Row("destination", name))
        return [
            *self._sources.values(),
            *self._destinations.values(),
            *self._agents.values(),
        ]


def quantile(times: Sequence[float], share: float) -> float | None:
    """The time that ``share`` of all stayed under: one that really was, not an average of two."""
    if not times:
        return None
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
