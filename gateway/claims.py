"""Claims and ladders: who takes a lead, by what link, and who is told when nobody does.

Owns the key ``claim`` of gateway.yaml, when each step of a ladder is due, and the signed links that
mails and messages carry. Pure: the time and the key of the signature come in as arguments.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from gateway.destinations.common import Strict
from gateway.hours import OpenHours
from gateway.units import Duration

NEXT = "next"
"""As a step's ``agent``: another one who works now."""

Names = Annotated[tuple[str, ...], Field(max_length=100)]
Wait = Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(days=30))]

_TOKEN = re.compile(r"^(dlv_[0-9a-f]{32})\.(\d{1,12})\.([A-Za-z0-9_-]{27})$")


class StepConfig(Strict):
    """One step of a ladder: who is told when the lead is still unclaimed."""

    after: Wait
    """Since the lead came; each step later than the one before."""
    to: Annotated[Names, Field(min_length=1)]
    agent: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """Whom it is for: ``next`` (another agent who works now), or an agent's name, as a manager's.
    None: whose it was."""


class ClaimConfig(Strict):
    """How soon somebody must take a lead, and what happens when nobody does."""

    within: Wait = timedelta(minutes=5)
    """The promise: how soon a lead is to be claimed."""
    target: Annotated[float, Field(gt=0, le=1)] = 0.95
    """The share of leads for which it is to be kept."""
    then: Annotated[tuple[StepConfig, ...], Field(max_length=10)] = ()
    """The ladder, step by step, until somebody claims."""
    hours: OpenHours | None = None
    """When the clock of ``within`` and of the ladder runs; none: always."""
    on_claim: Names = ()
    """Destinations to be told who claimed."""
    link_for: Annotated[Duration, Field(ge=timedelta(minutes=5), le=timedelta(days=90))] = (
        timedelta(days=7)
    )
    """How long a claim link works."""

    @model_validator(mode="after")
    def _rising(self) -> ClaimConfig:
        for before, step in zip(self.then, self.then[1:], strict=False):
            if step.after <= before.after:
                raise ValueError("then: let each step come after the one before it")
        return self


def due_at(claim: ClaimConfig, step: int, received: datetime, zone: ZoneInfo) -> datetime | None:
    """When a step (counted from 1) is due; None when the ladder has no such step."""
    if not 1 <= step <= len(claim.then):
        return None
    wait = claim.then[step - 1].after
    return claim.hours.later(received, wait, zone) if claim.hours else received + wait


def promised_by(claim: ClaimConfig, received: datetime, zone: ZoneInfo) -> datetime | None:
    """Until when a lead should be claimed; None when the hours never open."""
    if claim.hours:
        return claim.hours.later(received, claim.within, zone)
    return received + claim.within


class LinkError(Exception):
    """A claim link that does not count: ``expired``, or ``unknown`` for anything else."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class ClaimLinks:
    """Makes and reads the tokens of claim links: which delivery, until when, signed."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def token(self, delivery_id: str, expires: datetime) -> str:
        """The same for the same delivery on every attempt."""
        at = int(expires.timestamp())
        return f"{delivery_id}.{at}.{self._signature(delivery_id, at)}"

    def read(self, token: str, now: datetime) -> str:
        """The delivery a token names. Raises :class:`LinkError`."""
        match = _TOKEN.match(token)
        if match is None:
            raise LinkError("unknown")
        delivery_id, at = match[1], int(match[2])
        if not hmac.compare_digest(match[3], self._signature(delivery_id, at)):
            raise LinkError("unknown")
        if now.timestamp() > at:
            raise LinkError("expired")
        return delivery_id

    def _signature(self, delivery_id: str, at: int) -> str:
        text = f"claim\x00{delivery_id}\x00{at}".encode()
        digest = hmac.new(self._key, text, hashlib.sha256).digest()[:20]
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
