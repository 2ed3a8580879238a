"""What goes into the scripts that move deliveries and what comes out, as plain values.

Owns the shapes and the order of the scripts' arguments; runs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.delivery import Lane, Reason, Taken
from gateway.lead import Agent, Lead
from gateway.store.sealing import Seal

FAILURES_THAT_BREAK = 8
"""Failures in a row that open a destination's breaker; fewer when one of them was a lead's last try
(``lua/finish.lua``).
"""


@dataclass(frozen=True, slots=True)
class Work:
    """A delivery this worker has begun, with all that is needed to make it."""

    id: str
    destination: str
    lead: Lead
    occasion: str
    accepted_at: datetime
    number: int
    """The number of this attempt, 1 for the first ever made."""
    made: int
    """Attempts that counted against the schedule so far."""
    interrupted: int
    lane: Lane
    saved: dict[str, Any]
    taken: Taken | None = None
    """Who has the lead by now."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A wish to begin some deliveries of one destination.

    ``timeout`` in seconds bounds how long a probe of a broken destination keeps others away;
    ``rate`` is (count, window in seconds), kept over all workers. ``place`` is where this process
    believes the destination to be: one that the store knows elsewhere is left alone.
    """

    destination: str
    ids: Sequence[str]
    timeout: float
    rate: tuple[int, float] | None = None
    place: str = ""


@dataclass(frozen=True, slots=True)
class Begun:
    """What a worker got. ``refused`` says why the rest stays (paused, moved, rate, broken,
    throttled, lease, error).

    ``wait`` is in seconds: asking again earlier is in vain. ``waiting`` counts what is still ready,
    by lane. ``unreadable`` are (id, attempt) that were begun and whose lead this version can not
    read.
    """

    work: list[Work]
    refused: str = ""
    wait: float = 0.0
    waiting: tuple[int, int] = (0, 0)
    unreadable: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """How one attempt ended, as plain values for the script."""

    delivery_id: str
    number: int
    outcome: str
    reason: Reason
    duration_ms: int
    status: int | None = None
    answer: str = ""
    uncertain: bool = False
    wait: float | None = None
    """Seconds until the next try; None when there is none."""
    remote_id: str = ""
    saved: dict[str, Any] | None = None
    health: str = "unknown"
    throttle: float | None = None
    pause: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """The state a report led to, and what it did to the destination.

    Also ``stale`` (a late answer that changes nothing), ``gone``, and ``failed`` when the server
    could not write this one.
    """

    state: str
    destination_now: str = ""


@dataclass(frozen=True, slots=True)
class Returned:
    """A delivery that went back to where workers look."""

    id: str
    destination: str
    lane: Lane


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of a wish to replay: ``replayed``, or the state that forbids it, or ``gone`` (no
    such delivery) or ``erased`` (its lead is). With where it waits now.
    """

    what: str
    destination: str
    lane: Lane


@dataclass(frozen=True, slots=True)
class Due:
    """What became ready, by destination, and the seconds until the next will (None: none waits)."""

    moved: dict[str, list[str]]
    next_in: float | None


def work_of(row: Sequence[Any], destination: str, seal: Seal) -> Work:
    """One row of begin's answer."""
    identifier, number, made, cut, lane, occasion, created, saved, body, agent, *taken = row
    lead = Lead.from_json(seal.open(body))
    if agent:  # an escalation may be for another than the lead's own
        lead = lead.model_copy(update={"agent": Agent.model_validate_json(agent)})
    return Work(
        id=identifier.decode(),
        destination=destination,
        lead=lead,
        occasion=occasion.decode(),
        accepted_at=datetime.fromtimestamp(int(created) / 1000, UTC),
        number=number,
        made=made,
        interrupted=cut,
        lane=Lane(lane.decode()),
        saved=json.loads(seal.open(saved)) if saved else {},
        taken=taken_of(*taken),
    )


def taken_of(by: bytes, at: bytes, created: bytes) -> Taken | None:
    """A claim as it is kept; the times in milliseconds."""
    if not by or not at:
        return None
    seconds = max(0, int(at) - int(created)) / 1000
    return Taken(by.decode(), datetime.fromtimestamp(int(at) / 1000, UTC), seconds)


def begun_of(answer: Any, destination: str, seal: Seal) -> Begun:
    """Begin's answer for one claim. A claim the server failed at is refused for a second."""
    if isinstance(answer, BaseException):
        return Begun([], "error", 1.0)
    refused, wait, live, later, *rows = answer
    work: list[Work] = []
    unreadable: list[tuple[str, int]] = []
    for row in rows:
        try:
            work.append(work_of(row, destination, seal))
        except ValueError:
            # Its own text may quote the lead.
            unreadable.append((row[0].decode(), row[1]))
    return Begun(work, refused.decode(), wait / 1000, (live, later), tuple(unreadable))


def claimed(worker: str, claim: Claim) -> list[Any]:
    """A claim as begin takes it."""
    return [
        worker,
        claim.destination,
        claim.place,
        claim.rate[0] if claim.rate else "",
        round(claim.rate[1] * 1000) if claim.rate else "",
        round(claim.timeout * 1000),
        *claim.ids,
    ]


def arguments_of(worker: str, report: Report, seal: Seal) -> list[Any]:
    """A report as finish takes it."""
    saved = json.dumps(report.saved, separators=(",", ":")) if report.saved else ""
    return [
        report.delivery_id,
        worker,
        report.number,
        report.outcome,
        report.reason.value,
        "" if report.status is None else report.status,
        report.duration_ms,
        seal.close_text(report.answer),
        int(report.uncertain),
        "" if report.wait is None else round(report.wait * 1000),
        report.remote_id,
        seal.close(saved.encode()) if saved else "",
        report.health,
        "" if report.throttle is None else round(report.throttle * 1000),
        int(report.pause),
        FAILURES_THAT_BREAK,
    ]
