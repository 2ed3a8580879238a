"""The template files of a configuration: which there are, whose each is, and who uses it.

Owns copying ours for the user to change, and trying a file on invented leads. Sends nothing, and
writes nothing but the copies it is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway import words
from gateway.config import Loaded
from gateway.config.faults import did_you_mean
from gateway.delivery import Message
from gateway.destinations.slack_blocks import fit, limits_broken
from gateway.lead import Lead
from gateway.render import TEMPLATE_ROOT, Renderer, TemplateError
from gateway.trying import CATEGORIES, TESTER, sample_lead

_NOT_FOR_LEADS = frozenset({"alerts", "presets", "web"})
"""Folders of ours that hold no templates of what is sent."""


class NoSuchTemplate(Exception):
    """There is no template of this name; the text offers the nearest."""


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """One file by its name, as ``email/new-lead/body.html``.

    ``own`` is the user's file of that name; it comes before ours. ``used_by`` are destinations.
    """

    name: str
    ours: bool
    own: Path | None
    used_by: tuple[str, ...]

    @property
    def whose(self) -> str:
        """``ours``, ``yours``, or ``yours over ours``."""
        return "ours" if self.own is None else "yours over ours" if self.ours else "yours"


def template_files(loaded: Loaded) -> list[TemplateFile]:
    """Every file that a destination may use, by name."""
    (folder, *_) = loaded.template_dirs
    ours = {name for name in _names(TEMPLATE_ROOT) if name.split("/")[0] not in _NOT_FOR_LEADS}
    own = set(_names(folder))
    users: dict[str, list[str]] = {}
    for name, destination in loaded.config.destinations.items():
        for _, file, _ in destination.template_files:
            users.setdefault(file.removeprefix("templates/"), []).append(name)
    return [
        TemplateFile(
            name, name in ours, folder / name if name in own else None, tuple(users.get(name, ()))
        )
        for name in sorted(ours | own)
    ]


def _names(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*") if folder.is_dir() else ():
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith(".") for part in parts):
            yield "/".join(parts)


def copies(loaded: Loaded, name: str, new_name: str | None) -> list[tuple[Path, Path]]:
    """What to copy where, for ``name`` (a file of ours, or a folder of them) to be the user's.

    ``new_name`` is another name for the copy, of the same kind. Raises NoSuchTemplate.
    """
    files = [file.name for file in template_files(loaded) if file.ours]
    folders = {"/".join(file.split("/")[:-1]) for file in files if file.count("/") > 1}
    short = name.strip("/").removeprefix("templates/")
    for ending in (".json.j2", ".json"):
        if short + ending in files:
            short += ending
    wanted = [file for file in files if file == short or file.startswith(short + "/")]
    if not wanted or short not in {*files, *folders}:
        known = sorted({*files, *folders})
        near = did_you_mean(short, known) or f"there are {', '.join(known)}"
        raise NoSuchTemplate(f"no template of ours has this name; {near}")
    (folder, *_) = loaded.template_dirs
    return [(TEMPLATE_ROOT / file, folder / _renamed(file, short, new_name)) for file in wanted]


def _renamed(file: str, short: str, new_name: str | None) -> str:
    if new_name is None:
        return file
    kind, _, rest = short.partition("/")
    if kind == words.FOLDER:
        raise NoSuchTemplate("words have no other name: their file is found by its language")
    suffix = ".json.j2" if rest.endswith(".json.j2") else ""
    new = new_name.removeprefix(f"{kind}/").removesuffix(suffix)
    return f"{kind}/{new}{suffix}" + file.removeprefix(short)


def faults_of(loaded: Loaded, renderer: Renderer, file: TemplateFile) -> list[str]:
    """What is wrong with a file, with lines. One that a destination uses is tried on leads too.

    A file that only others include may rest on what they set: it has to compile, and no more.
    """
    if file.name.startswith(f"{words.FOLDER}/"):
        return _words_faults(loaded, file)
    if not file.used_by:
        return renderer.check_syntax(file.name)
    return renderer.check_file(file.name) or _tried(loaded, renderer, file)


def _words_faults(loaded: Loaded, file: TemplateFile) -> list[str]:
    language = file.name.removeprefix(f"{words.FOLDER}/").removesuffix(".json")
    if language not in words.LANGUAGES:
        known = ", ".join(words.file_name(one) for one in words.LANGUAGES)
        return [f"{file.name}: nothing reads it: there are {known}"]
    return words.faults(loaded.template_dirs[0], TEMPLATE_ROOT, language)


def _tried(loaded: Loaded, renderer: Renderer, file: TemplateFile) -> list[str]:
    leads = [(f"an invented {name} lead", sample_lead(loaded.config, name)) for name in CATEGORIES]
    received = leads[0][1].received_at
    bare = Lead(id="bare", source="sample", identity="sample", kind="gsl", received_at=received)
    for what, lead in (*leads, ("a lead of which nothing is known", bare)):
        message = Message("dlv_sample", file.used_by[0], lead.received_at, person=TESTER)
        try:
            text = renderer.file(file.name, renderer.context(lead, message))
            _must_fit(file.name, text)
        except TemplateError as error:
            return [f"{error} (with {what})"]
    return []


def _must_fit(name: str, text: str) -> None:
    """Raises TemplateError when the receiver could not read it."""
    if not name.removesuffix(".j2").endswith(".json"):
        return
    try:
        made = json.loads(text)
    except ValueError as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else None
        wrong = "what it renders is not JSON: write values with the json filter"
        raise TemplateError(wrong, name, line) from None
    if name.startswith("slack/"):
        for fault in limits_broken(fit(made)):
            raise TemplateError(fault, name)
