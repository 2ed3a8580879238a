"""Where a lead goes: lead, routes and the time in, destinations out. Pure, and total: it never
raises.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Condition = Callable[[Mapping[str, Any]], Any]


class ConditionError(Exception):
    """A ``when`` that failed on a lead; the text names the expression, never the lead's values."""


@dataclass(frozen=True, slots=True)
class CompiledRoute:
    """One rule of gateway.yaml, ready to be asked. ``when`` and ``hours`` None mean always.

    ``otherwise``: only for a lead that no rule above wanted.
    """

    to: tuple[str, ...]
    when: Condition | None = None
    stop: bool = False
    otherwise: bool = False
    hours: Callable[[datetime], bool] | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Where one lead goes. ``rules`` says which route (counted from 1; 0: no routes) chose each."""

    destinations: tuple[str, ...]
    rules: tuple[int, ...] = ()
    error: str | None = None

    @property
    def unrouted(self) -> bool:
        """No rule wanted this lead."""
        return not self.destinations

    def as_json(self, agency: str, agent: str | None, why: str) -> str:
        """The decision as it is kept with the lead: no value of the lead is in it, and nothing that
        is not so.
        """
        rules = dict(zip(self.destinations, self.rules, strict=True))
        kept = {"agency": agency, "agent": agent, "why": why, "rules": rules, "error": self.error}
        said = {name: value for name, value in kept.items() if value}
        return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def decide(
    context: Mapping[str, Any],
    routes: Sequence[CompiledRoute],
    destinations: Sequence[str],
    now: datetime,
) -> Decision:
    """Ask the routes in order. Without routes a lead goes everywhere; a failing one unroutes it."""
    if not routes:
        return Decision(tuple(destinations), (0,) * len(destinations))
    chosen: dict[str, int] = {}
    for number, route in enumerate(routes, start=1):
        if (route.otherwise and chosen) or not (route.hours is None or route.hours(now)):
            continue
        try:
            matches = route.when is None or bool(route.when(context))
        except ConditionError as error:
            return Decision((), (), str(error))
        if matches:
            for name in route.to:
                chosen.setdefault(name, number)
            if route.stop:
                break
    return Decision(tuple(chosen), tuple(chosen.values()))
