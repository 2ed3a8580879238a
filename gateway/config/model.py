"""The model of gateway.yaml. Each kind's own keys live beside the code that uses them."""

from __future__ import annotations

from datetime import timedelta
from functools import cache, reduce
from ipaddress import IPv4Network, IPv6Network, ip_network
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from gateway import destinations, sources
from gateway.agents import AgentConfig, AssignmentConfig
from gateway.alerts.config import AlertsConfig
from gateway.claims import ClaimConfig
from gateway.config.faults import did_you_mean
from gateway.destinations.common import Strict
from gateway.hours import OpenHours
from gateway.units import Duration

if TYPE_CHECKING:
    from gateway.destinations.common import DestinationConfig
    from gateway.sources.common import SourceConfig
else:
    # The registries say what there is: a new kind changes nothing here.
    SourceConfig = Annotated[reduce(or_, sources.CONFIGS.values()), Field(discriminator="kind")]
    DestinationConfig = Annotated[
        reduce(or_, destinations.CONFIGS.values()), Field(discriminator="kind")
    ]

NAME = r"^[a-z0-9][a-z0-9_-]{0,39}$"
"""What sources and destinations may be called: names stand in URLs, metrics and store keys."""


def _zone(value: str) -> str:
    if value not in _zones():
        near = did_you_mean(value, _zones())
        raise ValueError(f"unknown time zone; {near or 'write one such as Europe/Paris'}")
    return value


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _network(value: Any) -> IPv4Network | IPv6Network:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    try:
        return ip_network(value if isinstance(value, str) else "")
    except ValueError:
        pass
    try:
        whole = ip_network(value if isinstance(value, str) else "", strict=False)
    except ValueError:
        raise ValueError("write a range of addresses, for example 10.0.0.0/8") from None
    raise ValueError(f"an address inside the range: for the whole range write {whole}")


def _web_template(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("begin it with https://, for example https://portal.example/annonces/…")
    return value


Zone = Annotated[str, AfterValidator(_zone)]
Range = Annotated[
    IPv4Network | IPv6Network,
    BeforeValidator(_network),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "examples": ["10.0.0.0/8", "fd00::/8"]}),
]
Name = Annotated[str, Field(pattern=NAME)]
Kept = Annotated[Duration, Field(ge=timedelta(hours=1))]


class Retention(Strict):
    """How long leads are kept, and how long what is known of them after that."""

    leads: Kept = timedelta(days=30)
    """With their personal data. The portal's expiry shortens it."""
    history: Kept = timedelta(days=90)
    """Deliveries and attempts, without personal data."""


class Links(Strict):
    """Templates of addresses that the portal does not give."""

    classified: Annotated[str, AfterValidator(_web_template)] | None = None
    """The page of the classified that a lead asks about."""


class RouteConfig(Strict):
    """One rule: where ``when`` holds, the lead goes ``to`` these destinations."""

    when: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    """An expression over ``lead`` and ``agent``; without one the rule always holds."""
    to: Annotated[tuple[str, ...], Field(min_length=1, max_length=100)]
    hours: OpenHours | None = None
    """When the rule holds, in the configuration's time zone; none: at any time."""
    otherwise: bool = False
    """Whether it is for those leads alone that no rule above wanted."""
    stop: bool = False
    """Whether the rules below are not asked any more once this one holds."""


class Network(Strict):
    """What destinations may reach besides the open internet."""

    allow: Annotated[tuple[Range, ...], Field(max_length=100)] = ()
    """Private or loopback ranges."""


def _names_once(agents: tuple[AgentConfig, ...]) -> tuple[AgentConfig, ...]:
    seen: set[str] = set()
    for agent in agents:
        if agent.name in seen:
            raise ValueError("two agents have the same name: it is how an agent is known")
        seen.add(agent.name)
    return agents


Agents = Annotated[
    tuple[AgentConfig, ...],
    Field(max_length=10_000, json_schema_extra={"x-file": "a .csv or .yaml file of them"}),
    AfterValidator(_names_once),
]


class Rules(Strict):
    """Where leads come from, where they may go, and who decides: of the whole, or of one agency."""

    sources: Annotated[dict[Name, SourceConfig], Field(max_length=200)] = Field(
        default_factory=dict
    )
    destinations: Annotated[dict[Name, DestinationConfig], Field(max_length=500)] = Field(
        default_factory=dict
    )
    routes: Annotated[tuple[RouteConfig, ...], Field(max_length=500)] = ()
    """Asked in order; none: every lead goes to every destination."""
    agents: Agents = ()
    """Whom leads are for; or the name of a .csv or .yaml file beside this one."""
    assignment: AssignmentConfig = AssignmentConfig()
    claim: ClaimConfig | None = None
    """How soon somebody must take a lead, and who is told when nobody does."""
    on_erasure: Annotated[tuple[str, ...], Field(max_length=100)] = ()
    """Webhooks that are told the ids of a lead when it is erased."""


class AgencyConfig(Rules):
    """An included file: one agency's own rules, which no other agency sees."""


class GatewayConfig(Rules):
    """gateway.yaml as a whole."""

    version: Literal[1]
    language: Literal["fr", "en"] = "fr"
    """Of mails and messages: words, numbers, dates, phone formats."""
    timezone: Zone = "Europe/Paris"
    """Of times in mails and messages."""
    retention: Retention = Retention()
    stale_after: Annotated[Duration, Field(ge=timedelta(minutes=1))] = timedelta(hours=2)
    """The age from which a lead that comes in is flagged ``late``, and never escalated."""
    links: Links = Links()
    template_dir: Annotated[str, Field(min_length=1)] | None = None
    """A folder of your own templates, relative to this file; default: ``templates`` beside it."""
    include: Annotated[tuple[str, ...], Field(max_length=100)] = ()
    """Files of agencies, as in ``[agencies/*.yaml]``: each with rules of its own."""
    agencies: Annotated[dict[Name, AgencyConfig], Field(max_length=1000)] = Field(
        default_factory=dict
    )
    """What ``include`` brought, by file name. Their sources and destinations stand among the
    whole's too."""
    network: Network = Network()
    alerts: AlertsConfig | None = None
    """Who is told what is wrong; None: nobody."""

    @property
    def zone(self) -> ZoneInfo:
        """The time zone, for templates."""
        return ZoneInfo(self.timezone)
