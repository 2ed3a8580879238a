"""An agency's rules, ready to be asked: its agents, its routes, and where its leads may go.

Puts assignment and routing together for one lead. Pure: time comes in as an argument, and whose
turn it is among several agents is the store's to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from gateway.assignment import Roster
from gateway.claims import ClaimConfig, due_at, promised_by
from gateway.config.model import GatewayConfig, RouteConfig, Rules
from gateway.hours import Hours
from gateway.lead import Lead
from gateway.render import Renderer
from gateway.routing import CompiledRoute, Decision, decide


@dataclass(frozen=True, slots=True)
class Agency:
    """The rules of one file. ``name`` is empty for gateway.yaml's own."""

    name: str
    roster: Roster
    routes: tuple[CompiledRoute, ...]
    destinations: tuple[str, ...]
    """Where leads go when there are no routes."""
    claim: ClaimConfig | None = None

    def decide(self, lead: Lead, now: datetime) -> Decision:
        """Where ``lead`` goes; its agent is settled already."""
        if not self.routes:
            return decide({}, (), self.destinations, now)
        values = lead.as_dict()
        return decide(
            {"lead": values, "agent": values["agent"]}, self.routes, self.destinations, now
        )

    def step_due(self, step: int, received: datetime) -> datetime | None:
        """When a step of the ladder is due for a lead that came then; None without such a step."""
        return due_at(self.claim, step, received, self.roster.zone) if self.claim else None

    def promised_by(self, received: datetime) -> datetime | None:
        """Until when a lead that came then is to be claimed; None: at any time."""
        return promised_by(self.claim, received, self.roster.zone) if self.claim else None


def agencies(config: GatewayConfig, renderer: Renderer) -> Mapping[str, Agency]:
    """Each source's agency, its expressions compiled once."""
    found: dict[str, Agency] = {}
    theirs: set[str] = set()
    for name, rules in config.agencies.items():
        built = _agency(name, rules, tuple(rules.destinations), config.zone, renderer)
        found |= dict.fromkeys(rules.sources, built)
        theirs |= set(rules.destinations)
    own = tuple(name for name in config.destinations if name not in theirs)
    whole = _agency("", config, own, config.zone, renderer)
    return {name: found.get(name, whole) for name in config.sources}


def _agency(
    name: str, rules: Rules, destinations: tuple[str, ...], zone: ZoneInfo, renderer: Renderer
) -> Agency:
    roster = Roster(rules.agents, rules.assignment, zone)
    routes = compiled(rules.routes, zone, renderer)
    return Agency(name, roster, routes, destinations, rules.claim)


def compiled(
    routes: Sequence[RouteConfig], zone: ZoneInfo, renderer: Renderer
) -> tuple[CompiledRoute, ...]:
    """Rules of the configuration, ready to be asked. Raises TemplateError."""
    return tuple(
        CompiledRoute(
            route.to,
            renderer.expression(route.when) if route.when else None,
            route.stop,
            route.otherwise,
            _within(route.hours, zone) if route.hours else None,
        )
        for route in routes
    )


def _within(hours: Hours, zone: ZoneInfo) -> Callable[[datetime], bool]:
    return lambda now: hours.are_open(now, zone)
