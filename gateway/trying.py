"""Trying a destination: what would be sent of a lead, and one invented lead sent for real.

The same path that deliveries take, up to the wire and, for a test, over it. Stores nothing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.config.model import GatewayConfig
from gateway.delivery import (
    Continue,
    Delivered,
    Message,
    Outcome,
    Reason,
    Refused,
    delivery_id,
)
from gateway.destinations.protocol import Destination
from gateway.lead import Lead
from gateway.render import TemplateError
from gateway.sandbox.leads import CATEGORIES, sample
from gateway.sources.gsl_lead import normalise

__all__ = ["CATEGORIES", "Tried", "render", "sample_lead", "send"]

TESTER = "test"
"""Who asks in every invented lead."""

STEPS_ALLOWED = 10
"""Calls that one delivery may take before a test gives it up."""


@dataclass(frozen=True, slots=True)
class Tried:
    """How a test ended. ``seconds`` over all of its calls."""

    outcome: Outcome
    seconds: float

    @property
    def word(self) -> str:
        """delivered, deferred, refused; continue when it never came to an end."""
        return type(self.outcome).__name__.lower()

    @property
    def reason(self) -> Reason | None:
        """Why it ended so."""
        return getattr(self.outcome, "reason", None)

    @property
    def arrived(self) -> bool:
        """Whether the receiver has it."""
        return isinstance(self.outcome, Delivered)


def sample_lead(config: GatewayConfig, category: str | None = None) -> Lead:
    """An invented lead of a category, as if it had come from the first source, marked as a test.

    Raises ValueError for a category that there is no sample of.
    """
    wanted = (category or CATEGORIES[0]).upper()
    if wanted not in CATEGORIES:
        raise ValueError(f"write one of {', '.join(CATEGORIES)}")
    now = datetime.now(UTC)
    name = next(iter(config.sources), "sample")
    part = config.sources.get(name)
    identity = (part.identity if part else None) or name
    lead = normalise(sample(wanted, now), source=name, identity=identity, received_at=now)
    # New each time: a receiver that keeps ids would otherwise call a second test a repeat.
    lead_id = f"test-{time.time_ns() // 1_000_000}"
    return lead.model_copy(update={"id": lead_id, "test": True})


def render(
    destination: Destination,
    lead: Lead,
    saved: dict[str, Any] | None = None,
    *,
    person: str = TESTER,
    thread: str = "",
) -> Any:
    """The step that comes after ``saved``, as a delivery of this lead would prepare it.

    Raises :class:`gateway.render.TemplateError`.
    """
    identifier = delivery_id(lead.identity, lead.id, destination.name)
    message = Message(
        identifier, destination.name, lead.received_at, saved=saved or {}, person=person,
        thread=thread,
    )  # fmt: skip
    return destination.render(lead, message)


async def send(destination: Destination, lead: Lead) -> Tried:
    """Deliver one lead, step by step, without a retry."""
    started = time.monotonic()
    saved: dict[str, Any] = {}
    outcome: Outcome = Continue({})
    for _ in range(STEPS_ALLOWED):
        try:
            prepared = render(destination, lead, saved)
        except TemplateError as error:
            outcome = Refused(Reason.TEMPLATE, answer=str(error))
            break
        outcome = await destination.send(prepared)
        if not isinstance(outcome, Continue):
            break
        saved = {**saved, **outcome.saved}
    return Tried(outcome, time.monotonic() - started)
