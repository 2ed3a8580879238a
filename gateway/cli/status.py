"""The command ``status``: what is wrong right now, and what to do about it."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import output
from gateway.cli.command import PATIENCE, Invocation, JsonOption, command
from gateway.cli.faults import UsageError

if TYPE_CHECKING:
    from gateway.cli.diagnosis import Finding, Seen
    from gateway.config import Fault, Loaded
    from gateway.settings import Settings
    from gateway.store import Process, Store

HEADING = "Look"
WATCH_EVERY = 3.0
"""Seconds between two looks of ``--watch``."""
FAULTS_SHOWN = 5
_CLEAR = "\x1b[H\x1b[2J\x1b[3J"
_TITLES = (
    ("LEADS DO NOT FLOW", "red"),
    ("IN TROUBLE", "red"),
    ("WAITS FOR YOU", "yellow"),
    ("LESS WELL THAN IT SHOULD", "yellow"),
)
"""What each weight is called, the worst first, with its colour."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What one look found, worst first, and one line of everything else."""

    findings: list[Finding]
    summary: str = ""


async def status(
    invocation: Invocation,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Look again every few seconds, until Ctrl-C")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Say what is wrong right now and what to do, worst first.

    Exit code 1 if anything is. It asks the store and starts nothing: what it asks about stays as it
    is.
    """
    if watch and (as_json or not sys.stdout.isatty()):
        raise UsageError("--watch draws on a terminal: without one, call status again and again")
    while True:
        found = await _look(invocation)
        if watch:
            output.line(f"{_CLEAR}lead-gateway status, {datetime.now():%H:%M:%S}\n")
        if as_json:
            for finding in found.findings:
                output.json_line(_record(finding))
        else:
            _show(found)
        if not watch:
            return 1 if found.findings else 0
        sys.stdout.flush()
        await asyncio.sleep(WATCH_EVERY)


def _show(found: _Look) -> None:
    from gateway.cli.source_details import said

    if not found.findings:
        output.line(output.styled(f"✓ All is well: {found.summary}.", "green"))
        return
    weight = -1
    for finding in found.findings:
        title, colour = _TITLES[finding.weight]
        if finding.weight != weight:
            output.line(output.styled(title, f"bold {colour}"))
            weight = finding.weight
        mark = output.styled("✗", colour)
        about = output.styled(finding.about, "bold")
        output.line(f"{mark} {about}: {output.clean(finding.what)}")
        output.line(output.styled(f"  → {finding.do}", "cyan"))
        output.fields(said(finding.details))
    if found.summary:
        output.line(output.styled(f"Besides: {found.summary}.", "dim"))


async def _look(invocation: Invocation) -> _Look:
    """One look at the file and the store."""
    from gateway.cli.diagnosis import Finding, Weight, findings

    settings = invocation.settings()
    loaded, faults = _load(settings)
    try:
        if loaded is not None and not faults:
            seen = await _ask(invocation, settings, lambda store: _see(store, loaded))
            now = datetime.now(UTC)
            return _Look(findings(seen, now), _summary(seen, now))
        running = await _ask(invocation, settings, lambda store: store.processes.running())
    except _AwayError as away:
        found = [Finding(Weight.STOPPED, "store", str(away), away.do)]
        return _Look([*_of_file(faults, ()), *found] if faults else found)
    return _Look(_of_file(faults, running))


class _AwayError(Exception):
    """The store does not answer; ``do`` says what to do."""

    def __init__(self, text: str, do: str) -> None:
        super().__init__(text)
        self.do = do


def _load(settings: Settings) -> tuple[Loaded | None, list[Fault]]:
    from gateway.config import ConfigError, check, load

    try:
        loaded = load(settings.config_path, settings.environ)
    except ConfigError as error:
        return None, list(error.faults)
    return loaded, [fault for fault in check(loaded) if not fault.warning]


def _of_file(faults: list[Fault], running: Any) -> list[Finding]:
    """A file that can not be used: nothing starts on it, and what runs keeps its old one."""
    from gateway.cli.diagnosis import Finding, Weight

    processes: list[Process] = list(running)
    if processes:
        weight, then = Weight.BLOCKED, "lead-gateway check; what runs keeps its old configuration"
    else:
        weight, then = Weight.STOPPED, "lead-gateway check; nothing starts on this file"
    found = [Finding(weight, "gateway.yaml", str(fault), then) for fault in faults[:FAULTS_SHOWN]]
    if more := len(faults) - len(found):
        found.append(Finding(weight, "gateway.yaml", f"and {more} more", "lead-gateway check"))
    return found


async def _ask(invocation: Invocation, settings: Settings, question: Any) -> Any:
    """Ask the store, without starting it: a question must not change what it asks about."""
    from gateway.embedded import Embedded
    from gateway.store import StoreUnavailable

    if settings.redis_url is None and not Embedded(settings.data_dir).answers():
        raise _AwayError(
            f"the gateway does not run here (data directory {settings.data_dir})",
            "lead-gateway run; or set REDIS_URL, or LEAD_GATEWAY_DATA_DIR to where it runs",
        )
    try:
        async with invocation.store() as store:
            return await question(store)
    except StoreUnavailable as error:
        where = "REDIS_URL" if settings.redis_url else "the embedded store"
        raise _AwayError(
            f"{error} (asked for {PATIENCE:.0f} s)",
            f"see whether {where} answers; leads wait at the portal and in the store meanwhile",
        ) from None


async def _see(store: Store, loaded: Loaded) -> Seen:
    from gateway.cli import finding
    from gateway.cli.diagnosis import Seen
    from gateway.config import check
    from gateway.duty import promises

    config = loaded.config
    destinations = await finding.destination_states(store, config)
    dying = [name for name, state in destinations.items() if state.dead]
    return Seen(
        config=config,
        warnings=[fault for fault in check(loaded) if fault.warning],
        workers=len(await store.leases.workers()),
        processes=await store.processes.running(),
        sources={name: await store.sources.get(name) for name in config.sources},
        destinations=destinations,
        dead_reasons=await store.counts.dead_reasons(dying),
        unrouted=await store.leads.count(unrouted=True),
        overdue=(await store.ladders.promise(store.counts)).overdue if promises(config) else 0,
        memory=await store.upkeep.memory(),
    )


def _summary(seen: Seen, now: datetime) -> str:
    reads = [state.last_success_at for state in seen.sources.values() if state.last_success_at]
    waiting = sum(state.pending + state.retrying for state in seen.destinations.values())
    parts = [
        output.count(len(seen.sources), "source"),
        output.count(len(seen.destinations), "destination"),
        output.count(seen.workers, "worker"),
        f"{output.count(waiting, 'delivery')} waiting",
    ]
    if reads:
        parts.append(f"last read {output.ago(max(reads), now)}")
    return ", ".join(parts)


def _record(finding: Finding) -> dict[str, Any]:
    return {
        "severity": finding.weight.name.lower(),
        "about": finding.about,
        "what": finding.what,
        "do": finding.do,
        "details": finding.details,
    }


def add_to(app: typer.Typer) -> None:
    """Add this command to the program."""
    command(
        app,
        "status",
        heading=HEADING,
        examples=[
            "lead-gateway status",
            "lead-gateway status --watch",
            "lead-gateway status --json || page-somebody",
        ],
    )(status)
