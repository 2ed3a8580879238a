"""Leads and plans for tests, in one place. The people are invented."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gateway.delivery import delivery_id, lead_uid
from gateway.lead import Contact, Lead
from gateway.store import Mode, Plan

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def a_lead(lead_id: str = "lead-1", **fields: Any) -> Lead:
    values: dict[str, Any] = {
        "id": lead_id,
        "source": "seloger",
        "identity": "seloger",
        "kind": "gsl",
        "category": "CLASSIFIED",
        "created_at": NOON,
        "received_at": NOON,
        "message": "Bonjour, puis-je visiter ?",
        "contact": Contact(
            full_name="Camille Essai", email="camille@example.org", phone="+33639981234"
        ),
        "original": {"leadMetaInfos": {"leadId": lead_id}},
    }
    return Lead(**{**values, **fields})


def a_plan(
    lead: Lead | None = None,
    destinations: tuple[str, ...] = ("crm",),
    mode: Mode = Mode.LIVE,
    digest: str = "d1",
) -> Plan:
    lead = lead or a_lead()
    return Plan(
        lead_uid(lead.identity, lead.id),
        lead,
        digest,
        mode,
        tuple((delivery_id(lead.identity, lead.id, name), name, "new") for name in destinations),
    )
