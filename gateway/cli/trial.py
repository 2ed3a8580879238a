"""The commands that try a destination: ``preview`` sends nothing, ``test`` sends one sample."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import output
from gateway.cli.command import Invocation, JsonOption, command
from gateway.cli.faults import UsageError, WorkError

if TYPE_CHECKING:
    from gateway.config import Loaded
    from gateway.delivery import Message, Outcome
    from gateway.destinations.protocol import Destination, Preview
    from gateway.lead import Lead
    from gateway.settings import Settings

HEADING = "Try"
STEPS_ALLOWED = 10
"""Calls that one delivery may take before a test gives it up."""

DestinationArgument = Annotated[str, typer.Argument(metavar="DESTINATION", help="Its name")]
SampleOption = Annotated[
    str | None,
    typer.Option("--sample", metavar="CATEGORY", help="CLASSIFIED, AGENCY, ESTIMATION or PROJECT"),
]


async def preview(
    invocation: Invocation,
    destination: DestinationArgument,
    lead: Annotated[
        str | None, typer.Option("--lead", metavar="LEAD", help="A stored lead: SOURCE/ID")
    ] = None,
    sample: SampleOption = None,
    eml: Annotated[
        Path | None, typer.Option("--eml", metavar="FILE", help="Write the whole mail here")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the mail's HTML here")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print exactly what would be sent; send nothing.

    Secrets are masked. Without --lead it is an invented lead.
    """
    if lead and sample:
        raise UsageError("write --lead or --sample, not both")
    settings = invocation.settings()
    loaded = invocation.loaded(settings)
    _must_have(loaded, destination)
    shown = (
        await _stored(invocation, lead, loaded) if lead else _sample(sample, loaded, _sample_id())
    )
    built = _build(loaded, settings, destination)
    try:
        prepared: Any = _render(built, shown)
        for path, content in _files(prepared, eml, html):
            path.write_bytes(content)
            output.note(f"wrote {path}")
        found: Preview = prepared.preview()
    finally:
        await built.close()
    if as_json:
        output.json_line({**asdict(found), "head": [list(pair) for pair in found.head]})
    else:
        _print(found)


def _must_have(loaded: Loaded, destination: str) -> None:
    from gateway.cli.finding import check_names

    check_names([destination], list(loaded.config.destinations), "destination")


async def _stored(invocation: Invocation, name: str, loaded: Loaded) -> Lead:
    from gateway.cli import finding

    async with invocation.store() as store:
        return (await finding.lead(store, name, loaded.config)).lead


def _sample(category: str | None, loaded: Loaded, lead_id: str) -> Lead:
    """An invented lead of a category, as if it had come from the first source."""
    from gateway.sandbox.leads import CATEGORIES, sample
    from gateway.sources.gsl_lead import normalise

    wanted = (category or CATEGORIES[0]).upper()
    if wanted not in CATEGORIES:
        raise UsageError(f"--sample: write one of {', '.join(CATEGORIES)}")
    now = datetime.now(UTC)
    name = next(iter(loaded.config.sources), "sample")
    part = loaded.config.sources.get(name)
    identity = (part.identity if part else None) or name
    lead = normalise(sample(wanted, now), source=name, identity=identity, received_at=now)
    return lead.model_copy(update={"id": lead_id, "test": True})


def _sample_id() -> str:
    # New each time: a receiver that keeps ids would otherwise call a second test a repeat.
    return f"test-{time.time_ns() // 1_000_000}"


def _build(loaded: Loaded, settings: Settings, name: str) -> Destination:
    from gateway.config import make_renderer
    from gateway.destinations import build
    from gateway.oauth import OwnTokens
    from gateway.wiring import surroundings

    renderer = make_renderer(loaded, settings.public_url)
    around = surroundings(loaded, renderer, OwnTokens())
    return build(name, loaded.config.destinations[name], around)


def _message(destination: str, lead: Lead, saved: dict[str, Any] | None = None) -> Message:
    from gateway.delivery import Message, delivery_id

    identifier = delivery_id(lead.identity, lead.id, destination)
    return Message(identifier, destination, lead.received_at, saved=saved or {})


def _render(destination: Destination, lead: Lead, saved: dict[str, Any] | None = None) -> Any:
    from gateway.render import TemplateError

    try:
        return destination.render(lead, _message(destination.name, lead, saved))
    except TemplateError as error:
        raise WorkError(f"{destination.name}: {error}") from None


def _files(prepared: Any, eml: Path | None, html: Path | None) -> list[tuple[Path, bytes]]:
    from gateway.destinations.email import PreparedMail

    if eml is None and html is None:
        return []
    if not isinstance(prepared, PreparedMail):
        raise UsageError("--eml and --html are for mail destinations")
    files = [(eml, prepared.message.as_bytes())] if eml else []
    if html:
        part = prepared.message.get_body(("html",))
        if part is None:
            raise WorkError("this mail has no HTML part")
        files.append((html, part.get_content().encode()))
    return files


def _print(preview: Preview) -> None:
    for name, value in preview.head:
        output.line(f"{name}: {output.clean(value)}" if name else output.clean(value))
    for media, body in preview.parts:
        output.line()
        if len(preview.parts) > 1:
            output.line(f"--- {media}")
        output.line(output.clean_block(_readable(media, body)))


def _readable(media: str, body: str) -> str:
    """JSON with its lines broken; everything else as it is."""
    if not media.partition(";")[0].strip().endswith("json"):
        return body.rstrip("\n")
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, indent=2)
    except ValueError:
        return body


async def send_sample(
    invocation: Invocation,
    destination: DestinationArgument,
    sample: SampleOption = None,
    as_json: JsonOption = False,
) -> int:
    """Send one invented lead and print the answer.

    It is marked test: true; nothing is stored and nothing is retried. Exit code 1 if it was not
    delivered.
    """
    from gateway.delivery import Continue, Delivered

    settings = invocation.settings()
    loaded = invocation.loaded(settings)
    _must_have(loaded, destination)
    lead = _sample(sample, loaded, _sample_id())
    built = _build(loaded, settings, destination)
    started = time.monotonic()
    saved: dict[str, Any] = {}
    try:
        for _ in range(STEPS_ALLOWED):
            outcome: Outcome = await built.send(_render(built, lead, saved))
            if not isinstance(outcome, Continue):
                break
            saved = {**saved, **outcome.saved}
    finally:
        await built.close()
    took = time.monotonic() - started
    if as_json:
        output.json_line(_record(destination, lead, outcome, took))
    else:
        _say(destination, lead, outcome, took)
    return 0 if isinstance(outcome, Delivered) else 1


def _record(destination: str, lead: Lead, outcome: Outcome, took: float) -> dict[str, Any]:
    return {
        "destination": destination,
        "lead_id": lead.id,
        "outcome": type(outcome).__name__.lower(),
        "reason": getattr(outcome, "reason", None),
        "status": outcome.status,
        "answer": outcome.answer,
        "duration_ms": round(took * 1000),
    }


def _say(destination: str, lead: Lead, outcome: Outcome, took: float) -> None:
    name, reason = type(outcome).__name__.lower(), getattr(outcome, "reason", None)
    why = f" ({reason.value})" if reason and name != "delivered" else ""
    status = f", answer {outcome.status}" if outcome.status is not None else ""
    output.line(f"{destination}: {name}{why} in {output.span(took)}{status}, lead {lead.id}")
    if outcome.answer:
        output.line(f"  {output.clean(outcome.answer)[:400]}")


def add_to(app: typer.Typer) -> None:
    """Add these commands to the program."""
    command(
        app,
        "preview",
        heading=HEADING,
        examples=[
            "lead-gateway preview crm",
            "lead-gateway preview inbox --sample ESTIMATION --html mail.html",
            "lead-gateway preview team --lead seloger/4711",
        ],
    )(preview)
    command(app, "test", heading=HEADING, examples=["lead-gateway test crm"])(send_sample)
