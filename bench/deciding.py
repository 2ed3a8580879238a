"""What it costs to decide whose a lead is and where it goes, with many rules and many agents."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from bench.entry import Rounds, Run
from bench.rig import leads
from gateway.agency import Agency
from gateway.agents import AgentConfig, AssignmentConfig
from gateway.assignment import Roster
from gateway.lead import Lead
from gateway.render import Renderer
from gateway.routing import CompiledRoute

_PLACES = ("75", "13", "69", "31", "33", "59", "06", "44", "67", "34")


async def routing(run: Run) -> Rounds:
    """One lead decided: 100 rules and 100 agents, 500 rules and 20, and 10,000 agents."""
    some = leads(run.size(400, 50))
    sizes = {"100x100": (100, 100), "500x20": (500, 20), "10x10000": (10, 10_000)}
    built = {name: _agency(*size) for name, size in sizes.items()}
    for _ in run.rounds():
        yield {f"{name}_ms": _each_ms(agency, some) for name, agency in built.items()}


def _each_ms(agency: Agency, some: list[Lead]) -> float:
    now = datetime.now(UTC)
    started = time.perf_counter()
    for lead in some:
        choice = agency.roster.choose(lead, now)
        agent = agency.roster.agent(choice.candidates[0] if choice.candidates else None)
        agency.decide(lead.model_copy(update={"agent": agent}), now)
    return (time.perf_counter() - started) / len(some) * 1000


def _agency(rules: int, agents: int) -> Agency:
    """Rules that hardly ever hold, so that every one is asked; agents with what agents have."""
    draw = random.Random(7)
    renderer = Renderer()
    routes = [
        CompiledRoute(
            ("crm",),
            renderer.expression(
                f'lead.property.city == "Town {number}" and lead.property.price > {number}'
            ),
        )
        for number in range(rules)
    ]
    people = tuple(
        AgentConfig.model_validate(
            {
                "name": f"Agent {number}",
                "email": f"agent-{number}@agency.example",
                "postal_codes": [f"{draw.choice(_PLACES)}{draw.randrange(1000):03}" for _ in "abc"],
                "references": [f"R{number}-1", f"R{number}-2"],
                "hours": "Mon-Sun 00:00-24:00",
                "away": ["2026-08-01..2026-08-15"],
            }
        )
        for number in range(agents)
    )
    roster = Roster(people, AssignmentConfig(), ZoneInfo("Europe/Paris"))
    return Agency("", roster, (*routes, CompiledRoute(("crm",), otherwise=True)), ("crm",))
