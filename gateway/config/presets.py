"""Finds and reads preset files: the user's own before those that come with the program.

Owns where presets are looked for and what is said of a broken one. What a preset may say is for
gateway/destinations/presets.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from gateway.config.document import Document, read_document
from gateway.config.explain import explain
from gateway.config.faults import ConfigError, Place, did_you_mean
from gateway.destinations.preset_values import STANDARD
from gateway.destinations.presets import Preset
from gateway.render import TEMPLATE_ROOT, Renderer

FOLDER = "presets"
"""The folder in a template folder that holds preset files."""

_FAULTS_SHOWN = 3


class Shelf:
    """The presets of one configuration, read when they are asked for and then kept."""

    def __init__(self, template_dirs: Sequence[Path] = ()) -> None:
        self._folders = [folder / FOLDER for folder in (*template_dirs, TEMPLATE_ROOT)]
        self._read: dict[str, tuple[Preset, Document]] = {}

    def names(self) -> list[str]:
        """Every preset there is, by name."""
        return sorted(
            {
                file.stem
                for folder in self._folders
                if folder.is_dir()
                for file in folder.glob("*.yaml")
            }
        )

    def file(self, name: str) -> Path | None:
        """Where a preset is; the user's own comes first."""
        if not name or not set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-"):
            return None
        places = (folder / f"{name}.yaml" for folder in self._folders)
        return next((place for place in places if place.is_file()), None)

    def is_own(self, name: str) -> bool:
        """Whether the user wrote it."""
        file = self.file(name)
        return file is not None and file.parent != self._folders[-1]

    def preset(self, name: str) -> Preset:
        """The preset of this name. Raises ValueError, whose text says what to write instead."""
        try:
            return self.read(name)[0]
        except ConfigError as error:
            said = "; ".join(str(fault) for fault in error.faults[:_FAULTS_SHOWN])
            raise ValueError(f"preset: {said}") from None

    def read(self, name: str) -> tuple[Preset, Document]:
        """A preset and where each of its values stands. Raises ValueError, and ConfigError."""
        if name not in self._read:
            file = self.file(name)
            if file is None:
                known = self.names()
                near = did_you_mean(name, known) or f"there are {', '.join(known)}"
                raise ValueError(f"preset: there is no preset of this name; {near}")
            self._read[name] = read_preset(file)
        return self._read[name]

    def used(self) -> dict[str, Document]:
        """What was read so far, by name."""
        return {name: document for name, (_, document) in self._read.items()}


def read_preset(file: Path) -> tuple[Preset, Document]:
    """Read one preset file. Raises ConfigError with every fault found."""
    document = read_document(file)
    try:
        preset = Preset.model_validate(document.values, by_alias=True, by_name=False)
    except ValidationError as error:
        raise ConfigError(explain(error, document, document.values, Preset)) from None
    if preset.id != file.stem:
        raise ConfigError([document.fault(("id",), f"write {file.stem}, as the file is named")])
    return preset, document


def preset_faults(preset: Preset, renderer: Renderer) -> Iterator[tuple[Place, str]]:
    """Templates and expressions of a preset that do not compile, or name what is not there."""
    shapes: dict[str, Iterable[str]] = {
        "with": preset.given,
        "values": {**STANDARD, **preset.values},
        "saved": [step.name for step in preset.steps],
    }
    for place, source in template_texts(preset, ()):
        for text in renderer.check_text(source, shapes):
            yield place, text
    for place, source in _conditions(preset):
        for text in renderer.check_text("{{ " + source + " }}", shapes):
            yield place, text


def _conditions(preset: Preset) -> Iterator[tuple[Place, str]]:
    if preset.requires is not None:
        yield ("requires", "when"), preset.requires.when
    for number, step in enumerate(preset.steps):
        if step.when is not None:
            yield ("steps", number, "when"), step.when
        if step.recheck is not None and step.recheck.when is not None:
            yield ("steps", number, "recheck", "when"), step.recheck.when


def template_texts(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    """Every text that is a template. Secrets are of another type, and are none."""
    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from template_texts(getattr(value, name), (*place, field.alias or name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from template_texts(item, (*place, key))
    elif isinstance(value, tuple | list):
        for number, item in enumerate(value):
            yield from template_texts(item, (*place, number))
    elif isinstance(value, str) and ("{{" in value or "{%" in value or "{#" in value):
        yield place, value
