"""What gateway.yaml says of alerts."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from gateway.destinations.common import Strict
from gateway.units import Duration, parse_address


class Kind(StrEnum):
    """What an alert may be about."""

    SOURCE_DOWN = "source_down"
    DESTINATION_DOWN = "destination_down"
    DEAD_LETTER = "dead_letter"
    UNROUTED = "unrouted"
    BACKLOG = "backlog"
    STORE_FULL = "store_full"
    MISSED_LEADS = "missed_leads"
    ERASURES_HELD = "erasures_held"
    CONFIGURATION = "configuration"


class AlertsConfig(Strict):
    """Who is told what is wrong, and what is pinged while all is well."""

    to: Annotated[tuple[str, ...], Field(max_length=20)] = ()
    """Destinations that get alerts."""
    on: Annotated[tuple[Kind, ...], Field(min_length=1)] = tuple(Kind)
    """What they are about; default: everything."""
    backlog_after: Annotated[Duration, Field(ge=timedelta(seconds=10))] = timedelta(minutes=5)
    """How long a new lead may wait for its first attempt."""
    heartbeat_url: Annotated[str, AfterValidator(parse_address)] | None = None
    """Asked with GET while leads flow: an outside service alarms when it is not any more."""
    heartbeat_every: Annotated[Duration, Field(ge=timedelta(seconds=10), le=timedelta(days=1))] = (
        timedelta(minutes=1)
    )

    @model_validator(mode="after")
    def _says_something(self) -> AlertsConfig:
        if not self.to and self.heartbeat_url is None:
            raise ValueError("to: name at least one destination, or give a heartbeat_url")
        return self
