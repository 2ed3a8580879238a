"""What is wrong right now, as conditions that begin, grow and end. Pure.

Sees what the store says; remembers nothing and judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from gateway.alerts.config import Kind
from gateway.config.model import GatewayConfig
from gateway.polling import is_silent, polled
from gateway.store import DestinationState, Process, SourceState

MEMORY_FULL = 0.85
"""Share of its memory that the store may use before somebody should know."""
DISK_LEFT = 0.05
"""Share of the disk that must stay free for the store's file."""
MISSED_FOR = timedelta(minutes=30)
"""How long a second look's find stays a condition."""

STOPS_LEADS = frozenset({Kind.SOURCE_DOWN, Kind.DESTINATION_DOWN, Kind.BACKLOG, Kind.STORE_FULL})
"""Kinds that keep leads from flowing: no heartbeat is sent while one lasts."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that is wrong. ``level`` says how much, for what can get worse.

    ``word`` picks the sentence, ``facts`` fill it; ``settles`` is how many seconds it must last to
    count; ``ends`` whether its end is worth a word.
    """

    kind: Kind
    subject: str
    word: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    level: int = 1
    settles: float = 0.0
    ends: bool = True

    @property
    def key(self) -> str:
        """The same for the same trouble, however it is put at the moment."""
        return f"{self.kind}:{self.subject}"


@dataclass(frozen=True, slots=True)
class Readings:
    """What the store says. ``memory`` is (used, most) in bytes, most 0 when unknown; ``disk`` is
    (free, whole), whole 0 when the store is elsewhere.
    """

    sources: Mapping[str, SourceState]
    destinations: Sequence[DestinationState]
    dead_reasons: Mapping[str, Mapping[str, int]]
    processes: Sequence[Process]
    unrouted: int
    memory: tuple[int, int] = (0, 0)
    disk: tuple[int, int] = (0, 0)


def find(config: GatewayConfig, seen: Readings, now: datetime) -> list[Condition]:
    """Everything that is wrong, in the order of the kinds."""
    assert config.alerts is not None  # noqa: S101 - nobody asks otherwise
    found: Iterable[Condition] = (
        *_sources(config, seen, now),
        *_destinations(config, seen, config.alerts.backlog_after.total_seconds()),
        *_unrouted(seen),
        *_store(seen),
        *_configuration(seen),
    )
    return [condition for condition in found if condition.kind in config.alerts.on]


def _sources(config: GatewayConfig, seen: Readings, now: datetime) -> Iterator[Condition]:
    for name, state in seen.sources.items():
        if state.state in ("down", "refused"):
            facts = {"name": name, "problem": state.problem or ""}
            yield Condition(Kind.SOURCE_DOWN, name, state.state, facts, settles=30.0)
        elif polled(config, name) and state.state != "paused" and is_silent(config, state, now):
            yield Condition(Kind.SOURCE_DOWN, name, "silent", {"name": name}, settles=60.0)
        if state.missed_at and now - state.missed_at < MISSED_FOR:
            yield Condition(
                Kind.MISSED_LEADS, name, "missed", {"name": name, "count": state.missed_leads},
                level=int(state.missed_at.timestamp()), ends=False,
            )  # fmt: skip
        if state.held:
            count = len(state.held)
            yield Condition(
                Kind.ERASURES_HELD, name, "held", {"name": name, "count": count}, level=count
            )


def _destinations(
    config: GatewayConfig, seen: Readings, backlog_after: float
) -> Iterator[Condition]:
    for state in seen.destinations:
        waiting = state.pending + state.retrying
        facts = {"name": state.name, "reason": state.reason or "", "count": waiting}
        configured = state.name in config.destinations
        if state.state == "broken" and configured:
            yield Condition(Kind.DESTINATION_DOWN, state.name, "broken", facts, settles=30.0)
        elif state.state == "paused" and state.reason != "operator":
            yield Condition(Kind.DESTINATION_DOWN, state.name, "stopped", facts)
        elif not configured and waiting:
            yield Condition(Kind.DESTINATION_DOWN, state.name, "gone", facts, settles=60.0)
        elif state.state == "up" and state.oldest_pending_seconds > backlog_after:
            facts["seconds"] = state.oldest_pending_seconds
            yield Condition(Kind.BACKLOG, state.name, "backlog", facts, settles=15.0)
        if state.dead:
            reasons = seen.dead_reasons.get(state.name, {})
            most = next(iter(reasons), "")
            yield Condition(
                Kind.DEAD_LETTER, state.name, "dead",
                {"name": state.name, "count": state.dead, "reason": most}, level=state.dead,
            )  # fmt: skip


def _unrouted(seen: Readings) -> Iterator[Condition]:
    if seen.unrouted:
        yield Condition(
            Kind.UNROUTED, "routes", "unrouted", {"count": seen.unrouted}, level=seen.unrouted
        )


def _store(seen: Readings) -> Iterator[Condition]:
    used, most = seen.memory
    free, whole = seen.disk
    if most and used > MEMORY_FULL * most:
        yield Condition(Kind.STORE_FULL, "memory", "memory", {"share": used / most}, settles=30.0)
    if whole and free < DISK_LEFT * whole:
        yield Condition(Kind.STORE_FULL, "disk", "disk", {"share": 1 - free / whole}, settles=30.0)


def _configuration(seen: Readings) -> Iterator[Condition]:
    refused = [process for process in seen.processes if process.problem]
    if refused:
        facts = {"name": refused[0].name, "problem": refused[0].problem}
        yield Condition(Kind.CONFIGURATION, "gateway.yaml", "refused_file", facts)
