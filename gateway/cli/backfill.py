"""The command ``backfill``: old leads of a source, read on somebody's word."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import output
from gateway.cli.command import Invocation, JsonOption, command
from gateway.cli.faults import UsageError, WorkError

if TYPE_CHECKING:
    from gateway.reading.backfill import Outcome, Tell
    from gateway.store.backfills import Course

HEADING = "Operate"
LINE_EVERY = 5.0
"""Seconds between two lines of progress where there is no terminal."""


async def backfill(
    invocation: Invocation,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Its name")],
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="T", help="From when: 30d, or 2026-11-01T00:00:00Z"),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="T", help="To when; default: now")
    ] = None,
    classified: Annotated[
        int | None, typer.Option("--classified", metavar="ID", help="Every lead of one classified")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count what would be read; store nothing")
    ] = False,
    deliver: Annotated[
        bool, typer.Option("--deliver/--no-deliver", help="Deliver new leads, or only store them")
    ] = True,
    as_json: JsonOption = False,
) -> int:
    """Read a past period of a source, and deliver what is new in it behind what is live.

    Leads that are known are never delivered again. Broken off by Ctrl-C or a crash, the same
    command goes on where it was. It reads at the portal's pace, beside the poller.
    """
    from gateway.cli import finding
    from gateway.reading import Reader
    from gateway.reading.backfill import Backfill, Order
    from gateway.sources.protocol import SourceProblem
    from workers.lease import LEASE, while_held

    if (start is None) == (classified is None):
        raise UsageError("say what: --from T (and --to T), or --classified ID")
    if end is not None and classified is not None:
        raise UsageError("--classified reads all of one classified: leave out --to")
    began = finding.moment(start) if start else datetime.now(UTC)
    until = finding.moment(end) if end else None
    if until is not None and until <= began:
        raise UsageError("--to: write a time after --from")
    wish = f"{start or ''} {end or ''} {classified or ''} {deliver}"
    order = Order(wish, began, until, classified, deliver, dry_run)
    outcomes: list[Outcome] = []
    async with invocation.gateway() as gateway:
        finding.check_names([source], list(gateway.config.sources), "source")
        found = gateway.sources.get(source)
        if found is None:
            raise UsageError(f"{source} is not read: only sources that are polled have a past")
        reader = Reader(
            found, gateway.store, gateway.pipeline, retention=gateway.config.retention.leads
        )
        walk = Backfill(found, gateway.store, gateway.pipeline, reader)
        name = f"{socket.gethostname()}-{os.getpid()}-{random.randbytes(3).hex()}"  # noqa: S311

        async def work(token: int) -> None:
            with _shown(as_json) as tell:
                outcomes.append(await walk.run(order, tell))

        try:
            # One that was killed lets go when its lease ends: who goes on need not know.
            held, until_then = False, time.monotonic() + LEASE + 1
            while not held and time.monotonic() < until_then:
                held = await while_held(gateway.store.leases, f"backfill:{source}", name, work)
                if not held:
                    await asyncio.sleep(0.5)
        except SourceProblem as problem:
            raise WorkError(f"{problem.text}\nthe same command goes on where it was") from None
        finally:
            await gateway.store.leases.give_up(f"backfill:{source}", name)
    if not held:
        raise WorkError(f"another backfill of {source} is running: wait until it is done")
    if not outcomes:
        raise WorkError("the store was away for too long: the same command goes on where it was")
    _say(outcomes[0], order.dry, as_json=as_json)
    return 0


@contextmanager
def _shown(as_json: bool) -> Iterator[Tell]:
    """A bar on a terminal; elsewhere a line every few seconds."""
    if not sys.stderr.isatty():
        said = time.monotonic()

        def line(course: Course) -> None:
            nonlocal said
            if not as_json and time.monotonic() - said >= LINE_EVERY:
                said = time.monotonic()
                output.note(f"{_counts(course)}, up to {output.clock(course.reached)}")

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.fields[day]}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[counts]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0, day="", counts="")
        began, first = time.monotonic(), [-1]

        def moved(course: Course) -> None:
            read = course.counts.get("read", 0)
            if first[0] < 0:
                first[0] = read
            whole = (course.end - course.start).total_seconds() or 1.0
            done = (course.reached - course.start).total_seconds() / whole
            pace = (read - first[0]) / max(0.1, time.monotonic() - began)
            bar.update(
                task,
                completed=done,
                day=f"{course.reached:%Y-%m-%d}",
                counts=f"{_counts(course)}, {pace:.0f}/s",
            )

        yield moved


def _counts(course: Course) -> str:
    counts = course.counts
    new, known = counts.get("new", 0), counts.get("known", 0)
    return f"{output.count(counts.get('read', 0), 'lead')} read, {new} new, {known} known"


def _say(outcome: Outcome, dry: bool, *, as_json: bool) -> None:
    course, counts = outcome.course, outcome.course.counts
    if as_json:
        record: dict[str, Any] = {
            "from": output.iso(course.start),
            "to": output.iso(course.end),
            "dry_run": dry,
            "resumed": outcome.resumed,
            **counts,
            "left_out": outcome.left_out,
        }
        output.json_line(record)
        return
    for feed, problem in outcome.left_out.items():
        output.note(f"feed {feed} was left out: {problem}")
    if outcome.resumed:
        output.note("went on where it was broken off")
    extra = "".join(
        f", {counts[name]} {name}" for name in ("changed", "rejected") if counts.get(name)
    )
    would = (
        "nothing stored: a dry run"
        if dry
        else (f"{output.count(counts.get('deliveries', 0), 'delivery')} on their way")
    )
    output.line(f"{_counts(course)}{extra}; {would}")


def add_to(app: typer.Typer) -> None:
    """Add this command to the program."""
    command(
        app,
        "backfill",
        heading=HEADING,
        examples=[
            "lead-gateway backfill seloger --from 30d --dry-run",
            "lead-gateway backfill seloger --from 2026-11-01 --to 2026-11-15",
            "lead-gateway backfill seloger --from 30d --no-deliver",
            "lead-gateway backfill seloger --classified 4711",
        ],
    )(backfill)
