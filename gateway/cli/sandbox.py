"""The command that runs the simulated portal alone, for whoever builds against it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli import output
from gateway.cli.command import Invocation, command
from gateway.cli.faults import UsageError
from gateway.cli.processes import HEADING, RateOption, SeedOption, must_be_free

MOST_PAST = 200_000


def sandbox(
    invocation: Invocation,
    host: Annotated[str, typer.Option("--host", help="Address it listens on")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Its port")] = 8081,
    leads_per_minute: RateOption = 60.0,
    seed: SeedOption = 1,
    errors: Annotated[
        str, typer.Option("--errors", metavar="SHARE", help="Share of calls that fail, as 5%")
    ] = "0%",
    late: Annotated[
        str,
        typer.Option(
            "--late", metavar="SHARE", help="Share of leads found only a while later, as 2%"
        ),
    ] = "0%",
    faults: Annotated[
        Path | None,
        typer.Option(
            "--faults", metavar="FILE", help="What goes wrong, where and how often (YAML)"
        ),
    ] = None,
    past: Annotated[
        int,
        typer.Option("--past", min=0, max=MOST_PAST, help="Leads there are from the beginning"),
    ] = 0,
    over: Annotated[
        str, typer.Option("--over", metavar="DURATION", help="The time those are spread over")
    ] = "30d",
) -> int:
    """Run the simulated portal alone, to build against.

    It serves all seven operations of the GSL Leads API, a token endpoint, and a CRM, a Slack and a
    mail inbox to deliver to; it prints the gateway.yaml that uses them. Nobody in it exists. The
    same seed makes the same people and the same mishaps.

    While it runs, POST /sandbox/leads makes leads, POST /sandbox/faults lets calls fail, and
    GET /sandbox/state counts what was asked: docs/sandbox.md has examples. --faults takes the same
    keys from a file, such as {late: {share: 2%, by: 20m}, faults: [{on: leads, fault: 429, share:
    10%}]}.
    """
    from gateway.sandbox.portal import Late, Sheet
    from gateway.sandbox.portal.sheet import read_sheet
    from gateway.sandbox.runner import Wish, run_sandbox

    said = Sheet(errors=_share(errors, "--errors"), late=Late(share=_share(late, "--late")))
    wish = Wish(
        host=host,
        port=port,
        leads_per_minute=leads_per_minute,
        seed=seed,
        sheets=(said, read_sheet(faults)) if faults else (said,),
        past=past,
        over=_duration(over, "--over"),
    )
    must_be_free(host, port)
    asyncio.run(run_sandbox(wish, announce=output.line))
    return 0


def _share(text: str, option: str) -> float:
    from gateway.sandbox.portal.faults import share

    try:
        return share(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


def _duration(text: str, option: str) -> timedelta:
    from gateway.units import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


def add_to(app: typer.Typer) -> None:
    """Add this command to the program."""
    command(
        app,
        "sandbox",
        heading=HEADING,
        examples=[
            "lead-gateway sandbox --leads-per-minute 10 --errors 5% --late 2%",
            "lead-gateway sandbox --past 5000 --over 30d --leads-per-minute 0",
            "lead-gateway sandbox --faults faults.yaml",
            "curl -d '{\"count\": 10}' http://127.0.0.1:8081/sandbox/leads",
            'curl -d \'{"faults": [{"on": "leads", "fault": 429, "times": 3}]}\' '
            "http://127.0.0.1:8081/sandbox/faults",
        ],
    )(sandbox)
