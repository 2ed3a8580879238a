"""``leads export`` and ``deliveries export``: every one that is meant, as CSV or JSON lines.

Written page by page to stdout or a file, so that a million rows need no memory.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import audited, output
from gateway.cli.command import Invocation, command
from gateway.cli.deliveries import DestinationOption, ReasonOption, SinceOption, StateOption
from gateway.cli.faults import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.config import GatewayConfig
    from gateway.delivery import Delivery
    from gateway.store import Store

FormatOption = Annotated[
    str, typer.Option("--format", metavar="FORMAT", help="csv, or jsonl: one object per line")
]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Where to write it [default: stdout]"),
]


PersonOption = Annotated[
    str | None,
    typer.Option("--person", metavar="WHO", help="All of one person: an e-mail or phone number"),
]


async def export_leads(
    invocation: Invocation,
    since: SinceOption = None,
    unrouted: Annotated[
        bool, typer.Option("--unrouted", help="Only those that no route sends anywhere")
    ] = False,
    person: PersonOption = None,
    form: FormatOption = "csv",
    to: OutputOption = None,
) -> None:
    """Write leads, newest first, with everything that is known of them.

    With --person, everything that is known of one person, as one JSON document: what somebody who
    asks for their data is owed.

    The columns of the CSV are the lead's dotted names; --format jsonl has the portal's JSON too.
    What comes out is personal data: keep the file as carefully.
    """
    from gateway.cli import finding

    if person is not None:
        if since or unrouted or form != "csv":
            raise UsageError("--person takes no other filter, and writes JSON")
        await _export_person(invocation, person, to)
        return
    start = finding.moment(since) if since else None
    config = finding.configuration(invocation)
    async with invocation.store() as store:
        await audited.note(store, "leads.export")
        await write(_leads(store, config, start, unrouted), "leads", form, to)


async def export_deliveries(
    invocation: Invocation,
    state: StateOption = None,
    destination: DestinationOption = None,
    reason: ReasonOption = None,
    since: SinceOption = None,
    form: FormatOption = "csv",
    to: OutputOption = None,
) -> None:
    """Write deliveries, newest first. --format jsonl has every attempt."""
    from gateway.cli import finding, records

    wanted = finding.wanted(destination, reason, since, state)
    config = finding.configuration(invocation)
    async with invocation.store() as store:
        states = await finding.destination_states(store, config)
        finding.check_names(wanted.destinations, list(states), "destination")
        held = records.held(config, states.values())
        found = finding.deliveries(store, wanted)
        await audited.note(store, "deliveries.export")
        await write(_deliveries(store, found, held), "deliveries", form, to)


async def write(made: AsyncIterator[dict[str, Any]], kind: str, form: str, to: Path | None) -> None:
    """Write records of a kind line by line. Raises UsageError for an unknown form."""
    from gateway.export import FORMATS, lines

    if form not in FORMATS:
        raise UsageError(f"--format: write one of {', '.join(FORMATS)}")
    count = -(form == "csv")
    target = await asyncio.to_thread(_open, to) if to else sys.stdout
    try:
        async for line in lines(made, kind, form):
            target.write(line)
            count += 1
    finally:
        if to:
            target.close()
    if to:
        output.note(f"{count} {kind} in {to}")


async def _export_person(invocation: Invocation, person: str, to: Path | None) -> None:
    from gateway import persons

    try:
        who = persons.anybody(person)
    except ValueError as error:
        raise UsageError(str(error)) from None
    async with invocation.store() as store:
        found = await persons.export(store, who)
        await audited.note(store, "leads.export", count=len(found["leads"]))
    target = await asyncio.to_thread(_open, to) if to else sys.stdout
    try:
        target.write(json.dumps(found, ensure_ascii=False, indent=2) + "\n")
    finally:
        if to:
            target.close()
    if not found["leads"] and not found["rejected"]:
        output.note("Nothing of this person is here.")
    elif to:
        output.note(f"{output.count(len(found['leads']), 'lead')} in {to}")


def _open(to: Path) -> Any:
    # Personal data: for the owner alone, even where a umask would let others read.
    to.touch(mode=0o600)
    return to.open("w", encoding="utf-8", newline="")


async def _leads(
    store: Store, config: GatewayConfig | None, since: datetime | None, unrouted: bool
) -> AsyncIterator[dict[str, Any]]:
    from gateway.cli import finding, records

    held = records.held(config, (await finding.destination_states(store, config)).values())
    cursor: str | None = None
    while True:
        page = await store.leads.page(cursor, finding.PAGE, unrouted=unrouted)
        for stored in page.items:
            if since and stored.received_at < since:
                return
            made = await store.deliveries.get_many(stored.delivery_ids)
            yield records.of_lead(stored, made, held)
        cursor = page.next_cursor
        if cursor is None:
            return


async def _deliveries(
    store: Store, found: AsyncIterator[Delivery], held: frozenset[str]
) -> AsyncIterator[dict[str, Any]]:
    from gateway.cli import records

    async for delivery in found:
        whole = await store.deliveries.get(delivery.id)
        yield records.of_delivery(whole or delivery, held)


def add_to_leads(leads: typer.Typer) -> None:
    """Add ``export`` to the group of leads."""
    command(
        leads,
        "export",
        examples=[
            "lead-gateway leads export -o leads.csv",
            "lead-gateway leads export --since 7d --format jsonl | gzip > leads.jsonl.gz",
            "lead-gateway leads export --person camille@example.org -o camille.json",
        ],
    )(export_leads)


def add_to_deliveries(deliveries: typer.Typer) -> None:
    """Add ``export`` to the group of deliveries."""
    command(
        deliveries,
        "export",
        examples=["lead-gateway deliveries export --state dead --since 24h -o dead.csv"],
    )(export_deliveries)
