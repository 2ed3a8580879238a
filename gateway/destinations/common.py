"""What every kind of destination may be told: how long, how often, how fast, how many at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from gateway.units import Duration, Rate, parse_duration

SCHEDULE = ("5s", "15s", "45s", "2m", "5m", "15m", "1h", "3h", "8h", "12h")


class Strict(BaseModel):
    """A part of gateway.yaml: unknown keys are errors, nothing changes after loading."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )


class Retry(Strict):
    """The waits between attempts: n waits, n + 1 attempts, then a dead letter."""

    schedule: tuple[Duration, ...] = Field(
        default=tuple(parse_duration(item) for item in SCHEDULE), min_length=0, max_length=50
    )
    jitter: float = Field(default=0.2, ge=0.0, le=1.0)


class DestinationConfig(Strict):
    """The keys that each kind of destination shares."""

    timeout: Annotated[Duration, Field(ge=timedelta(milliseconds=100), le=timedelta(minutes=5))] = (
        timedelta(seconds=15)
    )
    retry: Retry = Retry()
    rate_limit: Rate | None = None
    concurrency: int = Field(default=32, ge=1, le=1000)

    @property
    def host(self) -> tuple[str, str]:
        """The key that says where it is, and the host in it; empty where it is not written out."""
        return "", ""

    @property
    def place(self) -> str:
        """Kind and host: while both stay, what waits for this destination is still meant for it."""
        return f"{getattr(self, 'kind', '')} {self.host[1]}".strip()

    @property
    def shows_claims(self) -> bool:
        """Whether what it made of a lead says who has it, once somebody has."""
        return False

    @property
    def template_files(self) -> tuple[tuple[str, str, bool], ...]:
        """The template files it uses: the key that names each, its name, whether it must exist."""
        return ()

    @property
    def rate(self) -> tuple[int, float] | None:
        """The rate as (count, window in seconds)."""
        return (self.rate_limit.count, self.rate_limit.window) if self.rate_limit else None
