"""The commands about leads: ``list``, ``show`` and, next door, ``erase``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import output
from gateway.cli.command import Invocation, JsonOption, command, group

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gateway.config import GatewayConfig
    from gateway.delivery import Delivery
    from gateway.store import Rejected, Store, StoredLead

HEADING = "Look"

LeadArgument = Annotated[
    str, typer.Argument(metavar="LEAD", help="SOURCE/ID, or the id alone where it is unique")
]


async def list_(
    invocation: Invocation,
    source: Annotated[
        list[str] | None,
        typer.Option("--source", metavar="NAME", help="Of this source (repeatable)"),
    ] = None,
    unrouted: Annotated[
        bool, typer.Option("--unrouted", help="Only those that no route sends anywhere")
    ] = False,
    unclaimed: Annotated[
        bool, typer.Option("--unclaimed", help="Only those that wait to be claimed, longest first")
    ] = False,
    rejected: Annotated[
        bool, typer.Option("--rejected", help="Items that could not become a lead, and why")
    ] = False,
    search: Annotated[
        str | None,
        typer.Option("--search", metavar="TEXT", help="Name, e-mail, phone, reference or id"),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="At most so many; 0 for all")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List leads by the time they came, newest first; without names, phones and messages.

    --search finds whole words of a name, and whole values of the others. --json has everything that
    is known of each.
    """
    from gateway.cli import finding

    config = finding.configuration(invocation)
    async with invocation.store() as store:
        if rejected:
            await _rejected(store, source or [], limit, as_json)
        else:
            found = finding.leads(store, source or [], search=search, unrouted=unrouted)
            empty = (
                "Nobody found." if search else "No unrouted leads." if unrouted else "No leads yet."
            )
            if unclaimed:
                found, empty = finding.unclaimed(store, source or []), "No lead waits for a claim."
            await _leads(store, config, found, limit, as_json, empty=empty)


async def _leads(
    store: Store,
    config: GatewayConfig | None,
    found: AsyncIterator[StoredLead],
    limit: int,
    as_json: bool,
    *,
    empty: str,
) -> None:
    from gateway.cli import finding, records

    held = records.held(config, (await finding.destination_states(store, config)).values())
    rows: list[tuple[StoredLead, list[Delivery]]] = []
    count = 0
    async for stored in found:
        if limit and count == limit:
            if not as_json:
                output.note(f"The first {limit}; all of them with --limit 0.")
            break
        count += 1
        made = await store.deliveries.get_many(stored.delivery_ids)
        if as_json:
            # Line by line: a program at the other end of a pipe need not wait for the last.
            output.json_line(records.of_lead(stored, made, held))
        else:
            rows.append((stored, made))
    if as_json:
        return
    column = output.Column[Any]
    waiting = any(stored.waits for stored, _ in rows)
    output.listing(
        rows,
        [
            column("came", lambda row: output.clock(row[0].received_at)),
            column("lead", lambda row: f"{row[0].lead.source}/{row[0].lead.id}"),
            column("category", lambda row: row[0].lead.category or ""),
            column("property", lambda row: _property(row[0])),
            *([column("agent", lambda row: row[0].lead.agent.name or "")] if waiting else []),
            *([column("claim by", lambda row: _promised(row[0]))] if waiting else []),
            column("deliveries", lambda row: _states(*row)),
        ],
        record=lambda row: None,
        as_json=False,
        empty=empty,
    )


def _promised(stored: StoredLead) -> str:
    return output.clock(stored.promised_by) if stored.promised_by else ""


async def _rejected(store: Store, sources: list[str], limit: int, as_json: bool) -> None:
    from gateway.cli import records
    from gateway.cli.finding import PAGE

    rows: list[Rejected] = []
    cursor: str | None = None
    while not limit or len(rows) < limit:
        page = await store.rejects.page(cursor, PAGE)
        rows += [item for item in page.items if not sources or item.source in sources]
        cursor = page.next_cursor
        if cursor is None:
            break
    column = output.Column[Any]
    output.listing(
        rows[: limit or None],
        [
            column("came", lambda row: output.clock(row.at)),
            column("source", lambda row: row.source),
            column("reason", lambda row: row.reason),
            column("size", lambda row: f"{len(row.raw)} characters", right=True),
        ],
        record=records.of_rejected,
        as_json=as_json,
        empty="No rejected items.",
    )


def _property(stored: StoredLead) -> str:
    wanted, estimated = stored.lead.property, stored.lead.estimation
    parts = (wanted.type or estimated.type, wanted.city or estimated.city)
    return ", ".join(part for part in parts if part)


def _states(stored: StoredLead, deliveries: list[Delivery]) -> str:
    if stored.unrouted:
        return "unrouted"
    return " ".join(f"{made.destination}:{made.state.value}" for made in deliveries) or "none"


async def show(
    invocation: Invocation,
    lead: LeadArgument,
    original: Annotated[
        bool, typer.Option("--original", help="The portal's JSON, as it came, and nothing else")
    ] = False,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask the portal for it first")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show one lead with all that is known of it, and what became of it."""
    from gateway.cli import finding, records
    from gateway.cli.deliveries import describe

    if refresh:
        from gateway.cli.refreshing import refreshed

        await refreshed(invocation, lead)
    config = finding.configuration(invocation)
    async with invocation.store() as store:
        stored = await finding.lead(store, lead, config)
        made = [
            found
            for delivery_id in stored.delivery_ids
            if (found := await store.deliveries.get(delivery_id)) is not None
        ]
        states = await finding.destination_states(store, config)
    held = records.held(config, states.values())
    if original:
        output.line(json.dumps(stored.lead.original, ensure_ascii=False, indent=2))
        return
    if as_json:
        output.json_line(records.of_lead(stored, made, held))
        return
    known = stored.lead.as_dict()
    known.pop("original")
    output.fields(_flat(known))
    output.fields(_decided(stored))
    if stored.unrouted:
        output.line("\nNo route sends it anywhere: lead-gateway routes test --lead says why.")
    for delivery in made:
        output.line()
        describe(delivery, records.why_held(delivery, held, config))


def _decided(stored: StoredLead) -> list[tuple[str, object]]:
    """Why it went where it went, and who has it."""
    pairs: list[tuple[str, object]] = []
    if found := stored.decision:
        rules = (
            f"{name} (rule {rule})" if rule else f"{name} (no routes)"
            for name, rule in found.rules.items()
        )
        pairs += [
            ("decided.agent", f"{found.agent or 'nobody'} ({found.why.replace('_', ' ')})"),
            ("decided.destinations", ", ".join(rules)),
            ("decided.error", found.error),
        ]
    if stored.claimed_by:
        pairs += [
            ("claimed.by", stored.claimed_by),
            ("claimed.at", output.clock(stored.claimed_at) if stored.claimed_at else None),
            ("claimed.via", stored.claimed_via),
        ]
    elif stored.step is not None:
        pairs.append(("claimed.by", f"nobody yet; step {stored.step} of the ladder is next"))
    return pairs


def _flat(value: dict[str, Any], prefix: str = "") -> list[tuple[str, object]]:
    """Dotted names with their values; what the portal did not give is left out."""
    pairs: list[tuple[str, object]] = []
    for name, item in value.items():
        if isinstance(item, dict):
            pairs += _flat(item, f"{prefix}{name}.")
        elif isinstance(item, list):
            pairs.append((prefix + name, ", ".join(str(part) for part in item)))
        elif item is not None and item is not False:
            pairs.append((prefix + name, item))
    return pairs


def add_to(app: typer.Typer) -> None:
    """Add these commands to the program."""
    from gateway.cli import exporting
    from gateway.cli.bringing import claim, deliver, route
    from gateway.cli.erasing import erase

    leads = group("The leads that came: list, show, route, deliver, claim, erase, export.")
    app.add_typer(leads, name="leads", rich_help_panel=HEADING)
    command(
        leads,
        "list",
        examples=[
            "lead-gateway leads list --source seloger",
            "lead-gateway leads list --unrouted",
            'lead-gateway leads list --search "anne martin"',
            "lead-gateway leads list --json --limit 0 > leads.jsonl",
        ],
    )(list_)
    command(
        leads,
        "show",
        examples=[
            "lead-gateway leads show seloger/4711",
            "lead-gateway leads show 4711 --refresh",
            "lead-gateway leads show 4711 --json",
        ],
    )(show)
    command(
        leads,
        "erase",
        examples=[
            "lead-gateway leads erase seloger/4711",
            "lead-gateway leads erase seloger/4711 seloger/4712 --yes",
            "lead-gateway leads erase --email camille@example.org",
        ],
    )(erase)
    command(
        leads,
        "route",
        examples=["lead-gateway leads route", "lead-gateway leads route seloger/4711"],
    )(route)
    command(
        leads,
        "deliver",
        examples=[
            "lead-gateway leads deliver --to hubspot --since 7d",
            "lead-gateway leads deliver --to hubspot seloger/4711",
        ],
    )(deliver)
    command(
        leads, "claim", examples=['lead-gateway leads claim seloger/4711 --agent "Anne Martin"']
    )(claim)
    exporting.add_to_leads(leads)
