"""What goes into the store about a lead and what comes out, as plain values.

Owns the shapes and the order of the scripts' arguments; runs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from gateway.lead import Lead
from gateway.lookup import terms
from gateway.store.sealing import Marks, Seal
from gateway.store.seen import Seen

NEVER = 10**15
"""In ms: later than anything."""


class Mode(StrEnum):
    """On whose behalf a lead is accepted, and so what may come of it."""

    LIVE = "live"
    """Just read: deliver, ahead of everything that may wait."""
    LATER = "later"
    """A backfill or another wish for old leads: deliver, behind what is live."""
    FLOOR = "floor"
    """Older than the source's start: remember it was seen, keep nothing, deliver nothing."""
    STORE = "store"
    """Keep it and deliver nothing."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One lead with the deliveries to make of it; ``deliveries`` are (id, destination,
    occasion).
    """

    uid: str
    lead: Lead
    digest: str
    mode: Mode = Mode.LIVE
    deliveries: tuple[tuple[str, str, str], ...] = ()
    decision: str = ""
    """Whose it is and which rule chose each destination, as JSON, kept to be shown."""
    to_claim: bool = False
    """Whether somebody is to claim it."""
    escalate_at: datetime | None = None
    """When the first step of its ladder is due; None: it has none."""
    promised_by: datetime | None = None
    """Until when somebody is to claim it; None: at any time."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a plan: new, added, known, changed, floor or erased; and deliveries made."""

    what: str
    deliveries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows of a lead before it is parsed: enough to skip most re-reads."""

    mark: str
    digest: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rewrite:
    """New content of a known lead, to be written if nobody else did since ``expected`` was read."""

    uid: str
    lead: Lead
    expected: str
    digest: str


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided when a lead came. ``rules``: which route (0: no routes) chose each
    destination; ``why`` the agent: a criterion, ``otherwise``, ``returning``, ``nobody``.
    """

    agency: str
    agent: str | None
    why: str
    rules: Mapping[str, int]
    error: str | None


@dataclass(frozen=True, slots=True)
class StoredLead:
    """A lead with what the store knows about it."""

    uid: str
    lead: Lead
    sources: tuple[str, ...]
    received_at: datetime
    delivery_ids: tuple[str, ...]
    unrouted: bool = False
    decision: Decided | None = None
    claimed_by: str | None = None
    claimed_at: datetime | None = None
    claimed_via: str | None = None
    step: int | None = None
    """The next step of its ladder, counted from 1; None: it never had one."""
    delivered_at: datetime | None = None
    """When it first arrived anywhere."""
    waits: bool = False
    """Whether somebody is to claim it and nobody has."""
    promised_by: datetime | None = None
    """Until when somebody should, while it waits; None: at any time."""
    next_at: datetime | None = None
    """When its ladder's next step is due; None: there is none to come."""


FIELDS = (
    "body", "sources", "received", "deliveries", "decision", "claimed_by", "claimed_at",
    "claimed_via", "step", "delivered",
)  # fmt: skip
AMONG = ("unrouted", "unclaimed", "ladder")
"""Sets that say more of a lead by its being in them, and by the score it has there."""
PARTS = 1 + len(AMONG)


def stored_of(
    uid: str, fields: Sequence[bytes | None], scores: Sequence[float | None], seal: Seal
) -> StoredLead:
    """A lead from its :data:`FIELDS` and its scores in :data:`AMONG`."""
    unrouted, unclaimed, ladder = scores
    value = {name: (raw or b"").decode() for name, raw in zip(FIELDS[1:], fields[1:], strict=True)}
    return StoredLead(
        uid=uid,
        lead=Lead.from_json(seal.open(fields[0] or b"")),
        sources=tuple(value["sources"].split()),
        received_at=datetime.fromtimestamp(int(value["received"]) / 1000, UTC),
        delivery_ids=tuple(value["deliveries"].split()),
        unrouted=unrouted is not None,
        decision=_decided(value["decision"]),
        claimed_by=value["claimed_by"] or None,
        claimed_at=_moment(value["claimed_at"]),
        claimed_via=value["claimed_via"] or None,
        step=int(value["step"]) if value["step"] else None,
        delivered_at=_moment(value["delivered"]),
        waits=unclaimed is not None,
        promised_by=_moment(str(int(unclaimed))) if unclaimed and unclaimed < NEVER else None,
        next_at=_moment(str(int(ladder))) if ladder else None,
    )


def _decided(text: str) -> Decided | None:
    if not text:
        return None
    kept = json.loads(text)
    return Decided(
        kept.get("agency", ""),
        kept.get("agent"),
        kept.get("why", ""),
        kept.get("rules", {}),
        kept.get("error"),
    )


def _moment(text: str) -> datetime | None:
    return datetime.fromtimestamp(int(text) / 1000, UTC) if text else None


def expires_of(lead: Lead) -> int | str:
    """When the portal's time for a lead is over, in ms; empty for never."""
    return _ms(lead.expires_at) if lead.expires_at else ""


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def arguments_of(plan: Plan, seal: Seal, marks: Marks, seen: Seen) -> list[Any]:
    """A plan as accept takes it."""
    lead = plan.lead
    created = lead.created_at or lead.received_at
    kept = plan.mode is not Mode.FLOOR
    arguments: list[Any] = [
        seen.of(plan.uid),
        lead.id,
        lead.source,
        lead.identity,
        lead.category or "",
        _ms(created),
        plan.digest,
        seal.close(lead.to_json()) if kept else b"",
        plan.mode.value,
        plan.decision,
        "" if not plan.to_claim else "-" if plan.escalate_at is None else _ms(plan.escalate_at),
        expires_of(lead),
        terms_of(lead, marks) if kept else b"",
        _ms(plan.promised_by) if plan.promised_by else NEVER,
    ]
    if plan.mode in (Mode.LIVE, Mode.LATER):
        for delivery in plan.deliveries:
            arguments.extend(delivery)
    return arguments


def terms_of(lead: Lead, marks: Marks) -> bytes:
    """The hashes by which the lead's person is found, as the scripts take them."""
    return bytes.fromhex("".join(marks.of(kind, value) for kind, value in terms(lead)))
