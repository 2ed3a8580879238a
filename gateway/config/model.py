"""The model of gateway.yaml. Each kind's own keys live beside the code that uses them."""

from __future__ import annotations

from datetime import timedelta
from functools import reduce
from ipaddress import IPv4Network, IPv6Network
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from gateway import destinations, sources
from gateway.destinations.common import Strict
from gateway.units import Duration

NAME = r"^[a-z0-9][a-z0-9_-]{0,39}$"

NOT_YET: dict[str, frozenset[str]] = {
    "": frozenset({"agents", "assignment", "claim", "alerts", "include"}),
    "destinations.*": frozenset({"preset", "with"}),
    "destinations.*.auth": frozenset({"oauth2"}),
}
"""Keys of the contract that a later version brings, by where they stand: refused by name."""
NOT_YET_KINDS = frozenset({"aviv"})

if TYPE_CHECKING:
    SourceConfig = Any
    DestinationConfig = Any
else:
    SourceConfig = Annotated[
        reduce(or_, sources.CONFIGS.values()), Field(discriminator="kind")
    ]
    DestinationConfig = Annotated[
        reduce(or_, destinations.CONFIGS.values()), Field(discriminator="kind")
    ]

Name = Annotated[str, Field(pattern=NAME)]


class Retention(Strict):
    """How long leads are kept, and what is known of them after."""

    leads: Duration = timedelta(days=30)
    history: Duration = timedelta(days=90)


class Links(Strict):
    """Templates of addresses that the portal does not give."""

    classified: str | None = None


class RouteConfig(Strict):
    """One rule: ``when`` it holds (absent: always), the lead goes ``to`` these; ``stop`` ends here."""

    when: str | None = None
    to: tuple[str, ...] = Field(min_length=1)
    stop: bool = False


class Network(Strict):
    """Private or loopback ranges that destinations may reach."""

    allow: tuple[IPv4Network | IPv6Network, ...] = ()


class GatewayConfig(Strict):
    """gateway.yaml as a whole."""

    version: Literal[1]
    language: Literal["fr", "en"] = "en"
    timezone: str = "Europe/Paris"
    retention: Retention = Retention()
    links: Links = Links()
    template_dir: str | None = None
    sources: dict[Name, SourceConfig] = Field(default_factory=dict)
    destinations: dict[Name, DestinationConfig] = Field(default_factory=dict)
    routes: tuple[RouteConfig, ...] = ()
    network: Network = Network()

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("write a time zone such as Europe/Paris") from None
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The time zone, for templates."""
        return ZoneInfo(self.timezone)
