"""What the API answers besides the things themselves: what an action did, health, numbers."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from gateway.lead import Moment
from gateway.web.claim_shapes import HourShape, LevelShape, StagesShape
from gateway.web.shape import Shape


class Unchanged(Shape):
    """A delivery that was left alone, and the state that forbids it."""

    id: str
    state: str


class Replayed(Shape):
    """How many dead letters are tried again."""

    replayed: int
    refused: list[Unchanged]
    more: bool
    """There are more that match: call again."""


class Discarded(Shape):
    """How many dead letters were given up for good."""

    discarded: int
    refused: list[Unchanged]
    more: bool
    """There are more that match: call again."""


class TriedShape(Shape):
    """How a test ended."""

    destination: str
    outcome: str
    """delivered, deferred or refused."""
    reason: str | None
    status: int | None
    answer: str
    """The first 2 KB of what was answered, masked."""
    duration_ms: int


class SpeedShape(Shape):
    """Times in seconds: half, nine of ten, 95 of 100 were faster; null until there are any."""

    count: int
    p50: float | None
    p90: float | None
    p95: float | None


class LeadStats(Shape):
    """How many leads came."""

    kept: int
    received_24h: int
    received_by_hour: list[int]
    """Each of the last 24 hours, the current one last."""


class SourceStats(Shape):
    """One source since the store began."""

    name: str
    received: int
    duplicate: int
    rejected: int


class DestinationStats(Shape):
    """One destination; but for ``delivered_24h`` since the store began."""

    name: str
    delivered_24h: int
    dead: int
    """Dead letters now."""
    outcomes: dict[str, int]
    """Attempts by how they ended."""
    attempt: SpeedShape
    """How long attempts take."""
    accepted_to_delivered: SpeedShape
    portal_to_delivered: SpeedShape
    """From the lead's creation at the portal."""


class Stats(Shape):
    """The numbers.

    Times from the portal to received, delivered and claimed are of the last 24 hours.
    """

    leads: LeadStats
    speed_24h: SpeedShape
    """From the lead's creation at the portal to each delivery of the last 24 hours."""
    speed: StagesShape
    speed_by_source: list[StagesShape]
    speed_by_destination: list[StagesShape]
    speed_by_agent: list[StagesShape]
    """By name; of an agency's own, AGENCY/NAME."""
    speed_by_hour: list[HourShape]
    """Each of the last 24 hours, the current one last."""
    service_level: LevelShape | None
    """Null where no claims are promised."""
    sources: list[SourceStats]
    destinations: list[DestinationStats]


class Verdict(BaseModel):
    """What became of one pushed lead."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str | None
    """As it was sent; null where there was none."""
    status: Literal["accepted", "known", "rejected"]
    reason: str | None = None
    """Why it was rejected."""


class Pushed(Shape):
    """What became of each pushed lead, in the order they were sent."""

    items: list[Verdict]


class Alive(Shape):
    """This process answers."""

    status: Literal["alive"] = "alive"


class Warned(Shape):
    """One thing that is wrong; members that do not apply are left out."""

    about: str
    """role, source or destination."""
    name: str
    state: str
    problem: str = ""
    """Only for the admin."""
    next_try_at: Moment | None = None
    count: int = 0


class Readiness(Shape):
    """Whether this gateway can take leads."""

    status: Literal["ready", "unavailable"]
    store: str = ""
    """What is wrong with the store, when it is away."""
    warnings: list[Warned]
