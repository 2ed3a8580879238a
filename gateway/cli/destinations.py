"""The commands about destinations: list, pause, resume."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import audited, completing, output
from gateway.cli.command import Invocation, JsonOption, command, group
from gateway.cli.faults import UsageError

if TYPE_CHECKING:
    from gateway.store import Store

HEADING = "Operate"

NamesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...",
        help="Destinations",
        show_default=False,
        autocompletion=completing.destinations,
    ),
]
AllOption = Annotated[bool, typer.Option("--all", help="Every destination")]


async def list_(invocation: Invocation, as_json: JsonOption = False) -> None:
    """List destinations: whether they are up, and what waits for them."""
    from gateway.cli import finding, records

    config = finding.configuration(invocation)
    async with invocation.store() as store:
        states = await finding.destination_states(store, config)
        by_hour = await store.counts.delivered_by_hour(list(states))
    configured = finding.kinds(config)
    column = output.Column[Any]
    output.listing(
        list(states.values()),
        [
            column("destination", lambda row: row.name),
            column("kind", lambda row: _kind(row.name, configured)),
            column("state", lambda row: row.state),
            column("reason", lambda row: row.reason or ""),
            column("pending", lambda row: row.pending, right=True),
            column("retrying", lambda row: row.retrying, right=True),
            column("dead", lambda row: row.dead, right=True),
            column("delivered 24h", lambda row: sum(by_hour[row.name]), right=True),
        ],
        record=lambda row: records.of_destination(row, config, by_hour[row.name]),
        as_json=as_json,
        empty="No destinations.",
    )


def _kind(name: str, configured: Any) -> str:
    if configured is None:
        return "?"
    return configured.get(name) or "not configured"


async def pause(
    invocation: Invocation, names: NamesArgument = None, everything: AllOption = False
) -> None:
    """Stop delivering to destinations; what comes for them waits, and nothing is lost."""
    async with invocation.store() as store:
        for name in await _meant(invocation, store, names, everything):
            await store.destinations.pause(name)
            await audited.note(store, "destinations.pause", name)
            output.line(f"{name}: paused")


async def resume(
    invocation: Invocation, names: NamesArgument = None, everything: AllOption = False
) -> None:
    """Deliver again, what waited included."""
    async with invocation.store() as store:
        for name in await _meant(invocation, store, names, everything):
            await store.destinations.resume(name)
            await audited.note(store, "destinations.resume", name)
            output.line(f"{name}: resumed")


async def _meant(
    invocation: Invocation, store: Store, names: Sequence[str] | None, everything: bool
) -> list[str]:
    from gateway.cli import finding

    if bool(names) == everything:
        raise UsageError("name the destinations, or write --all")
    known = await finding.destination_names(store, finding.configuration(invocation))
    finding.check_names(names or (), known, "destination")
    return list(dict.fromkeys(names or known))


def add_to(app: typer.Typer) -> None:
    """Add these commands to the program."""
    destinations = group("Where leads go: list, pause, resume.")
    app.add_typer(destinations, name="destinations", rich_help_panel=HEADING)
    command(destinations, "list", examples=["lead-gateway destinations list --json"])(list_)
    command(
        destinations,
        "pause",
        examples=["lead-gateway destinations pause crm", "lead-gateway destinations pause --all"],
    )(pause)
    command(destinations, "resume", examples=["lead-gateway destinations resume crm"])(resume)
