"""The table of contents: which command stands in which module, and under which heading."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gateway import __version__
from gateway.cli import (
    agents,
    audit,
    backfill,
    configuration,
    dead_letters,
    deliveries,
    destinations,
    keys,
    leads,
    presets,
    processes,
    reloading,
    routes,
    sandbox,
    sources,
    stats,
    status,
    templates,
    trial,
)
from gateway.cli.command import ConfigOption, Contents, DebugOption, set_up


def program() -> Any:
    """The whole command line, ready to be called with arguments."""
    app = typer.Typer(
        cls=Contents,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=True,
        invoke_without_command=True,
        help="Forwards real-estate leads to CRMs, inboxes and Slack within seconds; loses none.",
        epilog="New here? lead-gateway demo shows it at work. lead-gateway COMMAND --help has "
        "examples.",
    )

    @app.callback()
    def top(
        ctx: typer.Context,
        config: ConfigOption = None,
        debug: DebugOption = False,
        version: Annotated[
            bool, typer.Option("--version", help="Say the version and end", is_eager=True)
        ] = False,
    ) -> None:
        set_up(ctx, config, debug)
        if version:
            typer.echo(f"lead-gateway {__version__}")
            raise typer.Exit
        if ctx.invoked_subcommand is None:
            typer.echo(ctx.get_help())

    # The order here is the order in the help.
    for module in (
        configuration, keys, processes, sandbox, reloading, status, stats, leads, trial,
        presets, templates, routes, deliveries, dead_letters, destinations, sources, agents,
        backfill, audit,
    ):  # fmt: skip
        module.add_to(app)
    return typer.main.get_command(app)
