"""The commands about presets: ``list`` those there are, ``show`` one with what to paste."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import output
from gateway.cli.command import Invocation, JsonOption, command, group
from gateway.cli.faults import UsageError

if TYPE_CHECKING:
    from gateway.config.presets import Shelf
    from gateway.destinations.presets import Preset

HEADING = "Try"


def list_presets(invocation: Invocation, as_json: JsonOption = False) -> None:
    """List the presets: what each creates, what a repeat does there, how well its facts are known.

    Yours are files in presets/ of your template folder.
    """
    from gateway.destinations.preset_text import REPEATS, facts

    shelf = _shelf(invocation)
    column = output.Column[Any]
    output.listing(
        [_read(shelf, name) for name in shelf.names()],
        [
            column("preset", lambda preset: preset.id),
            column("for", lambda preset: preset.title),
            column("calls", lambda preset: len(preset.steps), right=True),
            column("a repeat", lambda preset: REPEATS[preset.idempotency]),
            column("rate", lambda preset: preset.rate_limit or ""),
            column("facts", facts, style=lambda text: "yellow" if "unverified" in text else ""),
            column("whose", lambda preset: "yours" if shelf.is_own(preset.id) else "ours"),
        ],
        record=lambda preset: _record(shelf, preset),
        as_json=as_json,
        empty="there are no presets",
    )


def show(
    invocation: Invocation,
    preset: Annotated[str, typer.Argument(metavar="NAME", help="The preset's name")],
    source: Annotated[
        bool, typer.Option("--source", help="Print the file itself, to make one of your own")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show one preset: what it does and stands on, and what to paste into gateway.yaml."""
    shelf = _shelf(invocation)
    found = _read(shelf, preset)
    if source:
        file = shelf.file(preset)
        output.line(file.read_text("utf-8").rstrip("\n") if file else "")
    elif as_json:
        output.json_line({**_record(shelf, found), **_whole(found)})
    else:
        _print(found)


def _shelf(invocation: Invocation) -> Shelf:
    from gateway.config import ConfigError, load
    from gateway.config.presets import Shelf

    settings = invocation.settings()
    try:
        return load(settings.config_path, settings.environ).presets
    except ConfigError:
        # Whoever looks for a preset may have no configuration yet, or one that lacks it.
        return Shelf([settings.config_path.resolve().parent / "templates"])


def _read(shelf: Shelf, name: str) -> Preset:
    try:
        return shelf.preset(name)
    except ValueError as error:
        raise UsageError(str(error).removeprefix("preset: ")) from None


def _record(shelf: Shelf, preset: Preset) -> dict[str, Any]:
    return {
        "name": preset.id,
        "title": preset.title,
        "creates": preset.creates,
        "calls": len(preset.steps),
        "idempotency": preset.idempotency,
        "rate_limit": str(preset.rate_limit) if preset.rate_limit else None,
        "facts": len(preset.claims),
        "unverified": preset.unverified,
        "own": shelf.is_own(preset.id),
    }


def _whole(preset: Preset) -> dict[str, Any]:
    from gateway.destinations.preset_text import snippet

    said = preset.model_dump(
        mode="json",
        by_alias=True,
        include={"version", "docs", "claims", "setup", "given", "repeat", "fallbacks", "notes"},
    )
    return {**said, "paste": snippet(preset)}


def _print(preset: Preset) -> None:
    from gateway.destinations.preset_text import MARKS, REPEATS, facts, snippet

    output.line(f"{preset.title} ({preset.id}, version {preset.version})")
    output.line(f"  {preset.creates}")
    output.line(f"  A repeat {REPEATS[preset.idempotency]}. {preset.repeat}")
    if preset.requires is not None:
        output.line(f"  Not sent when {preset.requires.otherwise}.")
    _part("Set it up", [f"{n}. {text}" for n, text in enumerate(preset.setup, start=1)])
    _part("Paste into gateway.yaml", snippet(preset).splitlines())
    _part("Calls", [_call(step) for step in preset.steps])
    _part("When something is missing", preset.fallbacks)
    _part("Good to know", [*([preset.rate_note] if preset.rate_note else []), *preset.notes])
    _part(
        f"What it stands on ({facts(preset)}; ✓ was read at the vendor's, ? was not)",
        [f"{MARKS[claim.status]} {claim.what}" for claim in preset.claims],
    )
    _part("Read", [f"{item.url} ({item.seen})" for item in preset.docs])


def _call(step: Any) -> str:
    when = f"  (when {step.when})" if step.when else ""
    return f"{step.name}: {step.title}: {step.method} {step.path or '/'}{when}"


def _part(title: str, lines: Any) -> None:
    if lines:
        output.line()
        output.line(title)
        for text in lines:
            output.line(f"  {text}")


def add_to(app: typer.Typer) -> None:
    """Add these commands to the program."""
    presets = group("Recipes for CRMs: list, show.")
    app.add_typer(presets, name="presets", rich_help_panel=HEADING)
    command(presets, "list", examples=["lead-gateway presets list --json"])(list_presets)
    command(
        presets,
        "show",
        examples=[
            "lead-gateway presets show hubspot-contact",
            "lead-gateway presets show generic --source > templates/presets/our-hook.yaml",
        ],
    )(show)
