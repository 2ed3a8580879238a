"""A delivery: one lead on its way to one destination, and what came of each attempt.

Owns the words every other room shares: states, lanes, outcomes and the closed list of reasons.
Does no input or output and never reads a clock.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """Where a delivery stands. ``held`` is computed for display and never stored."""

    PENDING = "pending"
    DELIVERING = "delivering"
    RETRYING = "retrying"
    DELIVERED = "delivered"
    DEAD = "dead"
    DISCARDED = "discarded"


CLAIMED = "claimed"
"""The occasion on which a destination learns who has a lead."""
ERASED = "erased"
"""The occasion on which a destination learns that a lead is no more."""


class Lane(StrEnum):
    """A destination's two lanes: leads that just came, and everything that may wait behind them."""

    LIVE = "live"
    LATER = "later"


class Reason(StrEnum):
    """Why an attempt ended as it did: one closed list for metrics, screens and filters."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"

    DNS = "dns"
    CONNECTION = "connection"
    TLS = "tls"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"
    TOO_LARGE = "too_large"
    BLOCKED_ADDRESS = "blocked_address"

    REDIRECT = "redirect"
    CREDENTIALS = "credentials"
    NOT_FOUND = "not_found"
    RATE_LIMITED = "rate_limited"
    CLIENT_ERROR = "client_error"
    SERVER_ERROR = "server_error"
    UNSUCCESSFUL = "unsuccessful"

    REJECTED = "rejected"
    GONE = "gone"

    SMTP_DEFERRED = "smtp_deferred"
    SMTP_REFUSED = "smtp_refused"
    RECIPIENT_REFUSED = "recipient_refused"
    SLACK_ERROR = "slack_error"

    TEMPLATE = "template"
    CONFIGURATION = "configuration"

    INTERRUPTED = "interrupted"
    DESTINATION_DOWN = "destination_down"
    THROTTLED = "throttled"

    EXPIRED = "expired"
    ERASED = "erased"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has the lead. ``remote_id`` is the receiver's own id of it, when it said one.

    ``thread`` is what later leads of the same person may be attached to there, when this one began
    it.
    """

    reason: Reason = Reason.ACCEPTED
    status: int | None = None
    answer: str = ""
    remote_id: str | None = None
    thread: str | None = None


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not now; the schedule decides when again. ``retry_after`` is the receiver's wish, in seconds.

    ``throttle`` is set when the answer speaks for the whole destination (429, or 503 with
    Retry-After): then nothing else is sent there until it is over. ``uncertain`` when the receiver
    may have the lead all the same: no answer came to a request that had gone out in full. ``saved``
    is kept for the next attempt when this one got part of the way, and takes the place of what was.
    """

    reason: Reason
    status: int | None = None
    answer: str = ""
    retry_after: float | None = None
    throttle: bool = False
    uncertain: bool = False
    saved: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Never in this form: dead at once. ``pause`` stops the whole destination (410)."""

    reason: Reason
    status: int | None = None
    answer: str = ""
    pause: bool = False


@dataclass(frozen=True, slots=True)
class Continue:
    """One step of several is done; ``saved`` is kept before the next begins."""

    saved: dict[str, Any]
    status: int | None = None
    answer: str = ""


Outcome = Delivered | Deferred | Refused | Continue

ANSWER_LIMIT = 2048
"""Characters of a receiver's answer that an attempt keeps (contract §7)."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One line of a delivery's history, append-only."""

    number: int
    at: datetime
    duration_ms: int
    outcome: str
    reason: Reason
    status: int | None
    answer: str
    uncertain: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery as operators see it: a snapshot out of the store.

    ``attempts`` is filled only when one delivery is asked for, never in a listing.
    ``held`` says why a waiting delivery is not tried (paused, unknown destination), else None.
    """

    id: str
    lead_uid: str
    lead_id: str
    source: str
    destination: str
    occasion: str
    state: State
    reason: Reason | None
    created_at: datetime
    attempts_made: int = 0
    next_attempt_at: datetime | None = None
    delivered_at: datetime | None = None
    remote_id: str | None = None
    lane: Lane = Lane.LIVE
    held: str | None = None
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Taken:
    """Who claimed a lead, when, and how many seconds after the portal had it."""

    by: str
    at: datetime
    seconds: float


@dataclass(frozen=True, slots=True)
class Message:
    """What a destination needs to know of the delivery it renders, besides the lead itself.

    The same on every attempt, except ``attempt`` (1 for the first), ``saved``, ``thread`` and
    ``taken``.
    ``accepted_at`` is when the gateway stored the lead; ``webhook-id`` is ``id``. ``person`` names
    who asks without saying who it is, and is empty when nobody knows; ``thread`` is what an earlier
    lead of that person began at this destination. ``taken`` is None while nobody has the lead;
    ``earlier`` are, of a message that tells who has it, those that this destination made of the
    lead before: each one's occasion and its own name there.
    """

    id: str
    destination: str
    accepted_at: datetime
    occasion: str = "new"
    attempt: int = 1
    saved: dict[str, Any] = field(default_factory=dict)
    person: str = ""
    thread: str = ""
    taken: Taken | None = None
    earlier: tuple[tuple[str, str], ...] = ()

    @property
    def type(self) -> str:
        """The event's name in the standard envelope (contract §6)."""
        if self.occasion.startswith("escalation:"):
            return "lead.escalated"
        return {CLAIMED: "lead.claimed", ERASED: "lead.erased"}.get(self.occasion, "lead.created")


def lead_uid(identity: str, lead_id: str) -> str:
    """Name a lead across sources: the same for every source that shares ``identity``."""
    return _digest(identity, lead_id)


def delivery_id(identity: str, lead_id: str, destination: str, occasion: str = "new") -> str:
    """Name a delivery as a function of what it is, so that repeats meet themselves.

    Letters, digits and ``_`` only, 36 characters: it is RQ's job id and the webhook-id too.
    """
    return "dlv_" + _digest(identity, lead_id, destination, occasion)


def _digest(*parts: str) -> str:
    joined = "\x00".join(part.replace("\x00", "\x00\x00") for part in parts)
    return hashlib.sha256(joined.encode()).hexdigest()[:32]
