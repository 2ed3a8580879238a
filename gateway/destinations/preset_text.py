"""A preset in words: what to paste into gateway.yaml, and its page in the documentation. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.destinations.preset_parameters import Parameter
from gateway.destinations.presets import Preset

MARKS = {"verified": "✓", "unverified": "?"}

REPEATS = {
    "natural": "changes nothing",
    "key": "can be told by its id",
    "none": "may be stored twice",
}
"""What a repeat does there, in two or three words."""


def facts(preset: Preset) -> str:
    """How far its facts were checked: all of them, or how many were not."""
    count = preset.unverified
    return f"{count} of {len(preset.claims)} unverified" if count else "all read"


def snippet(preset: Preset, name: str | None = None) -> str:
    """What to paste into gateway.yaml: what is needed, and what else there is as comments."""
    lines = [
        "destinations:",
        f"  {name or preset.id.partition('-')[0]}:",
        "    kind: webhook",
        f"    preset: {preset.id}",
        "    with:",
    ]
    needed = [item for item in preset.given.items() if item[1].required]
    others = [item for item in preset.given.items() if not item[1].required]
    lines += [f"      {key}: {parameter.shown}" for key, parameter in needed]
    lines += [
        f"      # {key}: {_written(parameter)}   # {parameter.help}" for key, parameter in others
    ]
    if preset.rate_limit is not None:
        lines.append(f"    # rate_limit: {preset.rate_limit}   # its default")
    return "\n".join(lines)


def _written(parameter: Parameter) -> str:
    value: Any = parameter.default
    if value is None or value == []:
        return parameter.shown
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"[{', '.join(value)}]" if isinstance(value, list) else str(value)


def page(preset: Preset) -> str:
    """The part of its page that its file tells, in Markdown."""
    return "\n".join(_page(preset)) + "\n"


def _page(preset: Preset) -> Iterator[str]:
    yield f"**Creates:** {preset.creates}"
    yield ""
    yield f"**A repeat** {REPEATS[preset.idempotency]}. {preset.repeat}"
    yield ""
    yield "## Set it up"
    yield ""
    yield from (f"{number}. {text}" for number, text in enumerate(preset.setup, start=1))
    yield ""
    yield "```yaml"
    yield snippet(preset)
    yield "```"
    yield ""
    yield "| key of `with` | | default |"
    yield "|---|---|---|"
    for key, parameter in preset.given.items():
        default = "**required**" if parameter.required else _default(parameter)
        yield f"| `{key}` | {_cell(_explained(parameter))} | {default} |"
    yield ""
    yield "## What is sent"
    yield ""
    for step in preset.steps:
        when = f", when `{_cell(step.when)}`" if step.when else ""
        yield f"- **{step.name}**: {step.title}: `{step.method} {_cell(step.path or '/')}`{when}"
        if step.recheck is not None:
            how = "always" if step.recheck.always else "when it may have been done before"
            yield f"    - first, {how}, it asks whether that is there: `GET {step.recheck.path}`"
    if preset.requires is not None:
        yield ""
        yield f"A lead is sent only when `{preset.requires.when}` holds; otherwise it is a dead"
        yield f"letter that says: {preset.requires.otherwise}."
    yield ""
    yield "See it for a lead of yours: `lead-gateway preview NAME --lead SOURCE/ID`."
    yield ""
    yield "## When something is missing"
    yield ""
    yield from (f"- {line}" for line in preset.fallbacks)
    yield ""
    yield "## How fast"
    yield ""
    if preset.rate_limit is not None:
        yield f"`rate_limit: {preset.rate_limit}` unless you write another."
        yield preset.rate_note or ""
    if preset.concurrency is not None:
        yield f"At most {preset.concurrency} at once for each worker."
    if preset.notes:
        yield ""
        yield "## Good to know"
        yield ""
        yield from (f"- {line}" for line in preset.notes)
    yield ""
    yield "## What it stands on"
    yield ""
    yield "| | fact | read in |"
    yield "|---|---|---|"
    for claim in preset.claims:
        source = claim.source or "nowhere: **unverified**"
        yield f"| {MARKS[claim.status]} | {_cell(claim.what)} | {_cell(source)} |"
    yield ""
    yield from (f"- <{item.url}> ({item.seen})" for item in preset.docs)
    yield ""
    yield f"Besides: {preset.oracle} Nobody has tried this preset against a live account yet:"
    yield "`lead-gateway test NAME` sends one invented lead, marked as a test."


def _default(parameter: Parameter) -> str:
    return "–" if parameter.default in (None, []) else f"`{_written(parameter)}`"


def _explained(parameter: Parameter) -> str:
    choices = f": {', '.join(parameter.choices)}" if parameter.choices else ""
    fields = ", a map" if parameter.kind == "fields" else ""
    return parameter.help + choices + fields


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
