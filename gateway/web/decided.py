"""What was decided about a lead and why, in the words of the configuration. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.config.model import GatewayConfig, RouteConfig
from gateway.store.plans import Decided


@dataclass(frozen=True, slots=True)
class Line:
    """One rule, counted from 1, and the destinations it chose; 0 where there were no rules.

    ``when`` is the rule's text as the configuration has it now, None where that is another.
    """

    rule: int
    destinations: tuple[str, ...]
    when: str | None


def chosen_by(decision: Decided, config: GatewayConfig) -> list[Line]:
    """The rules that chose, in their order, each with its destinations."""
    part = config.agencies.get(decision.agency)
    routes = config.routes if part is None else part.routes
    by_rule: dict[int, list[str]] = {}
    for destination, rule in decision.rules.items():
        by_rule.setdefault(rule, []).append(destination)
    return [
        Line(rule, tuple(chosen), _when(routes, rule, chosen))
        for rule, chosen in sorted(by_rule.items())
    ]


def _when(routes: Sequence[RouteConfig], rule: int, chosen: Sequence[str]) -> str | None:
    if not 0 < rule <= len(routes) or not set(chosen) <= set(routes[rule - 1].to):
        return None
    return routes[rule - 1].when
