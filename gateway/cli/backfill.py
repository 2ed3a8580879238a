"""The command that walks a past period of a source: ``backfill``."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.command import Invocation, JsonOption, command
from gateway.cli.faults import UsageError, WorkError

if TYPE_CHECKING:
    from gateway.cli.backfill_view import View
    from gateway.reading.backfill import Backfill, Progress, Wish
    from gateway.sources import GslSource
    from gateway.store import Store
    from gateway.wiring import Gateway

HEADING = "Operate"
ALL = datetime(2000, 1, 1, tzinfo=UTC)
"""From when on without ``--from``: before any lead there is."""


async def backfill(
    invocation: Invocation,
    source: Annotated[str, typer.Argument(metavar="SOURCE", show_default=False)],
    since: Annotated[
        str | None,
        typer.Option("--from", metavar="T", help="Leads made from then on, as 30d or a time"),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="T", help="Up to then [default: now]")
    ] = None,
    classified: Annotated[
        int | None,
        typer.Option("--classified", metavar="ID", min=1, help="Only leads of this classified"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count what it would take in, and store nothing")
    ] = False,
    deliver: Annotated[
        bool,
        typer.Option("--deliver/--no-deliver", help="Deliver new leads, or only store them"),
    ] = True,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin anew instead of going on where it stopped")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Walk a past period of a source, and take in what is not known yet.

    Leads older than a source's start are delivered by this command alone. It goes behind live leads
    and never delivers a known one again. Ctrl-C stops it; the same command goes on where it was,
    and --dry-run says beforehand how many leads and deliveries it would be. Exit code 1 when the
    portal could not be read to the end.
    """
    from gateway.cli import finding
    from gateway.cli.backfill_view import View
    from gateway.reading.backfill import Wish

    if since is None and classified is None:
        raise UsageError("say from when, as --from 30d or --from 2026-11-01T00:00:00Z")
    wish = Wish(
        asked=f"from {since} to {until or 'now'}, classified {classified}, deliver {deliver}"
        + (f" ({secrets.token_hex(4)})" if restart else ""),
        start=finding.moment(since) if since else ALL,
        end=finding.moment(until) if until else None,
        classified=classified,
        deliver=deliver,
        dry_run=dry_run,
    )
    async with invocation.gateway() as gateway:
        walked = _source(gateway, source)
        now = await walked.now()
        if wish.start >= (wish.end or now):
            raise UsageError("--from must be before --to, and before now")
        with View(source, wish) as view:
            progress = await _walk(gateway, walked, wish, view)
        view.result(progress, as_json=as_json)
        return view.exit_code(progress)


def _source(gateway: Gateway, name: str) -> GslSource:
    from gateway.cli import finding

    finding.check_names([name], list(gateway.config.sources), "source")
    found = gateway.sources.get(name)
    if found is None:
        raise UsageError(f"{name} is pushed to: it has no past to read")
    return found


async def _walk(gateway: Gateway, source: GslSource, wish: Wish, view: View) -> Progress:
    from gateway.reading import Reader
    from gateway.reading.backfill import Backfill, Taking
    from gateway.reading.rehearsal import Rehearsal

    stop = _stop_on_signal()
    if wish.dry_run:
        rehearsal = Rehearsal(source, gateway.pipeline, deliver=wish.deliver)
        view.destinations = rehearsal.destinations
        walk = Backfill(source, gateway.store, rehearsal, wish, tell=view.tell, stop=stop)
        return await walk.run()
    retention = gateway.config.retention.leads
    reader = Reader(source, gateway.store, gateway.pipeline, retention=retention)
    taking = Taking(reader, source, gateway.store, deliver=wish.deliver)
    walk = Backfill(source, gateway.store, taking, wish, tell=view.tell, stop=stop)
    return await _alone(gateway.store, source.name, walk, view, stop)


async def _alone(
    store: Store, source: str, walk: Backfill, view: View, stop: asyncio.Event
) -> Progress:
    """Walk as the only one. Raises :class:`WorkError` while another backfill walks this source."""
    from gateway.reading.backfill import Fenced
    from workers.lease import LEASE, TRY_EVERY, while_held

    name, owner = f"backfill:{source}", _owner()
    found: list[Progress] = []

    async def work(token: int) -> None:
        found.append(await walk.run(token))

    loop = asyncio.get_running_loop()
    until = loop.time() + LEASE + TRY_EVERY
    other = f"another backfill of {source} is running ({await store.leases.holder(name)})"
    try:
        while not await while_held(store.leases, name, owner, work):
            # One that was killed is over when its lease ends; one that lives keeps it.
            if loop.time() > until or stop.is_set():
                raise WorkError(f"{other}: wait until it is done, or stop it with Ctrl-C")
            view.note(f"{other}; waiting whether it is still alive")
            with suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    await stop.wait()
    except Fenced:
        found.clear()
    finally:
        with suppress(Exception):
            await store.leases.give_up(name, owner)
    if not found:
        raise WorkError(
            f"another backfill of {source} took over, or the store was away for too long; the same "
            "command goes on where this one was"
        )
    return found[0]


def _owner() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}, {secrets.token_hex(3)}"


def _stop_on_signal() -> asyncio.Event:
    """The first Ctrl-C stops in order, a second one at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def heard(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, heard, number)
    return stop


def add_to(app: typer.Typer) -> None:
    """Add this command to the program."""
    command(
        app,
        "backfill",
        heading=HEADING,
        examples=[
            "lead-gateway backfill seloger --from 30d --dry-run",
            "lead-gateway backfill seloger --from 30d",
            "lead-gateway backfill seloger --from 2026-11-01T00:00:00Z --to 2026-11-08T00:00:00Z",
            "lead-gateway backfill seloger --classified 123456789 --no-deliver",
        ],
    )(backfill)
