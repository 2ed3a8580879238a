"""What is known of a source, and how its hash in the store is read.

Owns the shape; what changes it is ``gateway.store.sources``.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class FeedTrouble:
    """What is wrong with one feed, in a sentence and as the portal's document, and when it is
    tried again.
    """

    problem: str
    next_try_at: datetime | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceState:
    """What is known of a source. ``state``: up, down, refused or paused; new until first polled."""

    name: str
    state: str = "new"
    problem: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    """The portal's problem document, when one came with the problem."""
    last_success_at: datetime | None = None
    next_try_at: datetime | None = None
    floor: datetime | None = None
    since: datetime | None = None
    """When it was first looked at."""
    checkpoints: dict[str, datetime] = field(default_factory=dict)
    troubles: dict[str, FeedTrouble] = field(default_factory=dict)
    clock_skew: float | None = None
    """Seconds the portal's clock is ahead of ours."""
    poll_seconds: float | None = None
    reconciled_at: datetime | None = None
    reviewed_at: datetime | None = None
    review_at: datetime | None = None
    """How far a review has come that is not over."""
    missed_at: datetime | None = None
    missed_leads: int = 0
    """When a second look last found leads that polls had passed over, and how many."""
    ended_at: datetime | None = None
    ended_leads: int = 0
    """When leads were last read whose time the portal says was over already, and how many."""
    held: frozenset[str] = frozenset()
    """Leads (uid) whose person the portal nulled and that are not erased, as too many were."""

    @property
    def checkpoint(self) -> datetime | None:
        """The oldest feed's checkpoint: everything before it is stored."""
        return min(self.checkpoints.values(), default=None)

    @property
    def feed_problems(self) -> dict[str, str]:
        """The feeds in trouble, each with its sentence."""
        return {feed: trouble.problem for feed, trouble in self.troubles.items()}


def read_state(name: str, fields: Mapping[str, bytes], held: Collection[bytes]) -> SourceState:
    """A source\'s state from its hash and the leads that are held."""
    text = {key: value.decode() for key, value in fields.items()}
    prefix = "checkpoint:"
    return SourceState(
        name=name,
        state="paused" if "paused" in text else text.get("state", "new"),
        problem=text.get("problem"),
        details=json.loads(text.get("details", "{}")),
        last_success_at=moment_of(fields.get("success")),
        next_try_at=moment_of(fields.get("next")),
        floor=moment_of(fields.get("floor")),
        since=moment_of(fields.get("since")),
        checkpoints={
            key.removeprefix(prefix): moment
            for key, value in fields.items()
            if key.startswith(prefix) and (moment := moment_of(value))
        },
        troubles=_troubles(text.get("troubles", "{}")),
        clock_skew=float(text["skew"]) if "skew" in text else None,
        poll_seconds=float(text["took"]) if "took" in text else None,
        reconciled_at=moment_of(fields.get("reconciled")),
        reviewed_at=moment_of(fields.get("reviewed")),
        review_at=moment_of(fields.get("review_at")),
        missed_at=moment_of(fields.get("missed")),
        missed_leads=int(text.get("missed_leads", 0)),
        ended_at=moment_of(fields.get("ended")),
        ended_leads=int(text.get("ended_leads", 0)),
        held=frozenset(uid.decode() for uid in held),
    )


def write_troubles(troubles: Mapping[str, FeedTrouble]) -> str:
    """Troubles as one field of the hash."""
    return json.dumps(
        {
            feed: [one.problem, in_ms(one.next_try_at) if one.next_try_at else 0, one.details]
            for feed, one in troubles.items()
        }
    )


def _troubles(text: str) -> dict[str, FeedTrouble]:
    return {
        feed: FeedTrouble(problem, moment_of(str(at).encode()), details)
        for feed, (problem, at, details) in json.loads(text).items()
    }


def in_ms(moment: datetime) -> int:
    """Unix milliseconds, as the scripts count."""
    return round(moment.timestamp() * 1000)


def moment_of(raw: bytes | None) -> datetime | None:
    """The moment that Unix milliseconds name; 0 is none."""
    return datetime.fromtimestamp(int(raw) / 1000, UTC) if raw and int(raw) else None
