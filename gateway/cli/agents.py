"""The commands about agents: list."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from gateway.cli import output
from gateway.cli.command import Invocation, JsonOption, command, group

if TYPE_CHECKING:
    from gateway.duty import OnDuty
    from gateway.store.speed import Times

HEADING = "Operate"


async def list_(invocation: Invocation, as_json: JsonOption = False) -> None:
    """List agents: who is on duty, what each has open, how fast they claim.

    Numbers are of the last 24 hours; times are from the lead's creation at the portal.
    """
    from gateway.cli import finding
    from gateway.config import GatewayConfig
    from gateway.duty import agents_of, on_duty
    from gateway.web.claim_shapes import agent_shape

    config = finding.configuration(invocation) or GatewayConfig(version=1)
    names = [(agency, agent.name) for agency, agent in agents_of(config)]
    async with invocation.store() as store:
        loads, day = await store.people.loads(names), await store.speed.day()
    column = output.Column[Any]
    columns = [
        column("agent", lambda row: row.agent.name),
        column("agency", lambda row: row.agency),
        column("duty", lambda row: row.state),
        column("open", lambda row: row.open, right=True),
        column("claimed", lambda row: row.claimed.count, right=True),
        column("claim p50", lambda row: _time(row.claimed, 0.5), right=True),
        column("claim p90", lambda row: _time(row.claimed, 0.9), right=True),
        column("given p50", lambda row: _time(row.given, 0.5), right=True),
    ]
    rows: list[OnDuty] = on_duty(config, loads, day, datetime.now(UTC))
    output.listing(
        rows,
        columns if any(row.agency for row in rows) else [*columns[:1], *columns[2:]],
        record=lambda row: agent_shape(row).model_dump(mode="json"),
        as_json=as_json,
        empty="No agents: list them under agents in gateway.yaml.",
    )


def _time(times: Times, share: float) -> str:
    seconds = times.quantile(share)
    return "" if seconds is None else output.span(seconds)


def add_to(app: typer.Typer) -> None:
    """Add these commands to the program."""
    agents = group("Whom leads are for: list.")
    app.add_typer(agents, name="agents", rich_help_panel=HEADING)
    command(
        agents, "list", examples=["lead-gateway agents list", "lead-gateway agents list --json"]
    )(list_)
