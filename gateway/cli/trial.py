"""The commands that try a destination: ``preview`` sends nothing, ``test`` sends one sample."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import completing, output
from gateway.cli.command import Invocation, JsonOption, command
from gateway.cli.faults import UsageError, WorkError

if TYPE_CHECKING:
    from gateway.config import Loaded
    from gateway.destinations.protocol import Destination, Prepared, Preview
    from gateway.lead import Lead
    from gateway.render import Renderer
    from gateway.settings import Settings
    from gateway.trying import Tried

HEADING = "Try"
DestinationArgument = Annotated[
    str,
    typer.Argument(metavar="DESTINATION", help="Its name", autocompletion=completing.destinations),
]
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
        Path | None, typer.Option("--html", metavar="FILE", help="Write what is seen of it here")
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
    renderer = _renderer(loaded, settings)
    built = _build(loaded, renderer, destination)
    try:
        given = await _stored(invocation, lead, loaded, built) if lead else _sample(sample, loaded)
        found = _previewed(built, replace(given, lead=renderer.complete(given.lead)))
    finally:
        await built.close()
    for kind, path in (("eml", eml), ("html", html)):
        if path is not None:
            _write(found, kind, path)
    if as_json:
        output.json_line(_as_json(found))
    else:
        _print(found)


@dataclass(frozen=True, slots=True)
class _Given:
    """A lead, and what the store knows of who asks."""

    lead: Lead
    person: str
    thread: str = ""


def _must_have(loaded: Loaded, destination: str) -> None:
    from gateway.cli.finding import check_names

    check_names([destination], list(loaded.config.destinations), "destination")


async def _stored(
    invocation: Invocation, name: str, loaded: Loaded, destination: Destination
) -> _Given:
    from gateway.cli import finding

    async with invocation.store() as store:
        lead = (await finding.lead(store, name, loaded.config)).lead
        person = store.threads.person(lead)
        asked = person and destination.threads
        thread = await store.threads.of(destination.name, person) if asked else ""
        return _Given(lead, person, thread)


def _sample(category: str | None, loaded: Loaded) -> _Given:
    from gateway.trying import TESTER, sample_lead

    try:
        return _Given(sample_lead(loaded.config, category), TESTER)
    except ValueError as error:
        raise UsageError(f"--sample: {error}") from None


def _renderer(loaded: Loaded, settings: Settings) -> Renderer:
    from gateway.config import make_renderer

    return make_renderer(loaded, settings.public_url)


def _build(loaded: Loaded, renderer: Renderer, name: str) -> Destination:
    from gateway.destinations import build
    from gateway.oauth import OwnTokens
    from gateway.wiring import surroundings

    around = surroundings(loaded, renderer, OwnTokens())
    return build(name, loaded.config.destinations[name], around)


def _previewed(destination: Destination, given: _Given) -> Preview:
    from gateway.render import TemplateError
    from gateway.trying import render

    try:
        prepared: Prepared = render(
            destination, given.lead, person=given.person, thread=given.thread
        )
    except TemplateError as error:
        raise WorkError(f"{destination.name}: {error}") from None
    return prepared.preview()


def _write(preview: Preview, kind: str, path: Path) -> None:
    content = preview.files.get(kind)
    if content is None:
        others = " or ".join(f"--{name}" for name in preview.files)
        raise UsageError(
            f"--{kind}: a {preview.title} can not be written so{others and f'; write {others}'}"
        )
    try:
        path.write_bytes(content)
    except OSError as error:
        raise WorkError(f"{path}: {error.strerror}") from None
    output.note(f"wrote {path}")


def _as_json(preview: Preview) -> dict[str, Any]:
    """What is printed, as one object; files are written, not printed."""
    return {
        "title": preview.title,
        "head": [list(pair) for pair in preview.head],
        "parts": [list(pair) for pair in preview.parts],
        "others": [[purpose, _as_json(other)] for purpose, other in preview.others],
    }


def _print(preview: Preview) -> None:
    for name, value in preview.head:
        output.line(f"{name}: {output.clean(value)}" if name else output.clean(value))
    for media, body in preview.parts:
        output.line()
        if len(preview.parts) > 1:
            output.line(f"--- {media}")
        output.line(output.clean_block(_readable(media, body)))
    for purpose, other in preview.others:
        output.line()
        output.line(f"=== {purpose}")
        _print(other)


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
    from gateway import trying

    settings = invocation.settings()
    loaded = invocation.loaded(settings)
    _must_have(loaded, destination)
    renderer = _renderer(loaded, settings)
    lead = renderer.complete(_sample(sample, loaded).lead)
    built = _build(loaded, renderer, destination)
    try:
        tried = await trying.send(built, lead)
    finally:
        await built.close()
    if as_json:
        output.json_line(_record(destination, lead, tried))
    else:
        _say(destination, lead, tried)
    return 0 if tried.arrived else 1


def _record(destination: str, lead: Lead, tried: Tried) -> dict[str, Any]:
    return {
        "destination": destination,
        "lead_id": lead.id,
        "outcome": tried.word,
        "reason": tried.reason,
        "status": tried.outcome.status,
        "answer": tried.outcome.answer,
        "duration_ms": round(tried.seconds * 1000),
    }


def _say(destination: str, lead: Lead, tried: Tried) -> None:
    why = f" ({tried.reason.value})" if tried.reason and not tried.arrived else ""
    status = f", answer {tried.outcome.status}" if tried.outcome.status is not None else ""
    took = output.span(tried.seconds)
    output.line(f"{destination}: {tried.word}{why} in {took}{status}, lead {lead.id}")
    if tried.outcome.answer:
        output.line(f"  {output.clean(tried.outcome.answer)[:400]}")


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
