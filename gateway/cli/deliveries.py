"""The commands about deliveries: list, show, replay; and what dead letters share with them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import completing, output
from gateway.cli import replay as many
from gateway.cli.command import Invocation, JsonOption, YesOption, command, group
from gateway.cli.faults import WorkError

if TYPE_CHECKING:
    from gateway.cli.finding import Wanted
    from gateway.config import GatewayConfig
    from gateway.delivery import Delivery
    from gateway.store import Store

HEADING = "Operate"
EXAMPLE = "dlv_0c5e7a1b2c3d4e5f60718293a4b5c6d7"

IdsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ID]...", help="Deliveries, by id", show_default=False),
]
DestinationOption = Annotated[
    list[str] | None,
    typer.Option(
        "--destination",
        "-d",
        metavar="NAME",
        help="Of this destination (repeatable)",
        autocompletion=completing.destinations,
    ),
]
ReasonOption = Annotated[
    str | None, typer.Option("--reason", metavar="REASON", help="That ended for this reason")
]
SinceOption = Annotated[
    str | None,
    typer.Option("--since", metavar="T", help="Made since: 24h, or 2026-11-24T08:00:00Z"),
]
StateOption = Annotated[
    list[str] | None,
    typer.Option("--state", metavar="STATE", help="In this state (repeatable)"),
]
LeadOption = Annotated[
    str | None, typer.Option("--lead", metavar="LEAD", help="Of this lead: SOURCE/ID")
]
LimitOption = Annotated[int, typer.Option("--limit", min=0, help="At most so many; 0 for all")]
AllOption = Annotated[bool, typer.Option("--all", help="Every one of them")]
ForceOption = Annotated[bool, typer.Option("--force", help="Send delivered ones a second time too")]


async def list_(
    invocation: Invocation,
    state: StateOption = None,
    destination: DestinationOption = None,
    reason: ReasonOption = None,
    lead: LeadOption = None,
    since: SinceOption = None,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
) -> None:
    """List deliveries, newest first."""
    from gateway.cli import finding

    shown = frozenset(state or ())
    # A held one is pending or retrying underneath.
    states = (shown - {"held"}) | ({"pending", "retrying"} if "held" in shown else set())
    wanted = finding.wanted(destination, reason, since, sorted(states))
    await list_wanted(invocation, wanted, limit, as_json, lead=lead, shown=shown)


async def list_wanted(
    invocation: Invocation,
    wanted: Wanted,
    limit: int,
    as_json: bool,
    *,
    lead: str | None = None,
    shown: frozenset[str] = frozenset(),
) -> None:
    """Print what is meant; ``shown`` are the states as a person sees them, ``held`` among them."""
    from gateway.cli import finding, records

    config = finding.configuration(invocation)
    dead = wanted.states == ("dead",)
    async with invocation.store() as store:
        states = await finding.destination_states(store, config)
        finding.check_names(wanted.destinations, list(states), "destination")
        held = records.held(config, states.values())
        rows: list[tuple[Delivery, str | None]] = []
        more = False
        async for delivery in _found(store, wanted, await _uid(store, lead, config)):
            why = records.why_held(delivery, held, config)
            if shown and ("held" if why else delivery.state.value) not in shown:
                continue
            if limit and len(rows) == limit:
                more = True
                break
            rows.append((delivery, why))
        if as_json:
            rows = [(await store.deliveries.get(row.id) or row, why) for row, why in rows]
    output.listing(
        rows,
        _columns(dead=dead),
        record=lambda row: records.of_delivery(row[0], held),
        as_json=as_json,
        empty="No dead letters." if dead else "No deliveries.",
    )
    if more and not as_json:
        output.note(f"The first {limit}; all of them with --limit 0.")


async def _uid(store: Store, lead: str | None, config: GatewayConfig | None) -> str | None:
    from gateway.cli import finding

    return (await finding.lead(store, lead, config)).uid if lead else None


async def _found(store: Store, wanted: Wanted, uid: str | None) -> AsyncIterator[Delivery]:
    from gateway.cli import finding

    if uid is None:
        async for delivery in finding.deliveries(store, wanted):
            yield delivery
        return
    stored = await store.leads.get(uid)
    for delivery in await store.deliveries.get_many(stored.delivery_ids if stored else ()):
        if wanted.has(delivery):
            yield delivery


def _columns(*, dead: bool) -> list[output.Column[Any]]:
    column = output.Column[Any]
    when = column("made", lambda row: output.clock(row[0].created_at))
    state = column("state", lambda row: "held" if row[1] else row[0].state.value)
    reason = column("reason", lambda row: row[1] or (row[0].reason.value if row[0].reason else ""))
    next_try = column("next try", lambda row: output.clock(row[0].next_attempt_at))
    return [
        when,
        column("lead", lambda row: f"{row[0].source}/{row[0].lead_id}"),
        column("destination", lambda row: row[0].destination),
        *([] if dead else [state]),
        reason,
        column("attempts", lambda row: row[0].attempts_made, right=True),
        *([] if dead else [next_try]),
        column("id", lambda row: row[0].id),
    ]


async def show(
    invocation: Invocation,
    delivery_id: Annotated[str, typer.Argument(metavar="ID", help="The delivery's id")],
    as_json: JsonOption = False,
) -> None:
    """Show one delivery with every attempt."""
    from gateway.cli import finding, records

    config = finding.configuration(invocation)
    async with invocation.store() as store:
        delivery = await store.deliveries.get(delivery_id)
        states = await finding.destination_states(store, config)
    if delivery is None:
        raise WorkError(f"there is no delivery {delivery_id}")
    held = records.held(config, states.values())
    if as_json:
        output.json_line(records.of_delivery(delivery, held))
    else:
        describe(delivery, records.why_held(delivery, held, config))


def describe(delivery: Delivery, why_held: str | None) -> None:
    """Print a delivery and its attempts for people."""
    output.fields(
        [
            ("delivery", delivery.id),
            ("lead", f"{delivery.source}/{delivery.lead_id}"),
            ("destination", delivery.destination),
            ("occasion", delivery.occasion if delivery.occasion != "new" else ""),
            ("state", "held" if why_held else delivery.state.value),
            ("reason", why_held or (delivery.reason.value if delivery.reason else "")),
            ("made", output.clock(delivery.created_at)),
            ("delivered", output.clock(delivery.delivered_at)),
            ("next try", output.clock(delivery.next_attempt_at)),
            ("receiver's id", delivery.remote_id),
        ]
    )
    for attempt in delivery.attempts:
        status = f" {attempt.status}" if attempt.status is not None else ""
        doubt = "  (the receiver may have it all the same)" if attempt.uncertain else ""
        output.line(
            f"  {attempt.number:>2}. {output.clock(attempt.at)}  {attempt.outcome}: "
            f"{attempt.reason.value}{status}, {output.span(attempt.duration_ms / 1000)}{doubt}"
        )
        if attempt.answer:
            output.line(f"      {output.clean(attempt.answer)[:400]}")


async def replay(
    invocation: Invocation,
    ids: IdsArgument = None,
    state: StateOption = None,
    destination: DestinationOption = None,
    reason: ReasonOption = None,
    since: SinceOption = None,
    everything: AllOption = False,
    force: ForceOption = False,
    yes: YesOption = False,
) -> int:
    """Try deliveries again now; dead ones begin a new schedule.

    Filters mean dead deliveries unless --state says otherwise.
    """
    from gateway.cli import finding

    wanted = finding.wanted(destination, reason, since, state or ["dead"])
    meant = many.Meant(wanted, tuple(ids or ()), everything)
    return await many.replay(invocation, meant, yes=yes, force=force)


def add_to(app: typer.Typer) -> None:
    """Add these commands to the program."""
    from gateway.cli import exporting

    deliveries = group("Every delivery of every lead: list, show, replay, export.")
    app.add_typer(deliveries, name="deliveries", rich_help_panel=HEADING)
    command(
        deliveries,
        "list",
        examples=[
            "lead-gateway deliveries list --state retrying --state held",
            "lead-gateway deliveries list --lead seloger/4711 --json",
        ],
    )(list_)
    command(deliveries, "show", examples=[f"lead-gateway deliveries show {EXAMPLE}"])(show)
    command(
        deliveries,
        "replay",
        examples=[
            f"lead-gateway deliveries replay {EXAMPLE}",
            "lead-gateway deliveries replay --state retrying --destination crm --yes",
        ],
    )(replay)
    exporting.add_to_deliveries(deliveries)
