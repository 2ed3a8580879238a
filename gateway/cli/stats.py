"""The command ``stats``: how many leads came, what became of them, and how fast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import output
from gateway.cli.command import Invocation, JsonOption, command

if TYPE_CHECKING:
    from gateway.cli.tally import Row
    from gateway.config import GatewayConfig
    from gateway.config.model import Rules
    from gateway.store import Store

HEADING = "Look"


async def stats(
    invocation: Invocation,
    since: Annotated[
        str, typer.Option("--since", metavar="T", help="From when: 24h, or 2026-11-24T08:00:00Z")
    ] = "24h",
    hours: Annotated[bool, typer.Option("--hours", help="By hour too, as leads came")] = False,
    as_json: JsonOption = False,
) -> None:
    """Count leads and deliveries by source, destination and agent, and how fast they went.

    Times are from the lead's creation at the portal: until it was read here, to its deliveries,
    and to its claim. Half of the leads were faster than p50, nine of ten faster than p90.
    """
    from gateway.cli import finding
    from gateway.cli.tally import Tally

    start = finding.moment(since)
    config = finding.configuration(invocation)
    tally = Tally()
    async with invocation.store() as store:
        cursor: str | None = None
        while True:
            page = await store.leads.page(cursor, finding.PAGE)
            fresh = [stored for stored in page.items if stored.received_at >= start]
            ids = [item for stored in fresh for item in stored.delivery_ids]
            tally.add(fresh, await store.deliveries.get_many(ids))
            cursor = page.next_cursor
            if cursor is None or len(fresh) < len(page.items):
                break
        names = await finding.destination_names(store, config)
        promises = await _promises(store, config)
    agents = [agent.name for rules in _rules(config) for agent in rules.agents]
    rows = tally.rows(config.sources if config else (), names, agents)
    if hours:
        rows += tally.hours()
    output.listing(
        rows,
        _columns(claims=any(row.claims for row in rows) or bool(promises)),
        record=lambda row: row.record(),
        as_json=as_json,
        empty="No leads yet.",
    )
    if not as_json:
        for line in promises:
            output.line(line)


def _rules(config: GatewayConfig | None) -> list[Rules]:
    return [config, *config.agencies.values()] if config else []


async def _promises(store: Store, config: GatewayConfig | None) -> list[str]:
    """How well the promise of ``claim`` is kept, in a line: over the last 24 hours."""
    from gateway.duty import promise_of

    claim = promise_of(config) if config else None
    if claim is None:
        return []
    promise = await store.ladders.promise(store.counts)
    within = output.span(claim.within.total_seconds())
    kept, burn = promise.kept(), promise.burn(claim.target)
    said = "nothing to count yet" if kept is None else f"{kept:.0%} kept"
    if burn is not None:
        said += f", {burn:.1f} × what may be missed"
    return [
        f"\nclaimed within {within}, last 24 h: {said} (aim {claim.target:.0%}); "
        f"{sum(promise.claimed)} claimed, {promise.waiting} waiting, "
        f"{promise.overdue} of them too long"
    ]


def _columns(*, claims: bool) -> Sequence[output.Column[Row]]:
    column = output.Column[Any]
    columns = [
        column("", lambda row: row.what),
        column("name", lambda row: row.name),
        column("leads", lambda row: row.leads, right=True),
        column("delivered", lambda row: row.delivered, right=True),
        column("waiting", lambda row: row.waiting, right=True),
        column("dead", lambda row: row.dead, right=True),
        column("discarded", lambda row: row.discarded, right=True),
        column("read p50", lambda row: _time(row.read_p50), right=True),
        column("p50", lambda row: _time(row.p50), right=True),
        column("p90", lambda row: _time(row.p90), right=True),
        column("p95", lambda row: _time(row.p95), right=True),
    ]
    if claims:
        columns += [
            column("claimed", lambda row: len(row.claims), right=True),
            column("claim p50", lambda row: _time(row.claimed_p50), right=True),
            column("claim p90", lambda row: _time(row.claimed_p90), right=True),
        ]
    return columns


def _time(seconds: float | None) -> str:
    return output.span(seconds) if seconds is not None else ""


def add_to(app: typer.Typer) -> None:
    """Add this command to the program."""
    command(
        app,
        "stats",
        heading=HEADING,
        examples=[
            "lead-gateway stats",
            "lead-gateway stats --since 7d --json",
            "lead-gateway stats --hours",
        ],
    )(stats)
