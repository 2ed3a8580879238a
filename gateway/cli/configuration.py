"""The commands about gateway.yaml: ``init``, ``check``, ``schema``."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import output
from gateway.cli.command import PATIENCE, Invocation, JsonOption, command
from gateway.cli.faults import WorkError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from gateway.config import Fault, GatewayConfig, Loaded
    from gateway.store import Store
    from gateway.wiring import Gateway

HEADING = "Set up"
VERIFY_WITHIN = 45.0
"""Seconds that one source or destination gets to answer ``check --live``."""


def init(
    invocation: Invocation,
    directory: Annotated[
        Path, typer.Argument(help="Where to write them", show_default="here")
    ] = Path(),
) -> None:
    """Write a commented starter gateway.yaml and .env, over nothing."""
    from gateway.config import write_starter

    try:
        written = write_starter(directory)
    except FileExistsError as error:
        raise WorkError(str(error)) from None
    for path in written:
        output.line(f"wrote {path}")
    output.note("Fill in .env, then: lead-gateway check --live")


def check(
    invocation: Invocation,
    live: Annotated[
        bool,
        typer.Option("--live", help="Sign in to every source and connect to every destination too"),
    ] = False,
    as_json: JsonOption = False,
) -> Any:
    """Say what is wrong with gateway.yaml; with --live, try everybody.

    Validates the configuration, its templates and expressions. --live also signs in to each source
    and opens a connection to each destination; no lead is sent. Exit code 2 for a fault in the
    configuration, 1 for somebody who does not answer.
    """
    from gateway.cli import USAGE
    from gateway.config import ConfigError, Fault, load
    from gateway.config import check as faults_of

    settings = invocation.settings()
    try:
        loaded = load(settings.config_path, settings.environ)
        faults: list[Fault] = list(faults_of(loaded))
    except ConfigError as error:
        if not as_json:
            raise
        faults = list(error.faults)
    path = settings.config_path
    faults += [Fault(path, None, "", text, warning=True) for text in settings.warnings()]
    for fault in faults:
        if as_json:
            output.json_line(_record(fault))
        else:
            output.note(f"lead-gateway: {fault}")
    if any(not fault.warning for fault in faults):
        return USAGE
    if not as_json:
        output.line(f"{settings.config_path}: {_summary(loaded.config)}")
    return _live(invocation) if live else 0


def _record(fault: Fault) -> dict[str, Any]:
    return {
        "file": str(fault.file),
        "line": fault.line,
        "path": fault.path,
        "text": fault.text,
        "warning": fault.warning,
    }


def _summary(config: GatewayConfig) -> str:
    counts = (
        (len(config.sources), "source"),
        (len(config.destinations), "destination"),
        (len(config.routes), "route"),
    )
    listed = ", ".join(output.count(number, word) for number, word in counts)
    return f"good ({listed})"


async def _live(invocation: Invocation) -> int:
    async with invocation.gateway() as gateway:
        checks: dict[str, Callable[[], Coroutine[Any, Any, list[str]]]] = {
            "store": lambda: _store_lines(gateway.store)
        }
        for name, source in gateway.sources.items():
            checks[f"sources.{name}"] = source.verify
        for name in gateway.destinations:
            checks[f"destinations.{name}"] = _destination(gateway, name)
        results = await asyncio.gather(*(_one(check) for check in checks.values()))
    failed = 0
    for place, (good, lines) in zip(checks, results, strict=True):
        failed += not good
        for number, text in enumerate(lines):
            mark = ("✓" if good else "✗") if number == 0 else " "
            where = _line_of(text, gateway.loaded)
            shown = output.clean(text) + (f" ({where})" if where else "")
            output.line(f"{mark} {place if number == 0 else '':<24} {shown}")
    return 1 if failed else 0


_KEY = re.compile(r"\b(?:sources|destinations)\.[a-z0-9][a-z0-9_-]*(?:\.[a-z_]+)+")


_ADVICE = re.compile(r"\b(?:look at|correct|take it out of|write)\b")


def _line_of(text: str, loaded: Loaded) -> str:
    """Where to change what a finding says: file and line of the key it names, or of the nearest
    parent that is there.
    """
    found = _KEY.search(text)
    if found is None or not _ADVICE.search(text):
        return ""
    fault = loaded.document.fault(tuple(found[0].split(".")), "")
    return f"{fault.file}:{fault.line}"


def _destination(gateway: Gateway, name: str) -> Callable[[], Coroutine[Any, Any, list[str]]]:
    async def verify() -> list[str]:
        return [await gateway.destinations[name].verify()]

    return verify


async def _one(check: Callable[[], Coroutine[Any, Any, list[str]]]) -> tuple[bool, list[str]]:
    from gateway.destinations.protocol import VerifyError
    from gateway.sources.protocol import SourceProblem

    try:
        async with asyncio.timeout(VERIFY_WITHIN):
            return True, await check()
    except TimeoutError:
        return False, [f"did not answer within {VERIFY_WITHIN:.0f} s"]
    except SourceProblem as problem:
        return False, [problem.text]
    except VerifyError as error:
        return False, [str(error)]


async def _store_lines(store: Store) -> list[str]:
    """What the store promises: whether it writes to disk, how often, and what it does when full."""
    from redis.exceptions import ResponseError

    async with asyncio.timeout(PATIENCE):
        ask = store.connection.command
        persistence, memory = await ask("INFO", "persistence"), await ask("INFO", "memory")
        try:
            found = await ask("CONFIG", "GET", "appendfsync")
            cells = list(found.values()) if isinstance(found, dict) else list(found)[1:]
            syncs = cells[0].decode() if isinstance(cells[0], bytes) else str(cells[0])
        except (ResponseError, IndexError):
            syncs = "unknown (CONFIG is not allowed here)"
    lines = []
    if int(persistence.get("aof_enabled", 0)):
        lines.append(f"append-only file on, appendfsync {syncs}")
        if syncs != "always":
            lines.append("a power loss may cost what came after the last sync")
    else:
        lines.append("append-only file off: a restart of the store loses leads; set appendonly yes")
    policy = memory.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        lines.append(f"maxmemory-policy {policy} throws leads away when full; set noeviction")
    return lines


def schema(invocation: Invocation) -> None:
    """Print the JSON Schema of gateway.yaml, for editors."""
    from gateway.config import schema as made

    output.line(json.dumps(made(), indent=2, ensure_ascii=False))


def add_to(app: typer.Typer) -> None:
    """Add these commands to the program."""
    command(app, "init", heading=HEADING, examples=["lead-gateway init"])(init)
    command(
        app,
        "check",
        heading=HEADING,
        examples=["lead-gateway check", "lead-gateway check --live --config agency.yaml"],
    )(check)
    command(
        app,
        "schema",
        heading=HEADING,
        examples=["lead-gateway schema > gateway.schema.json"],
    )(schema)
