"""How a function becomes a command: options that all commands share, examples in its help.

Owns ``--config`` and ``--debug`` on every command, asynchronous commands, and the plain help pages.
Knows no command.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from gateway.cli.faults import UsageError

if TYPE_CHECKING:
    from gateway.config import GatewayConfig, Loaded
    from gateway.settings import Settings
    from gateway.store import Store
    from gateway.wiring import Gateway

PATIENCE = 5.0
"""Seconds a command waits for the store. A role waits longer: nobody sits in front of it."""

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="The configuration [default: $LEAD_GATEWAY_CONFIG, then ./gateway.yaml]",
        show_default=False,
    ),
]
DebugOption = Annotated[
    bool, typer.Option("--debug", help="Say everything, with tracebacks", show_default=False)
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="One JSON object per line", show_default=False)
]
YesOption = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask before acting on many", show_default=False)
]


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of one command: what was said before and beside the command's own options."""

    config: Path | None = None
    debug: bool = False

    def settings(self) -> Settings:
        """The environment. Raises SettingsError."""
        from gateway.settings import Settings

        return Settings.read(config=self.config)

    def loaded(self, settings: Settings) -> Loaded:
        """gateway.yaml, checked. Raises ConfigError."""
        from gateway.wiring import load_checked

        return load_checked(settings)

    @asynccontextmanager
    async def store(self, config: GatewayConfig | None = None) -> AsyncIterator[Store]:
        """The store alone; the embedded one is started for as long as it takes.

        ``config`` is needed by who erases: it says who is told.
        """
        from gateway.store.erasing import nobody
        from gateway.wiring import open_store, told_by

        told = told_by(config) if config else nobody
        async with open_store(self._quiet(), patience=PATIENCE, told=told) as (store, _):
            yield store

    @asynccontextmanager
    async def gateway(self) -> AsyncIterator[Gateway]:
        """Everything assembled, as in a role. Raises ConfigError first."""
        from gateway.wiring import open_gateway

        settings = self._quiet()
        async with open_gateway(settings, self.loaded(settings), patience=PATIENCE) as gateway:
            yield gateway

    def _quiet(self) -> Settings:
        """The settings, with logs set up for a person: warnings alone unless ``--debug``."""
        from gateway.logs import setup_logs

        settings = self.settings()
        level = logging.getLevelName(logging.DEBUG if self.debug else logging.WARNING).lower()
        setup_logs(replace(settings, log_level=level, log_format="console"), "cli")
        return settings


class Contents(TyperGroup):
    """A group whose help is a table of contents: its commands under the headings they belong to."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands by heading, in the order they were added."""
        headings: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command: Any = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                heading = getattr(command, "rich_help_panel", None)
                heading = heading if isinstance(heading, str) else "Commands"
                headings.setdefault(heading, []).append((name, command.get_short_help_str(200)))
        widest = max((len(name) for rows in headings.values() for name, _ in rows), default=0)
        for heading, rows in headings.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(widest), text) for name, text in rows])


def group(about: str, **options: Any) -> typer.Typer:
    """A group of commands that shows its contents when it is called alone."""
    made = typer.Typer(cls=Contents, help=about, invoke_without_command=True, **options)

    @made.callback()
    def contents(ctx: typer.Context) -> None:
        if ctx.invoked_subcommand is None:
            typer.echo(ctx.get_help())

    return made


def command(
    to: typer.Typer, name: str, *, examples: Sequence[str] = (), heading: str | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add ``f(invocation, …)`` to a group as a command; what it returns is the exit code.

    The function may be asynchronous. Its docstring is the help, ``examples`` follow it.
    """

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(function, eval_str=True)
        own = list(signature.parameters.values())[1:]

        def call(ctx: typer.Context, **given: Any) -> Any:
            before = ctx.obj if isinstance(ctx.obj, Invocation) else Invocation()
            invocation = Invocation(
                given.pop("config") or before.config, given.pop("debug") or before.debug
            )
            result = function(invocation, **given)
            return asyncio.run(result) if inspect.iscoroutine(result) else result

        parameters = [
            _keyword("ctx", typer.Context, inspect.Parameter.empty),
            *(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own),
            _keyword("config", ConfigOption, None),
            _keyword("debug", DebugOption, False),
        ]
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {item.name: item.annotation for item in parameters}
        lines = inspect.cleandoc(function.__doc__ or "")
        if examples:
            lines += "\n\n\b\nExamples:\n" + "\n".join(f"  {line}" for line in examples)
        to.command(name, help=lines, rich_help_panel=heading or "Commands")(call)
        return function

    return add


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
    )


def not_yet(to: typer.Typer, name: str) -> None:
    """A command of the contract that a later version brings: it says so, whatever follows it."""

    def refuse(ctx: typer.Context) -> None:
        raise UsageError(
            f"{ctx.command_path.partition(' ')[2]}: is not available yet in this version"
        )

    settings = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
    to.command(name, hidden=True, context_settings=settings)(refuse)


def set_up(ctx: typer.Context, config: Path | None, debug: bool) -> None:
    """Remember what was said before the command, for whichever command follows."""
    ctx.obj = Invocation(config, debug)
