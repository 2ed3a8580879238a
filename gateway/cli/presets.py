"""The commands about presets: ``list`` what there is, ``show`` one with what to paste."""

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
    """List the presets: what each creates, what a repeat does there, and what nobody has checked.

    Yours lie in presets/ in your template folder, and come before ours.
    """
    shelf = _shelf(invocation)
    column = output.Column[Any]
    output.listing(
        [shelf.preset(name) for name in shelf.names()],
        [
            column("PRESET", lambda preset: preset.id),
            column("CREATES", lambda preset: _first(preset.creates)),
            column("A REPEAT", lambda preset: _REPEATS[preset.idempotency]),
            column("LIMIT", lambda preset: str(preset.rate_limit or "–")),
            column("UNVERIFIED", lambda preset: _unverified(preset), right=True),
        ],
        record=lambda preset: _record(preset, shelf),
        as_json=as_json,
        empty="there are no presets",
    )


def show(
    invocation: Invocation,
    preset: Annotated[str, typer.Argument(metavar="PRESET", help="Its name: hubspot-contact")],
    as_json: JsonOption = False,
) -> None:
    """Show one preset: what to paste into gateway.yaml, what it does, and what it stands on."""
    shelf = _shelf(invocation)
    if preset not in shelf.names():
        import difflib

        near = difflib.get_close_matches(preset, shelf.names(), 1)
        hint = f'did you mean "{near[0]}"?' if near else f"there are {', '.join(shelf.names())}"
        raise UsageError(f'there is no preset "{preset}"; {hint}')
    found = shelf.preset(preset)
    if as_json:
        output.json_line(_record(found, shelf))
        return
    output.line(f"{found.title}: {found.creates}\n")
    for line in _paste(found):
        output.line(line)
    _section("Before", found.setup)
    _section("Calls", [f"{step.method} {step.path or '(its URL)'}: {step.title}"
                       for step in found.steps])  # fmt: skip
    _section("A repeated attempt", [found.repeat])
    _section("Where a lead lacks something", found.fallbacks)
    limit = f"{found.rate_limit}: {found.rate_note or ''}".rstrip(": ") if found.rate_limit else ""
    _section("Rate limit", [limit] if limit else [])
    _section("Good to know", found.notes)
    _section("What it stands on", [
        f"{'✓' if claim.status == 'verified' else '? unverified:'} {claim.what}"
        for claim in found.claims
    ])  # fmt: skip
    _section("The vendor's pages", [f"{page.url} (read {page.read})" for page in found.docs])


_REPEATS = {
    "natural": "updates the same one",
    "key": "is told apart by its key",
    "none": "would make another",
}


def _shelf(invocation: Invocation) -> Shelf:
    """With the user's own where there is a configuration that can be read; else ours alone."""
    from gateway.config import ConfigError, load
    from gateway.config.presets import Shelf

    settings = invocation.settings()
    try:
        return Shelf(load(settings.config_path, settings.environ).template_dirs)
    except ConfigError:
        return Shelf()


def _first(text: str) -> str:
    return text if len(text) <= 60 else text[:59].rstrip(" ,.") + "…"


def _unverified(preset: Preset) -> str:
    return f"{preset.unverified} of {len(preset.claims)}" if preset.unverified else "–"


def _paste(preset: Preset) -> list[str]:
    lines = [
        "destinations:",
        "  crm:",
        "    kind: webhook",
        f"    preset: {preset.id}",
        "    with:",
    ]
    for name, parameter in preset.given.items():
        needed = "" if parameter.required else "# "
        lines.append(f"      {needed}{name}: {parameter.shown}   # {parameter.help}")
    return lines


def _section(title: str, texts: Any) -> None:
    if texts:
        output.line(f"\n{title}")
        for text in texts:
            output.line(f"  {text}")


def _record(preset: Preset, shelf: Shelf) -> dict[str, Any]:
    return {
        "preset": preset.id,
        "version": preset.version,
        "title": preset.title,
        "creates": preset.creates,
        "own": shelf.is_own(preset.id),
        "idempotency": preset.idempotency,
        "rate_limit": str(preset.rate_limit) if preset.rate_limit else None,
        "with": {
            name: {"required": parameter.required, "help": parameter.help}
            for name, parameter in preset.given.items()
        },
        "claims": [claim.model_dump() for claim in preset.claims],
        "docs": [{"url": page.url, "read": page.read.isoformat()} for page in preset.docs],
    }


def add_to(app: typer.Typer) -> None:
    """Add these commands to the program."""
    presets = group("Recipes for CRMs: list, show.")
    app.add_typer(presets, name="presets", rich_help_panel=HEADING)
    command(
        presets, "list", examples=["lead-gateway presets list", "lead-gateway presets list --json"]
    )(list_presets)
    command(presets, "show", examples=["lead-gateway presets show hubspot-contact"])(show)
