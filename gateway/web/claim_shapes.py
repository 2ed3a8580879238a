"""The API's shapes of claims, ladders, agents and of how fast leads are."""

from __future__ import annotations

from datetime import datetime
from math import isinf
from typing import Literal

from gateway.config.model import GatewayConfig
from gateway.duty import OnDuty, promise_of
from gateway.lead import Moment
from gateway.store import StoredLead
from gateway.store.ladders import Promise
from gateway.store.speed import STAGES, Day, Times
from gateway.web.shape import Shape


class ClaimShape(Shape):
    """Who has a lead."""

    by: str
    at: Moment
    seconds: float
    """From its creation at the portal."""
    via: str | None
    """email, slack, command …: by what way."""


class WaitingShape(Shape):
    """A lead that nobody claimed yet."""

    promised_by: Moment | None
    """Until when somebody should; null: at any time."""
    next_step: int | None
    """The step of its ladder that comes next, counted from 1; null: there is none to come."""
    next_at: Moment | None


class WaysShape(Shape):
    """How fast a lead got on, in seconds from its creation at the portal; null: not there yet."""

    received: float
    delivered: float | None
    """To whoever had it first."""
    claimed: float | None


class QuantilesShape(Shape):
    """Times in seconds within 5 %: half, nine of ten were faster; null until there are any."""

    count: int
    p50: float | None
    p90: float | None


class StagesShape(Shape):
    """From the portal to each stage, of the last 24 hours."""

    name: str
    received: QuantilesShape
    delivered: QuantilesShape
    """Of ``all``, a source and an agent: to whoever had a lead first."""
    claimed: QuantilesShape


class HourShape(StagesShape):
    """One hour; ``name`` is when it began."""

    to_claim: int
    """Leads that came in it and were to be claimed."""
    claimed_in_time: int
    """Of these."""


class LevelShape(Shape):
    """How a promise about claims is kept, over the last 24 hours."""

    within_seconds: float
    """The shortest promise of all agencies'; each lead is held to its own."""
    target: float
    kept: float | None
    """Of leads whose time is over; null while there are none."""
    burn: float | None
    """How much of what the target allows to miss was missed: at 1 it is kept just so."""
    burn_1h: float | None
    """The same, of the leads of this hour and the one before."""
    waiting: int
    overdue: int


class AgentShape(Shape):
    """One agent."""

    name: str
    agency: str | None
    """The file the agent stands in; null for gateway.yaml's own."""
    state: Literal["on", "off", "away"]
    """On duty, outside working hours, absent."""
    email: str | None
    phone: str | None
    slack: str | None
    open_leads: int
    """Theirs of the last 24 hours that nobody claimed."""
    delivered: QuantilesShape
    """Of their leads: from the portal to whoever had each first."""
    claimed: QuantilesShape
    """Leads they claimed within 24 hours, and how fast."""


def quantiles(times: Times) -> QuantilesShape:
    """The percentiles that are shown."""
    return QuantilesShape(
        count=times.count, p50=_rounded(times.quantile(0.5)), p90=_rounded(times.quantile(0.9))
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None or isinf(seconds) else round(seconds, 3)


def stages(day: Day, kind: str, name: str) -> StagesShape:
    """One source's, destination's or agent's; ``kind`` ``all`` is for everybody's."""
    whose = "all" if kind == "all" else f"{kind}={name}"
    return StagesShape(name=name, **{one: quantiles(day.times(one, whose)) for one in STAGES})


def hours(day: Day, promise: Promise, now: datetime) -> list[HourShape]:
    """Each of the last 24 hours, the current one last."""
    found = {one: day.by_hour(one) for one in STAGES}
    this = now.replace(minute=0, second=0, microsecond=0).timestamp()
    last = len(day.hours) - 1
    return [
        HourShape(
            name=datetime.fromtimestamp(this - 3600 * (last - index), now.tzinfo).isoformat(),
            to_claim=promise.to_claim[index],
            claimed_in_time=promise.in_time[index],
            **{one: quantiles(found[one][index]) for one in STAGES},
        )
        for index in range(len(day.hours))
    ]


def claim_shape(stored: StoredLead) -> ClaimShape | None:
    """Who has it; None while nobody has."""
    if stored.claimed_by is None or stored.claimed_at is None:
        return None
    return ClaimShape(
        by=stored.claimed_by,
        at=stored.claimed_at,
        seconds=_since(stored, stored.claimed_at),
        via=stored.claimed_via,
    )


def waiting_shape(stored: StoredLead) -> WaitingShape | None:
    """How it waits; None for a lead that nobody is to claim, or that somebody has."""
    if not stored.waits:
        return None
    return WaitingShape(
        promised_by=stored.promised_by,
        next_step=stored.step if stored.next_at else None,
        next_at=stored.next_at,
    )


def ways_shape(stored: StoredLead) -> WaysShape:
    """How fast it got on."""
    return WaysShape(
        received=_since(stored, stored.received_at),
        delivered=_since(stored, stored.delivered_at) if stored.delivered_at else None,
        claimed=_since(stored, stored.claimed_at) if stored.claimed_at else None,
    )


def level_shape(config: GatewayConfig, promise: Promise) -> LevelShape | None:
    """How the promise is kept; None where nothing is promised."""
    claim = promise_of(config)
    if claim is None:
        return None
    return LevelShape(
        within_seconds=claim.within.total_seconds(),
        target=claim.target,
        kept=_rounded(promise.kept()),
        burn=_rounded(promise.burn(claim.target)),
        burn_1h=_rounded(promise.burn(claim.target, 2)),
        waiting=promise.waiting,
        overdue=promise.overdue,
    )


def _since(stored: StoredLead, moment: datetime) -> float:
    began = stored.lead.created_at or stored.received_at
    return max(0.0, round((moment - began).total_seconds(), 3))


def agent_shape(duty: OnDuty) -> AgentShape:
    """One agent."""
    return AgentShape(
        name=duty.agent.name,
        agency=duty.agency or None,
        state=duty.state,
        email=duty.agent.email,
        phone=duty.agent.phone,
        slack=duty.agent.slack,
        open_leads=duty.open,
        delivered=quantiles(duty.given),
        claimed=quantiles(duty.claimed),
    )
