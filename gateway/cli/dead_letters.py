"""The commands about dead letters: list, show, replay, discard."""

from __future__ import annotations

import typer

from gateway.cli import replay as many
from gateway.cli.command import Invocation, JsonOption, YesOption, command, group
from gateway.cli.deliveries import (
    EXAMPLE,
    HEADING,
    AllOption,
    DestinationOption,
    IdsArgument,
    LimitOption,
    ReasonOption,
    SinceOption,
    list_wanted,
    show,
)


async def list_(
    invocation: Invocation,
    destination: DestinationOption = None,
    reason: ReasonOption = None,
    since: SinceOption = None,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
) -> None:
    """List deliveries that were given up, the latest first."""
    from gateway.cli import finding

    wanted = finding.wanted(destination, reason, since, ["dead"])
    await list_wanted(invocation, wanted, limit, as_json)


async def replay(
    invocation: Invocation,
    ids: IdsArgument = None,
    destination: DestinationOption = None,
    reason: ReasonOption = None,
    since: SinceOption = None,
    everything: AllOption = False,
    yes: YesOption = False,
) -> int:
    """Try dead letters again now, on a new schedule."""
    from gateway.cli import finding

    wanted = finding.wanted(destination, reason, since, ["dead"])
    meant = many.Meant(wanted, tuple(ids or ()), everything, dead_only=True)
    return await many.replay(invocation, meant, yes=yes)


async def discard(
    invocation: Invocation,
    ids: IdsArgument = None,
    destination: DestinationOption = None,
    reason: ReasonOption = None,
    since: SinceOption = None,
    everything: AllOption = False,
    yes: YesOption = False,
) -> int:
    """Give dead letters up for good: they are never delivered any more."""
    from gateway.cli import finding

    wanted = finding.wanted(destination, reason, since, ["dead"])
    meant = many.Meant(wanted, tuple(ids or ()), everything, dead_only=True)
    return await many.discard(invocation, meant, yes=yes)


def add_to(app: typer.Typer) -> None:
    """Add these commands to the program."""
    dead = group("Deliveries that were given up: list, show, replay, discard.")
    app.add_typer(dead, name="dead-letters", rich_help_panel=HEADING)
    command(
        dead, "list", examples=["lead-gateway dead-letters list --destination crm --since 24h"]
    )(list_)
    command(dead, "show", examples=[f"lead-gateway dead-letters show {EXAMPLE}"])(show)
    command(
        dead,
        "replay",
        examples=[
            f"lead-gateway dead-letters replay {EXAMPLE}",
            "lead-gateway dead-letters replay --destination crm --reason rejected",
        ],
    )(replay)
    command(dead, "discard", examples=["lead-gateway dead-letters discard --reason gone --yes"])(
        discard
    )
