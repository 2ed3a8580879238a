"""The commands about the audit log: ``list`` and ``export``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import typer

from gateway.cli import output
from gateway.cli.command import Invocation, JsonOption, command, group
from gateway.cli.deliveries import LimitOption, SinceOption
from gateway.cli.exporting import FormatOption, OutputOption, write

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.store import Entry, Store

HEADING = "Look"
PAGE = 500


async def list_(
    invocation: Invocation,
    since: SinceOption = None,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
) -> None:
    """List who did what, newest first: through the dashboard, the API and these commands."""
    from gateway.cli import finding

    start = finding.moment(since) if since else None
    rows: list[Entry] = []
    async with invocation.store() as store:
        async for entry in _entries(store, start):
            rows.append(entry)
            if limit and len(rows) > limit:
                break
    column = output.Column[Any]
    output.listing(
        rows[: limit or None],
        [
            column("at", lambda row: output.clock(row.at)),
            column("who", lambda row: row.who or "nobody"),
            column("through", lambda row: row.through),
            column("did", lambda row: row.did),
            column("to", lambda row: row.target),
            column("how many", lambda row: "" if row.count is None else row.count, right=True),
        ],
        record=record,
        as_json=as_json,
        empty="Nobody did anything yet.",
    )
    if limit and len(rows) > limit and not as_json:
        output.note(f"The first {limit}; all of them with --limit 0.")


async def export(
    invocation: Invocation,
    since: SinceOption = None,
    form: FormatOption = "csv",
    to: OutputOption = None,
) -> None:
    """Write the audit log, newest first."""
    from gateway.cli import finding

    start = finding.moment(since) if since else None
    async with invocation.store() as store:
        records = (record(entry) async for entry in _entries(store, start))
        await write(records, "audit", form, to)


async def _entries(store: Store, since: datetime | None) -> AsyncIterator[Entry]:
    cursor: str | None = None
    while True:
        page = await store.audit.page(cursor, PAGE, since=since)
        for entry in page.items:
            yield entry
        cursor = page.next_cursor
        if cursor is None:
            return


def record(entry: Entry) -> dict[str, Any]:
    """One entry as programs read it."""
    return {
        "id": entry.id,
        "at": output.iso(entry.at),
        "who": entry.who,
        "through": entry.through,
        "did": entry.did,
        "target": entry.target,
        "count": entry.count,
    }


def add_to(app: typer.Typer) -> None:
    """Add these commands to the program."""
    audit = group("Who did what: replay, discard, erase, pause, export, sign-in and more.")
    app.add_typer(audit, name="audit", rich_help_panel=HEADING)
    command(
        audit,
        "list",
        examples=["lead-gateway audit list --since 7d", "lead-gateway audit list --json"],
    )(list_)
    command(audit, "export", examples=["lead-gateway audit export -o audit.csv"])(export)
