"""The command ``status``: what is wrong right now, and what to do about it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from gateway.cli import output
from gateway.cli.command import PATIENCE, Invocation, JsonOption, command

if TYPE_CHECKING:
    from gateway.cli.diagnosis import Finding, Seen
    from gateway.config import Loaded
    from gateway.settings import Settings
    from gateway.store import Store

HEADING = "Look"
COUNTED = 100
"""Unrouted leads are counted up to here."""


async def status(invocation: Invocation, as_json: JsonOption = False) -> int:
    """Say what is wrong right now and what to do, worst first.

    Exit code 1 if anything is.
    """
    from gateway.cli.diagnosis import Finding, Weight, findings
    from gateway.cli.source_details import said

    settings = invocation.settings()
    found: list[Finding]
    summary = ""
    try:
        loaded, faults = _load(settings)
        found = [
            Finding(Weight.STOPPED, "gateway.yaml", str(fault), "lead-gateway check")
            for fault in faults
        ]
        if loaded is not None and not found:
            seen = await _look(invocation, settings, loaded)
            now = datetime.now(UTC)
            found = findings(seen, now)
            summary = _summary(seen, now)
    except _AwayError as away:
        found = [Finding(Weight.STOPPED, "store", str(away), away.do)]
    if as_json:
        for finding in found:
            output.json_line(_record(finding))
    elif not found:
        output.line(f"All is well: {summary}.")
    for finding in found if not as_json else ():
        output.line(f"✗ {finding.about}: {output.clean(finding.what)}")
        output.line(f"  → {finding.do}")
        output.fields(said(finding.details))
    return 1 if found else 0


class _AwayError(Exception):
    """The store does not answer; ``do`` says what to do."""

    def __init__(self, text: str, do: str) -> None:
        super().__init__(text)
        self.do = do


def _load(settings: Settings) -> tuple[Loaded | None, list[Any]]:
    from gateway.config import ConfigError, check, load

    try:
        loaded = load(settings.config_path, settings.environ)
    except ConfigError as error:
        return None, list(error.faults)
    return loaded, [fault for fault in check(loaded) if not fault.warning]


async def _look(invocation: Invocation, settings: Settings, loaded: Loaded) -> Seen:
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
            return await _see(store, loaded)
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
    from gateway.delivery import State

    config = loaded.config
    destinations = await finding.destination_states(store, config)
    dead_reasons = {}
    for name, state in destinations.items():
        if state.dead:
            page = await store.deliveries.page(None, 1, destinations=[name], states=[State.DEAD])
            dead_reasons[name] = page.items[0].reason if page.items else None
    return Seen(
        config=config,
        warnings=[fault for fault in check(loaded) if fault.warning],
        workers=len(await store.leases.workers()),
        processes=await store.processes.running(),
        sources={name: await store.sources.get(name) for name in config.sources},
        destinations=destinations,
        dead_reasons=dead_reasons,
        unrouted=len((await store.leads.page(None, COUNTED, unrouted=True)).items),
    )


def _summary(seen: Seen, now: datetime) -> str:
    reads = [state.last_success_at for state in seen.sources.values() if state.last_success_at]
    parts = [
        output.count(len(seen.sources), "source"),
        output.count(len(seen.destinations), "destination"),
        output.count(seen.workers, "worker"),
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
        examples=["lead-gateway status", "lead-gateway status --json || page-somebody"],
    )(status)
