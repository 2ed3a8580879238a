"""The agents of all files as they stand now: who works, what they have open, how fast they claim.

Pure: what the store counted comes in, one line per agent goes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.agents import AgentConfig
from gateway.claims import ClaimConfig
from gateway.config.model import GatewayConfig, Rules
from gateway.store.speed import Day, Times


@dataclass(frozen=True, slots=True)
class OnDuty:
    """One agent. ``agency`` is empty for gateway.yaml's own; ``open`` counts leads of the last 24
    hours that are theirs and that nobody claimed.
    """

    agency: str
    agent: AgentConfig
    works: bool
    is_away: bool
    open: int
    given: Times
    """From the portal to whom they were given to, of their leads that arrived within the day."""
    claimed: Times
    """From the portal to their claim, within the day."""

    @property
    def state(self) -> str:
        """``on``, ``off`` (outside working hours) or ``away``."""
        return "away" if self.is_away else "on" if self.works else "off"


def agents_of(config: GatewayConfig) -> list[tuple[str, AgentConfig]]:
    """Every agent with the name of the agency, the whole's first."""
    found = [("", agent) for agent in config.agents]
    for name, rules in config.agencies.items():
        found += [(name, agent) for agent in rules.agents]
    return found


def full_name(agency: str, name: str) -> str:
    """How the counters call an agent."""
    return f"{agency}/{name}" if agency else name


def on_duty(config: GatewayConfig, loads: Sequence[int], day: Day, now: datetime) -> list[OnDuty]:
    """Every agent, in the order of :func:`agents_of`, which ``loads`` has too."""
    zone = config.zone
    return [
        OnDuty(
            agency,
            agent,
            agent.works(now, zone),
            agent.is_away(now.astimezone(zone).date()),
            load,
            day.times("delivered", f"agent={full_name(agency, agent.name)}"),
            day.times("claimed", f"agent={full_name(agency, agent.name)}"),
        )
        for (agency, agent), load in zip(agents_of(config), loads, strict=True)
    ]


def promises(config: GatewayConfig) -> list[ClaimConfig]:
    """What is promised about claims, by the whole and by each agency that promises anything."""
    rules: list[Rules] = [config, *config.agencies.values()]
    return [each.claim for each in rules if each.claim]


def promise_of(config: GatewayConfig) -> ClaimConfig | None:
    """The promise that is shown for all: the shortest; None where nothing is promised."""
    return min(promises(config), key=lambda claim: claim.within, default=None)
