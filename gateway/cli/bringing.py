"""The commands that bring leads home: ``leads route``, ``leads deliver`` and ``leads claim``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli import audited, output
from gateway.cli.command import Invocation, YesOption
from gateway.cli.faults import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.store import Store, StoredLead

SinceOption = Annotated[
    str | None, typer.Option("--since", metavar="T", help="Leads that came since then: 24h")
]


async def route(
    invocation: Invocation,
    leads: Annotated[
        list[str] | None, typer.Argument(metavar="[LEAD...]", help="SOURCE/ID; none: all unrouted")
    ] = None,
    since: SinceOption = None,
    yes: YesOption = False,
) -> int:
    """Decide again where unrouted leads go, by the rules of now, and deliver them.

    Whose a lead is stays as it was decided. Exit code 1 when one still goes nowhere.
    """
    from gateway.cli import finding

    start = finding.moment(since) if since else None
    async with invocation.gateway() as gateway:
        if leads:
            found = [await finding.lead(gateway.store, x, gateway.config) for x in leads]
        else:
            found = [item async for item in _leads(gateway.store, start, unrouted=True)]
        if not found:
            output.note("No unrouted leads.")
            return 0
        many = len(found) > 1 and not yes
        if many and not output.ask(f"route {output.count(len(found), 'lead')}?"):
            return 1
        routed = 0
        with output.progress(len(found)) as step:
            for item in found:
                made = await gateway.pipeline.route(item)
                routed += bool(made)
                step(1)
                if made and len(found) <= _SHOWN:
                    output.line(f"{item.lead.source}/{item.lead.id}: {', '.join(made)}")
        await audited.note(gateway.store, "leads.route", count=routed)
    left = len(found) - routed
    output.line(f"{output.count(routed, 'lead')} routed")
    if left:
        output.note(f"{left} go nowhere still: lead-gateway routes test --lead LEAD says why")
    return 1 if left else 0


_SHOWN = 20


async def deliver(
    invocation: Invocation,
    to: Annotated[str, typer.Option("--to", metavar="DESTINATION", help="Where to")],
    leads: Annotated[
        list[str] | None, typer.Argument(metavar="[LEAD...]", help="SOURCE/ID; none: see --since")
    ] = None,
    since: SinceOption = None,
    yes: YesOption = False,
) -> int:
    """Add the deliveries that stored leads lack for one destination: those that have it are left.

    For a CRM that was connected later. They wait behind what is live.
    """
    from gateway.cli import finding

    if bool(leads) == (since is not None):
        raise UsageError("say which leads: by name, or all that came --since T")
    start = finding.moment(since) if since else None
    async with invocation.gateway() as gateway:
        finding.check_names([to], list(gateway.config.destinations), "destination")
        if leads:
            found = [await finding.lead(gateway.store, x, gateway.config) for x in leads]
        else:
            found = [item async for item in _leads(gateway.store, start)]
        many, what = len(found) > 1 and not yes, output.count(len(found), "lead")
        if many and not output.ask(f"deliver up to {what} to {to}?"):
            return 1
        added = 0
        with output.progress(len(found)) as step:
            for item in found:
                added += len(await gateway.pipeline.route(item, [to]))
                step(1)
        await audited.note(gateway.store, "leads.deliver", to, count=added)
    had = len(found) - added
    output.line(f"{added} on their way to {to}" + (f", {had} had it already" if had else ""))
    return 0


async def claim(
    invocation: Invocation,
    lead: Annotated[str, typer.Argument(metavar="LEAD", help="SOURCE/ID")],
    agent: Annotated[str, typer.Option("--agent", metavar="NAME", help="Who takes it")],
) -> int:
    """Note that an agent takes a lead; its ladder ends. Exit code 1 when somebody has it."""
    from gateway.cli import finding

    async with invocation.gateway() as gateway:
        stored = await finding.lead(gateway.store, lead, gateway.config)
        source = stored.lead.source
        rules = [part for part in gateway.config.agencies.values() if source in part.sources]
        names = [known.name for known in (rules[0] if rules else gateway.config).agents]
        if names:
            finding.check_names([agent], names, "agent")
        claimed = await gateway.pipeline.claim(stored, agent, "command")
        await audited.note(gateway.store, "leads.claim", lead)
    if claimed.what == "claimed":
        output.line(f"{agent} has it, {output.span(claimed.took.total_seconds())} after it came")
        return 0
    output.note(f"{claimed.agent or 'nobody'} has it already")
    return 1


async def _leads(
    store: Store, start: datetime | None, *, unrouted: bool = False
) -> AsyncIterator[StoredLead]:
    """Stored leads since a time, newest first."""
    from gateway.cli.finding import PAGE

    cursor: str | None = None
    while True:
        page = await store.leads.page(cursor, PAGE, unrouted=unrouted)
        for item in page.items:
            if start is not None and item.received_at < start:
                return
            yield item
        cursor = page.next_cursor
        if cursor is None:
            return
