"""Agents: who is on duty, what each has open, how fast they claim."""

from __future__ import annotations

from gateway.duty import OnDuty, agents_of, on_duty
from gateway.web.claim_shapes import AgentShape, agent_shape
from gateway.web.context import Web
from gateway.web.operation import operation
from gateway.web.shapes import Listing


async def read_agents(web: Web) -> list[OnDuty]:
    """Every agent as they stand. Raises StoreUnavailable."""
    names = [(agency, agent.name) for agency, agent in agents_of(web.config)]
    loads = await web.store.people.loads(names)
    return on_duty(web.config, loads, await web.store.speed.day(), web.clock())


@operation("GET", "/v1/agents", tag="Agents")
async def list_agents(web: Web) -> Listing[AgentShape]:
    """List every agent: on duty or not, open leads, how fast they claim.

    Numbers are of the last 24 hours.
    """
    found = [agent_shape(duty) for duty in await read_agents(web)]
    return Listing[AgentShape](items=found, next_cursor=None)


OPERATIONS = (list_agents,)
