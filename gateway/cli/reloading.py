"""The command ``reload``: every role takes over gateway.yaml as it is now, or says why not."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli import audited, output
from gateway.cli.command import Invocation, JsonOption, command
from gateway.cli.faults import WorkError

if TYPE_CHECKING:
    from gateway.store import Process, Store

HEADING = "Run"
LOOK_EVERY = 0.2

WaitOption = Annotated[
    int, typer.Option("--wait", min=0, max=300, help="Seconds to wait for the roles; 0 for none")
]


async def reload(invocation: Invocation, wait: WaitOption = 30, as_json: JsonOption = False) -> int:
    """Make every running role take over gateway.yaml and .env as they are now.

    The file is checked here first, and by each role where it runs: a bad one changes nothing.
    Deliveries in flight end by the old configuration. SIGHUP does the same for one process.
    Exit code 1 if a role refused it or did not answer.
    """
    from gateway.embedded import Embedded

    settings = invocation.settings()
    invocation.loaded(settings)
    if settings.redis_url is None and not Embedded(settings.data_dir).answers():
        raise WorkError(f"the gateway does not run here (data directory {settings.data_dir})")
    async with invocation.store() as store:
        before = {process.id for process in await store.processes.running()}
        if not before:
            raise WorkError("no role is running: the next one to start reads the file by itself")
        number = await store.processes.ask_reload()
        await audited.note(store, "configuration.reload")
        answered = await _answers(store, before, number, wait)
    failed = 0
    for process in answered:
        late = process.reloads < number
        failed += bool(late or process.problem)
        what = "no answer yet" if late else process.problem or "taken over"
        if as_json:
            output.json_line(_record(process, late))
        else:
            mark = "✗" if late or process.problem else "✓"
            output.line(f"{mark} {process.name}: {output.clean(what)}")
    return 1 if failed else 0


async def _answers(store: Store, before: set[str], number: int, wait: int) -> list[Process]:
    """Those that ran when they were asked, once all of them answered or the time is over."""
    ends = time.monotonic() + wait
    while True:
        found = [item for item in await store.processes.running() if item.id in before]
        if all(item.reloads >= number for item in found) or time.monotonic() > ends:
            return found
        await asyncio.sleep(LOOK_EVERY)


def _record(process: Process, late: bool) -> dict[str, object]:
    return {
        "role": process.role,
        "host": process.host,
        "pid": process.pid,
        "digest": process.digest,
        "loaded_at": output.iso(process.loaded),
        "answered": not late,
        "problem": process.problem or None,
    }


def add_to(app: typer.Typer) -> None:
    """Add this command to the program."""
    command(
        app,
        "reload",
        heading=HEADING,
        examples=["lead-gateway reload", "lead-gateway reload --wait 0"],
    )(reload)
