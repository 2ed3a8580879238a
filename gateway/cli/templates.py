"""The commands about templates: ``list``, ``copy`` to change one, ``check`` what was changed."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import output
from gateway.cli.command import Invocation, JsonOption, command, group
from gateway.cli.faults import UsageError, WorkError

if TYPE_CHECKING:
    from gateway.template_files import TemplateFile

HEADING = "Try"


def list_templates(invocation: Invocation, as_json: JsonOption = False) -> None:
    """List the template files: whose each is, and which destinations use it.

    Yours lie in templates/ beside gateway.yaml, or where template_dir says, and come before ours.
    """
    from gateway.template_files import template_files

    output.listing(
        template_files(invocation.loaded(invocation.settings())),
        [
            output.Column("TEMPLATE", lambda file: file.name),
            output.Column("WHOSE", lambda file: file.whose),
            output.Column("USED BY", lambda file: ", ".join(file.used_by) or "–"),
        ],
        record=_record,
        as_json=as_json,
        empty="there are no templates",
    )


def _record(file: TemplateFile) -> dict[str, Any]:
    return {
        "name": file.name,
        "whose": file.whose,
        "file": str(file.own) if file.own else None,
        "used_by": list(file.used_by),
    }


def copy(
    invocation: Invocation,
    template: Annotated[
        str, typer.Argument(metavar="TEMPLATE", help="One of ours: email/new-lead, slack/new-lead")
    ],
    new_name: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="Copy it under this name: email/mine"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over your own")] = False,
) -> None:
    """Copy one of our templates to your own folder, to change it there.

    A copy of the same name takes the place of ours at once. With --as it gets a name of its own:
    write that as a destination's template.
    """
    from gateway.template_files import NoSuchTemplate, copies

    loaded = invocation.loaded(invocation.settings())
    try:
        pairs = copies(loaded, template, new_name)
    except NoSuchTemplate as error:
        raise UsageError(f"{template}: {error}") from None
    there = [str(target) for _, target in pairs if target.exists()]
    if there and not force:
        raise WorkError(f"{', '.join(there)}: is there already; --force writes over it")
    for source, target in pairs:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        except OSError as error:
            raise WorkError(f"{target}: {error.strerror}") from None
        output.line(f"wrote {target}")
    output.note("Change it, then: lead-gateway templates check")


def check(
    invocation: Invocation,
    templates: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TEMPLATE]…", help="Only these", show_default="all"),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Say what is wrong with templates: syntax, names that do not exist, what breaks with a lead.

    Those that a destination uses are filled with an invented lead of each category, and with one of
    which nothing is known. Exit code 2 for a fault.
    """
    from gateway.cli import USAGE
    from gateway.config import load, make_renderer
    from gateway.template_files import faults_of, template_files

    settings = invocation.settings()
    # Not load_checked: a template that is wrong is no reason to say nothing of the others.
    loaded = load(settings.config_path, settings.environ)
    renderer = make_renderer(loaded, settings.public_url)
    files = template_files(loaded)
    wanted = [_short(name) for name in templates or ()]
    for name in wanted:
        if not any(_is_in(file, name) for file in files):
            raise UsageError(f"{name}: there is no such template; lead-gateway templates list")
    chosen = [file for file in files if not wanted or any(_is_in(file, name) for name in wanted)]
    faulty = 0
    for file in chosen:
        faults = faults_of(loaded, renderer, file)
        faulty += bool(faults)
        if as_json:
            output.json_line({**_record(file), "faults": faults})
        else:
            for text in faults:
                output.note(f"lead-gateway: {output.clean(text)}")
    if not as_json and not faulty:
        output.line(f"good ({output.count(len(chosen), 'template')})")
    return USAGE if faulty else 0


def _short(name: str) -> str:
    return name.strip("/").removeprefix("templates/")


def _is_in(file: TemplateFile, name: str) -> bool:
    names = (name, f"{name}.json.j2", f"{name}.json")
    return file.name in names or file.name.startswith(name + "/")


def add_to(app: typer.Typer) -> None:
    """Add these commands to the program."""
    templates = group("List, copy and check the templates of mails, messages and bodies.")
    app.add_typer(templates, name="templates", rich_help_panel=HEADING)
    command(templates, "list", examples=["lead-gateway templates list"])(list_templates)
    command(
        templates,
        "copy",
        examples=[
            "lead-gateway templates copy email/new-lead",
            "lead-gateway templates copy slack/new-lead --as slack/short",
        ],
    )(copy)
    command(
        templates,
        "check",
        examples=["lead-gateway templates check", "lead-gateway templates check email/mine"],
    )(check)
