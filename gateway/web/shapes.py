"""The API's shapes (contract §8): what the store knows, as JSON-ready models with fixed names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, Field

from gateway.config.model import GatewayConfig
from gateway.delivery import Attempt, Delivery, State
from gateway.destinations.common import DestinationConfig
from gateway.lead import Lead, Moment
from gateway.sources.common import SourceConfig
from gateway.store import DestinationState, FeedTrouble, SourceState, StoredLead
from gateway.web.claim_shapes import (
    ClaimShape,
    WaitingShape,
    WaysShape,
    claim_shape,
    waiting_shape,
    ways_shape,
)
from gateway.web.shape import Shape

HELD = "held"
WAITS = (State.PENDING, State.RETRYING)


S = TypeVar("S", bound=BaseModel)


class Listing(Shape, Generic[S]):
    """One page of a list."""

    items: list[S]
    next_cursor: str | None
    """What to send as ``cursor`` for the next page; null on the last."""


class AttemptShape(Shape):
    """One attempt at a delivery."""

    at: Moment
    duration_ms: int
    outcome: str
    """delivered, deferred, refused or interrupted."""
    reason: str
    status: int | None
    """The receiver's status, where its protocol has one."""
    answer: str
    """The first 2 KB of the answer, masked."""
    uncertain: bool
    """The receiver may have the lead although no answer came."""


class DeliveryShape(Shape):
    """One lead on its way to one destination."""

    id: str
    lead_id: str
    source: str
    destination: str
    occasion: str
    """new, escalation:N, claimed or erased."""
    state: str
    reason: str | None
    """Why the last attempt ended as it did."""
    attempts: list[AttemptShape]
    next_attempt_at: Moment | None
    created_at: Moment
    delivered_at: Moment | None
    remote_id: str | None
    """The receiver's own number of it."""


class LeadShape(Lead):
    """A lead, then what the gateway knows of it."""

    sources: list[str]
    """Every source that read it."""
    unrouted: bool
    """No route sends it anywhere."""
    claim: ClaimShape | None
    """Who has it; null while nobody has."""
    ladder: WaitingShape | None
    """How it waits to be claimed; null where nobody is to, or somebody has."""
    speed: WaysShape
    deliveries: list[DeliveryShape]


class DestinationShape(Shape):
    """One destination."""

    name: str
    kind: str | None
    """Null for one that is not in the configuration any more."""
    state: str
    """up, paused or broken."""
    reason: str | None
    """Why it is not up."""
    broken_since: Moment | None
    next_try_at: Moment | None
    """When one that is broken, or asked us to wait, is tried again."""
    pending: int
    retrying: int
    dead: int
    delivered_24h: int


class FeedShape(Shape):
    """One feed of a source."""

    name: str
    checkpoint: Moment | None
    problem: str | None
    details: dict[str, Any] | None
    """The portal's problem document, when one came with the problem."""
    next_try_at: Moment | None


class AuditShape(Shape):
    """One thing that somebody did."""

    id: str
    at: Moment
    who: str | None
    """The name of the admin token, or the account that ran the command; null: nobody signed in."""
    through: Literal["dashboard", "api", "command"]
    did: Annotated[str, Field(examples=["destinations.pause"])]
    target: str | None
    """The name or id of what it was done to, where that is one."""
    count: int | None
    """To how many, where that was not one."""


class SourceShape(Shape):
    """One source."""

    name: str
    kind: str | None
    state: str
    """up, down, refused or paused."""
    last_success_at: Moment | None
    checkpoint: Moment | None
    """Everything before it is stored."""
    lag_seconds: float | None
    """How far the checkpoint is behind now."""
    problem: str | None
    feeds: list[FeedShape]


class SourceDetails(SourceShape):
    """One source, looked at closely."""

    details: dict[str, Any] | None
    """The portal's problem document, when one came with the problem."""
    next_try_at: Moment | None
    starts_at: Moment | None
    """Older leads are not delivered by reading."""
    clock_skew_seconds: float | None
    """How far the portal's clock is ahead of ours."""
    reconciled_at: Moment | None
    reviewed_at: Moment | None
    missed_at: Moment | None
    """When a second look last found leads that polls had passed over, and how many."""
    missed_leads: int
    held_erasures: int
    """Leads that the portal shows without their person, too many at once to be erased."""


def kind_of(configured: DestinationConfig | SourceConfig) -> str:
    """The kind that a part of gateway.yaml was written with; each kind's own model has it."""
    return str(getattr(configured, "kind", ""))


def held_destinations(config: GatewayConfig, states: Sequence[DestinationState]) -> frozenset[str]:
    """Where nothing is sent for now: paused, or not in the configuration (any more)."""
    return frozenset(
        state.name
        for state in states
        if state.state == "paused" or state.name not in config.destinations
    )


def shown_state(delivery: Delivery, held: frozenset[str]) -> str:
    """A delivery's state, or ``held`` while its destination keeps it waiting (contract §7)."""
    waits = delivery.state in WAITS and delivery.destination in held
    return HELD if waits else delivery.state.value


def attempt_shape(attempt: Attempt) -> AttemptShape:
    """One attempt."""
    return AttemptShape(
        at=attempt.at,
        duration_ms=attempt.duration_ms,
        outcome=attempt.outcome,
        reason=attempt.reason.value,
        status=attempt.status,
        answer=attempt.answer,
        uncertain=attempt.uncertain,
    )


def delivery_shape(delivery: Delivery, held: frozenset[str]) -> DeliveryShape:
    """One delivery with the attempts it was read with."""
    return DeliveryShape(
        id=delivery.id,
        lead_id=delivery.lead_id,
        source=delivery.source,
        destination=delivery.destination,
        occasion=delivery.occasion,
        state=shown_state(delivery, held),
        reason=delivery.reason.value if delivery.reason else None,
        attempts=[attempt_shape(attempt) for attempt in delivery.attempts],
        next_attempt_at=delivery.next_attempt_at,
        created_at=delivery.created_at,
        delivered_at=delivery.delivered_at,
        remote_id=delivery.remote_id,
    )


def lead_shape(stored: StoredLead, deliveries: Sequence[DeliveryShape]) -> LeadShape:
    """The lead of contract §5, then what the gateway knows about it."""
    return LeadShape.model_construct(
        **{name: getattr(stored.lead, name) for name in Lead.model_fields},
        sources=list(stored.sources),
        unrouted=stored.unrouted,
        claim=claim_shape(stored),
        ladder=waiting_shape(stored),
        speed=ways_shape(stored),
        deliveries=list(deliveries),
    )


def destination_shape(
    state: DestinationState, config: GatewayConfig, by_hour: Sequence[int]
) -> DestinationShape:
    """One destination; ``kind`` is null for one that is not in the configuration any more."""
    configured = config.destinations.get(state.name)
    return DestinationShape(
        name=state.name,
        kind=kind_of(configured) if configured else None,
        state=state.state,
        reason=state.reason,
        broken_since=state.broken_since,
        next_try_at=state.next_probe_at or state.closed_until,
        pending=state.pending,
        retrying=state.retrying,
        dead=state.dead,
        delivered_24h=sum(by_hour),
    )


def source_shape(source: SourceState, config: GatewayConfig, now: datetime) -> SourceShape:
    """One source. One that pushes is up; one never polled yet is down, and says so.

    ``kind`` is null for one that is not in the configuration any more.
    """
    configured = config.sources.get(source.name)
    kind = kind_of(configured) if configured else None
    state, problem = source.state, source.problem
    if state == "new" and configured:
        state, problem = ("up", None) if kind == "push" else ("down", "not polled yet")
    at = source.checkpoint
    return SourceShape(
        name=source.name,
        kind=kind,
        state=state,
        last_success_at=source.last_success_at,
        checkpoint=at,
        lag_seconds=max(0.0, round((now - at).total_seconds(), 1)) if at else None,
        problem=problem,
        feeds=_feeds(source.checkpoints, source.troubles),
    )


def source_details(source: SourceState, config: GatewayConfig, now: datetime) -> SourceDetails:
    """The same, with all that is known of it."""
    return SourceDetails(
        **source_shape(source, config, now).model_dump(),
        details=source.details or None,
        next_try_at=source.next_try_at,
        starts_at=source.floor,
        clock_skew_seconds=source.clock_skew,
        reconciled_at=source.reconciled_at,
        reviewed_at=source.reviewed_at,
        missed_at=source.missed_at,
        missed_leads=source.missed_leads,
        held_erasures=len(source.held),
    )


def _feeds(
    checkpoints: Mapping[str, datetime], troubles: Mapping[str, FeedTrouble]
) -> list[FeedShape]:
    found = []
    for name in sorted({*checkpoints, *troubles}):
        trouble = troubles.get(name)
        found.append(
            FeedShape(
                name=name,
                checkpoint=checkpoints.get(name),
                problem=trouble.problem if trouble else None,
                details=(trouble.details or None) if trouble else None,
                next_try_at=trouble.next_try_at if trouble else None,
            )
        )
    return found
