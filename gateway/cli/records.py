"""Leads, deliveries, destinations and sources as JSON: the shapes of contract §8.

Pure: values in, plain dicts out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway.cli.output import iso
from gateway.delivery import Attempt, Delivery
from gateway.store import DestinationState, Rejected, SourceState, StoredLead


def of_attempt(attempt: Attempt) -> dict[str, Any]:
    """One attempt."""
    return {
        "at": iso(attempt.at),
        "duration_ms": attempt.duration_ms,
        "outcome": attempt.outcome,
        "reason": attempt.reason.value,
        "status": attempt.status,
        "answer": attempt.answer,
        "uncertain": attempt.uncertain,
    }


def of_delivery(delivery: Delivery, held: str | None = None) -> dict[str, Any]:
    """One delivery; ``held`` says why it is not tried, and then is its state."""
    return {
        "id": delivery.id,
        "lead_id": delivery.lead_id,
        "source": delivery.source,
        "destination": delivery.destination,
        "occasion": delivery.occasion,
        "state": "held" if held else delivery.state.value,
        "reason": held or (delivery.reason.value if delivery.reason else None),
        "attempts": [of_attempt(attempt) for attempt in delivery.attempts],
        "next_attempt_at": iso(delivery.next_attempt_at),
        "created_at": iso(delivery.created_at),
        "delivered_at": iso(delivery.delivered_at),
        "remote_id": delivery.remote_id,
    }


def of_destination(state: DestinationState, kind: str | None, delivered_24h: int) -> dict[str, Any]:
    """One destination; ``kind`` is None when the configuration does not have it any more."""
    return {
        "name": state.name,
        "kind": kind,
        "state": state.state,
        "reason": state.reason,
        "pending": state.pending,
        "retrying": state.retrying,
        "dead": state.dead,
        "delivered_24h": delivered_24h,
    }


def of_source(state: SourceState, kind: str | None, now: datetime) -> dict[str, Any]:
    """One source. ``lag_seconds`` is how far its checkpoint lies behind ``now``."""
    reached = state.checkpoint
    feeds = sorted({*state.checkpoints, *state.feed_problems})
    return {
        "name": state.name,
        "kind": kind,
        "state": state.state,
        "last_success_at": iso(state.last_success_at),
        "next_try_at": iso(state.next_try_at),
        "checkpoint": iso(reached),
        "lag_seconds": round((now - reached).total_seconds(), 1) if reached else None,
        "problem": state.problem,
        "feeds": {
            feed: {
                "checkpoint": iso(state.checkpoints.get(feed)),
                "problem": state.feed_problems.get(feed),
            }
            for feed in feeds
        },
    }


def of_lead(stored: StoredLead) -> dict[str, Any]:
    """One lead in the shape of contract §5, with what the store knows of it."""
    return {
        **stored.lead.as_dict(),
        "sources": list(stored.sources),
        "unrouted": stored.unrouted,
        "deliveries": list(stored.delivery_ids),
    }


def of_rejected(rejected: Rejected) -> dict[str, Any]:
    """One item that could not become a lead."""
    return {
        "at": iso(rejected.at),
        "source": rejected.source,
        "reason": rejected.reason,
        "raw": rejected.raw,
    }


def held_because(
    delivery: Delivery, states: Mapping[str, DestinationState], configured: Mapping[str, str] | None
) -> str | None:
    """Why a waiting delivery is not tried (contract §7, held), or None.

    ``configured`` maps the configuration's destinations to their kinds; None when it can not be
    read, and then nothing is said about what it has.
    """
    if delivery.state.value not in ("pending", "retrying"):
        return None
    if configured is not None and delivery.destination not in configured:
        return "not_configured"
    state = states.get(delivery.destination)
    return "paused" if state is not None and state.state == "paused" else None
