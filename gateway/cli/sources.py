"""The commands about sources: list, poll, pause, resume, reset; and, next door, the closer look."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import audited, completing, output
from gateway.cli.command import Invocation, JsonOption, YesOption, command, group
from gateway.cli.faults import UsageError, WorkError

if TYPE_CHECKING:
    from gateway.config import GatewayConfig
    from gateway.store import Store

HEADING = "Operate"

NamesArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME...", help="Sources", show_default=False, autocompletion=completing.sources
    ),
]


async def list_(invocation: Invocation, as_json: JsonOption = False) -> None:
    """List sources: whether they can be read, and how far they are."""
    from gateway.cli import finding, records

    config = finding.configuration(invocation)
    now = datetime.now(UTC)
    async with invocation.store() as store:
        states = [await store.sources.get(name) for name in await _known(store, config)]
    kinds = {name: finding.kind_of(part) for name, part in config.sources.items()} if config else {}
    column = output.Column[Any]
    output.listing(
        states,
        [
            column("source", lambda row: row.name),
            column(
                "kind", lambda row: kinds.get(row.name, "?" if not config else "not configured")
            ),
            column("state", lambda row: _state(row.state, kinds.get(row.name))),
            column("last read", lambda row: _read(row, kinds.get(row.name), now)),
            column("read up to", lambda row: output.clock(row.checkpoint)),
            column("clock", lambda row: _skew(row.clock_skew)),
            column("next try", lambda row: output.clock(row.next_try_at)),
            column("problem", lambda row: row.problem or "; ".join(row.feed_problems.values())),
        ],
        record=lambda row: records.of_source(row, config, now),
        as_json=as_json,
        empty="No sources.",
    )


def _state(state: str, kind: str | None) -> str:
    return "waits for posts" if kind == "push" and state == "new" else state


def _read(state: Any, kind: str | None, now: datetime) -> str:
    return "" if kind == "push" else output.ago(state.last_success_at, now)


def _skew(seconds: float | None) -> str:
    """How far the portal's clock is from ours: a header without fractions can not say less."""
    if seconds is None:
        return ""
    return "agrees" if abs(seconds) < 2 else f"{seconds:+.0f} s"


async def _known(store: Store, config: GatewayConfig | None) -> list[str]:
    configured = config.sources if config else ()
    return list(dict.fromkeys([*configured, *await store.sources.names()]))


async def poll(invocation: Invocation, names: NamesArgument) -> None:
    """Read sources now instead of at their next turn."""
    async with invocation.store() as store:
        for name in await _polled(invocation, store, names):
            await store.sources.wake(name)
            await audited.note(store, "sources.poll", name)
            output.line(f"{name}: the poller will read it at once")


async def pause(invocation: Invocation, names: NamesArgument) -> None:
    """Stop reading sources; once resumed they go on where they were."""
    async with invocation.store() as store:
        for name in await _polled(invocation, store, names):
            await store.sources.pause(name)
            await audited.note(store, "sources.pause", name)
            output.line(f"{name}: paused")


async def resume(invocation: Invocation, names: NamesArgument) -> None:
    """Read sources again, from where they were."""
    async with invocation.store() as store:
        for name in await _polled(invocation, store, names):
            await store.sources.resume(name)
            await audited.note(store, "sources.resume", name)
            output.line(f"{name}: resumed")


async def reset(invocation: Invocation, names: NamesArgument, yes: YesOption = False) -> int:
    """Forget how far sources were read: the next poll is a first run.

    Leads stay known, and none is delivered twice. What came since the last poll and before the new
    start is not delivered: use it after a change of account, not after trouble.
    """
    async with invocation.store() as store:
        meant = await _polled(invocation, store, names)
        listed = ", ".join(meant)
        if not yes and not output.ask(f"Forget how far {listed} was read?"):
            return 1
        for name in meant:
            await store.sources.reset(name)
            await audited.note(store, "sources.reset", name)
            output.line(f"{name}: reset")
    return 0


async def _polled(invocation: Invocation, store: Store, names: Sequence[str]) -> list[str]:
    from gateway.cli import finding

    config = finding.configuration(invocation)
    known = await _known(store, config)
    finding.check_names(names, known, "source")
    for name in names:
        if config and name in config.sources and finding.kind_of(config.sources[name]) == "push":
            raise UsageError(f"{name} is pushed to, nobody reads it")
    if not known:
        raise WorkError("there is no source")
    return list(dict.fromkeys(names))


def add_to(app: typer.Typer) -> None:
    """Add these commands to the program."""
    from gateway.cli.source_details import erasures, show

    sources = group("Where leads come from: list, show, poll, pause, resume, reset, erasures.")
    app.add_typer(sources, name="sources", rich_help_panel=HEADING)
    command(sources, "list", examples=["lead-gateway sources list --json"])(list_)
    command(sources, "show", examples=["lead-gateway sources show seloger"])(show)
    command(sources, "poll", examples=["lead-gateway sources poll seloger"])(poll)
    command(sources, "pause", examples=["lead-gateway sources pause seloger"])(pause)
    command(sources, "resume", examples=["lead-gateway sources resume seloger"])(resume)
    command(sources, "reset", examples=["lead-gateway sources reset seloger --yes"])(reset)
    command(
        sources,
        "erasures",
        examples=[
            "lead-gateway sources erasures seloger",
            "lead-gateway sources erasures seloger --confirm",
        ],
    )(erasures)
