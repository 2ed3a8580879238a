"""What is wrong right now and what to do about it, worst first.

Pure: what the store and the configuration say comes in, findings go out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any

from gateway.cli.output import count, span
from gateway.config import Fault, GatewayConfig
from gateway.delivery import Reason
from gateway.polling import MISSED_SHOWN, is_silent
from gateway.reading.completion import SINGLE
from gateway.sources import PushConfig
from gateway.store import DestinationState, FeedTrouble, Process, SourceState

BACKLOG_AFTER = 60.0
"""Seconds that a fresh lead may wait before that is worth a word."""
NEARLY_FULL = 0.85
"""Share of its memory that the store may use before that is worth a word."""
CLOCK_OFF = 30.0
"""Seconds between the portal's clock and ours that are worth a word."""


class Weight(IntEnum):
    """How bad it is: the worst first."""

    STOPPED = 0
    """Leads do not come or do not go at all."""
    BLOCKED = 1
    """One source or destination does not work."""
    GIVEN_UP = 2
    """Leads wait for a person's decision."""
    SLOW = 3
    """It works, and less well than it should."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: about whom, what it is, what to do."""

    weight: Weight
    about: str
    what: str
    do: str
    details: Mapping[str, Any] = field(default_factory=dict)
    """What the other side said about it, in full."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found out before judging it."""

    config: GatewayConfig
    warnings: Sequence[Fault] = ()
    workers: int = 0
    sources: Mapping[str, SourceState] = field(default_factory=dict)
    destinations: Mapping[str, DestinationState] = field(default_factory=dict)
    dead_reasons: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Why the dead letters of each destination died, the most first."""
    processes: Sequence[Process] = ()
    unrouted: int = 0
    overdue: int = 0
    """Leads that nobody claimed in time."""
    memory: tuple[int, int] = (0, 0)
    """Bytes that the store uses and may use; the second 0 when nobody knows."""

    @property
    def polled(self) -> frozenset[str]:
        """The sources that somebody has to read; the others are pushed to."""
        return frozenset(
            name for name, part in self.config.sources.items() if not isinstance(part, PushConfig)
        )


def findings(seen: Seen, now: datetime) -> list[Finding]:
    """Everything that is wrong, worst first; nothing when all is well."""
    found = [*_roles(seen, now)]
    for name, source in seen.sources.items():
        found += _of_source(name, source, now)
    for name, state in seen.destinations.items():
        found += _of_destination(name, state, seen, now)
    if seen.unrouted:
        leads = count(seen.unrouted, "lead")
        found.append(
            Finding(
                Weight.GIVEN_UP, "routes", f"{leads} that no route sends anywhere",
                "lead-gateway leads list --unrouted; then add a route that takes them",
            )
        )  # fmt: skip
    if seen.overdue:
        leads = count(seen.overdue, "lead")
        found.append(
            Finding(
                Weight.GIVEN_UP, "claims", f"{leads} that nobody claimed in time",
                "lead-gateway leads list --unclaimed; then lead-gateway leads claim LEAD "
                "--agent NAME",
            )
        )  # fmt: skip
    used, most = seen.memory
    if most and used > NEARLY_FULL * most:
        found.append(
            Finding(Weight.BLOCKED, "store", f"{used / most:.0%} of its memory is used",
                    "give it more, or shorten retention.leads; full, it takes no lead any more")
        )  # fmt: skip
    found += [
        Finding(Weight.SLOW, "gateway.yaml", f"line {fault.line}: {fault.path}: {fault.text}",
                "lead-gateway check")
        for fault in seen.warnings
    ]  # fmt: skip
    return sorted(found, key=lambda finding: finding.weight)


def _roles(seen: Seen, now: datetime) -> list[Finding]:
    found = []
    if not seen.workers:
        found.append(
            Finding(Weight.STOPPED, "worker", "no worker is alive: nothing is delivered",
                    "lead-gateway run, or lead-gateway worker")
        )  # fmt: skip
    found += _configurations(seen.processes)
    read = [
        state
        for name, state in seen.sources.items()
        if name in seen.polled and state.state != "paused"
    ]
    if read and all(is_silent(seen.config, state, now) for state in read):
        found.append(
            Finding(Weight.STOPPED, "poller", "nobody reads the sources: no lead comes",
                    "lead-gateway run, or lead-gateway poller")
        )  # fmt: skip
    return found


def _configurations(processes: Sequence[Process]) -> list[Finding]:
    """Roles that keep an older configuration than the one they were given."""
    found = [
        Finding(Weight.BLOCKED, process.name,
                f"keeps its old configuration, the new one is refused: {process.problem}",
                "correct gateway.yaml, then lead-gateway reload")
        for process in processes
        if process.problem
    ]  # fmt: skip
    digests = {process.digest for process in processes}
    if not found and len(digests) > 1:
        newest = max(processes, key=lambda process: process.loaded_at)
        found = [
            Finding(Weight.SLOW, process.name, f"works by another configuration than {newest.name}",
                    "give every machine the same gateway.yaml, then lead-gateway reload")
            for process in processes
            if process.digest != newest.digest
        ]  # fmt: skip
    return found


def _of_source(name: str, source: SourceState, now: datetime) -> list[Finding]:
    about, found = f"source {name}", []
    again = ""
    if source.next_try_at and source.next_try_at > now:
        again = f"; next try in {span((source.next_try_at - now).total_seconds())}"
    if source.state == "refused":
        found.append(
            Finding(Weight.BLOCKED, about, f"refused: {source.problem}{again}",
                    "correct its credentials, then lead-gateway check --live", source.details)
        )  # fmt: skip
    elif source.state == "down":
        found.append(
            Finding(Weight.BLOCKED, about, f"down: {source.problem}{again}",
                    "it goes on where it was, nothing is missed; lead-gateway check --live",
                    source.details)
        )  # fmt: skip
    elif source.state == "paused":
        found.append(
            Finding(Weight.BLOCKED, about, "paused: no lead comes from it",
                    f"lead-gateway sources resume {name}")
        )  # fmt: skip
    found += [_of_feed(name, feed, trouble) for feed, trouble in source.troubles.items()]
    if source.held:
        count = f"{len(source.held)} leads" if len(source.held) > 1 else "1 lead"
        found.append(
            Finding(Weight.GIVEN_UP, about,
                    f"the portal shows {count} without their person: too many at once, not erased",
                    f"lead-gateway sources erasures {name}; with --confirm if that is right")
        )  # fmt: skip
    if source.missed_at and now - source.missed_at < MISSED_SHOWN:
        count = f"{source.missed_leads} leads" if source.missed_leads > 1 else "1 lead"
        found.append(
            Finding(Weight.SLOW, about,
                    f"a second look found {count} that polls had missed, "
                    f"{span((now - source.missed_at).total_seconds())} ago",
                    f"the portal shows leads late: raise sources.{name}.overlap")
        )  # fmt: skip
    if source.clock_skew is not None and abs(source.clock_skew) > CLOCK_OFF:
        side = "ahead of" if source.clock_skew > 0 else "behind"
        found.append(
            Finding(Weight.SLOW, about,
                    f"its clock is {span(abs(source.clock_skew))} {side} this machine's",
                    "set this machine's clock (NTP): windows follow the portal's, reports do not")
        )  # fmt: skip
    if source.ended_at and now - source.ended_at < MISSED_SHOWN:
        count = f"{source.ended_leads} leads" if source.ended_leads > 1 else "1 lead"
        found.append(
            Finding(Weight.SLOW, about,
                    f"{count} had expired by timeToLive before they were first read, "
                    f"{span((now - source.ended_at).total_seconds())} ago: delivered all the same",
                    "ask the portal's support what timeToLive counts")
        )  # fmt: skip
    return found


def _of_feed(name: str, feed: str, trouble: FeedTrouble) -> Finding:
    about = f"source {name}"
    if feed == SINGLE:
        return Finding(
            Weight.SLOW, about, f"leads can not be completed: {trouble.problem}",
            f"ask the portal for operation 2, or correct sources.{name}.paths.lead",
            trouble.details,
        )  # fmt: skip
    return Finding(
        Weight.SLOW, about, trouble.problem,
        f"ask the portal for it, or leave it out of sources.{name}.feeds", trouble.details,
    )  # fmt: skip


def _of_paused(name: str, state: DestinationState, waiting: int) -> Finding:
    resume = f"lead-gateway destinations resume {name}"
    why = ""
    if state.reason == "moved":
        why = f": it is at {state.place} now, what waits was meant for {state.moved_from}"
        resume += " if that is meant"
    elif state.reason == Reason.GONE:
        why, resume = ": it answered 410, gone for good", f"correct its address, then {resume}"
    elif state.reason not in (None, "operator"):
        why = f" ({state.reason})"
    return Finding(
        Weight.BLOCKED, f"destination {name}", f"paused{why}; {waiting} deliveries are held", resume
    )


def _of_destination(name: str, state: DestinationState, seen: Seen, now: datetime) -> list[Finding]:
    about, found = f"destination {name}", []
    waiting = state.pending + state.retrying
    if name not in seen.config.destinations:
        if waiting:
            found.append(
                Finding(Weight.BLOCKED, about,
                        f"not in the configuration any more: {waiting} deliveries are held",
                        "put it back, or leave them; nothing is lost")
            )  # fmt: skip
    elif state.state == "paused":
        found.append(_of_paused(name, state, waiting))
    elif state.state == "broken":
        since = state.broken_since
        long = f" for {span((now - since).total_seconds())}" if since else ""
        found.append(
            Finding(Weight.BLOCKED, about,
                    f"down{long} ({state.reason or 'fails'}): {waiting} deliveries wait",
                    "mend the receiver: it is probed by itself, and nothing dies meanwhile")
        )  # fmt: skip
    elif state.closed_until and state.closed_until > now:
        found.append(
            Finding(Weight.SLOW, about,
                    f"asked us to wait {span((state.closed_until - now).total_seconds())}: "
                    f"{waiting} deliveries wait",
                    f"if it happens often, lower destinations.{name}.rate_limit")
        )  # fmt: skip
    elif state.oldest_pending_seconds > BACKLOG_AFTER:
        found.append(
            Finding(Weight.SLOW, about,
                    f"the oldest of {state.pending} fresh leads waits for "
                    f"{span(state.oldest_pending_seconds)}",
                    f"start another worker, or raise destinations.{name}.rate_limit or concurrency")
        )  # fmt: skip
    if state.dead:
        reasons = seen.dead_reasons.get(name, {}).items()
        why = ", ".join(f"{reason} {number}" for reason, number in reasons)
        letters = count(state.dead, "dead letter")
        found.append(
            Finding(Weight.GIVEN_UP, about, f"{letters}{f' ({why})' if why else ''}",
                    f"lead-gateway dead-letters list --destination {name}; mend, then replay")
        )  # fmt: skip
    return found
