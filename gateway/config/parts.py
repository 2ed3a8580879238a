"""Files beside gateway.yaml: agencies that ``include`` names, and lists of agents.

Owns how they are found and read, and puts their values where the model expects them, so that a
fault in one is told by its own file and line.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway.agents import AgentConfig
from gateway.config.document import Document, Mark, Part, file_text, read_document
from gateway.config.environment import fill
from gateway.config.faults import ConfigError, Fault, Place, did_you_mean
from gateway.config.not_yet import WORDS, take_out

FILES_LIMIT = 1000
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_LISTS = frozenset(
    {"references", "postal_codes", "departments", "categories", "portals", "partner_ids"}
    | {"hours", "away"}
)
_COLUMNS = [name for name in AgentConfig.model_fields if name != "ids"]
_BETWEEN = re.compile(r"\s*[;|]\s*|\s*,\s*")


class Whole:
    """One configuration put together of all its files."""

    def __init__(self, document: Document, environ: Mapping[str, str]) -> None:
        self.faults: list[Fault] = []
        self.later: list[Fault] = []
        self.variables: dict[str, str] = {}
        self._environ = environ
        self._parts: dict[Place, Part] = {}
        self._folder = document.file.resolve().parent
        values = self._filled(document)
        if "agencies" in values:
            words = "unknown key: write include: [agencies/*.yaml], and each agency in a file"
            self.faults.append(document.fault(("agencies",), words))
            del values["agencies"]
        self._agents(values, (), self._folder)
        agencies = {}
        for name, file in self._included(document, values.get("include")):
            agencies[name] = self._agency(name, file)
        if agencies:
            values["agencies"] = agencies
            self._share(document, values, agencies)
        self.values = values
        self.document = replace(document, parts=self._parts)

    def _filled(self, document: Document) -> dict[str, Any]:
        values, variables, missing = fill(document, self._environ)
        self.variables |= variables
        self.faults += missing
        values, later = take_out(values)
        self.later += [document.fault(place, WORDS) for place in later]
        return values

    def _included(self, document: Document, patterns: Any) -> Iterator[tuple[str, Path]]:
        """The files that the patterns name, each once, by the agency's name."""
        if not isinstance(patterns, list):
            return
        found: dict[str, Path] = {}
        for number, pattern in enumerate(patterns):
            place: Place = ("include", number)
            files = self._matching(pattern)
            if not files:
                words = f"no file here: it is looked for beside {document.file.name}"
                self.faults.append(document.fault(place, words))
            for file in files:
                name = file.stem
                if not _NAME.fullmatch(name):
                    words = (
                        f"{file.name}: an agency's file is called by 1 to 40 lower-case letters, "
                        "digits, - and _"
                    )
                    self.faults.append(document.fault(place, words))
                elif name in found and found[name] != file:
                    words = f"two files are called {file.name}: the name is the agency's"
                    self.faults.append(document.fault(place, words))
                elif len(found) < FILES_LIMIT:
                    found[name] = file
        yield from found.items()

    def _matching(self, pattern: Any) -> list[Path]:
        if not isinstance(pattern, str) or not pattern:
            return []
        base = Path("/") if pattern.startswith("/") else self._folder
        try:
            return sorted(file for file in base.glob(pattern.lstrip("/")) if file.is_file())
        except (ValueError, OSError, NotImplementedError):
            return []

    def _agency(self, name: str, file: Path) -> dict[str, Any]:
        try:
            document = read_document(file)
        except ConfigError as error:
            self.faults += error.faults
            return {}
        values = self._filled(document)
        self._parts["agencies", name] = Part(document)
        self._agents(values, ("agencies", name), file.resolve().parent)
        return values

    def _share(
        self, document: Document, values: dict[str, Any], agencies: Mapping[str, dict[str, Any]]
    ) -> None:
        """Let the agencies' sources and destinations stand among the whole's, each name once."""
        for section in ("sources", "destinations"):
            whole = values.setdefault(section, {})
            if not isinstance(whole, dict):
                continue
            for name, agency in agencies.items():
                entries = agency.get(section)
                for key, entry in entries.items() if isinstance(entries, dict) else ():
                    part = self._parts["agencies", name]
                    if key in whole:
                        owner = self._parts.get((section, key))
                        file = owner.document.file if owner else document.file
                        words = f"{file.name} has one of this name too: every file's must differ"
                        self.faults.append(part.document.fault((section, key), words))
                    else:
                        whole[key] = entry
                        self._parts[section, key] = Part(part.document, (section, key))

    def _agents(self, values: dict[str, Any], place: Place, folder: Path) -> None:
        """Read the file that ``agents`` names, where it names one."""
        name = values.get("agents")
        if not isinstance(name, str):
            return
        values["agents"] = []
        file = folder / name
        try:
            document = _csv(file) if file.suffix == ".csv" else _yaml(file)
        except ConfigError as error:
            self.faults += error.faults
            return
        found = self._filled(document)
        values["agents"] = found.get("agents", [])
        self._parts[(*place, "agents")] = Part(document, ("agents",))


def _yaml(file: Path) -> Document:
    """``agents: [...]`` in a file of its own. Raises ConfigError."""
    if file.suffix not in (".yaml", ".yml"):
        raise ConfigError([Fault(file, None, "", "write a .csv or .yaml file of agents here")])
    document = read_document(file)
    if other := [key for key in document.values if key != "agents"]:
        raise ConfigError([document.fault((other[0],), "only agents: stands in this file")])
    return document


def _csv(file: Path) -> Document:
    """A table of agents: a line each, columns named as the keys, ``ids.hubspot`` for ids.

    Several values in a cell are parted by ``;``, ``|`` or ``,``. Raises ConfigError.
    """
    text = file_text(file)
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    marks: dict[Place, Mark] = {("agents",): Mark(1, 1)}
    agents: list[dict[str, Any]] = []
    try:
        columns = [name.strip().lower() for name in next(rows, [])]
        _known(file, columns)
        for cells in rows:
            line = rows.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(columns):
                words = f"has {len(cells)} cells where the first line has {len(columns)}"
                raise ConfigError([Fault(file, line, "", words)])
            place: Place = ("agents", len(agents))
            marks[place] = Mark(line, 1)
            agents.append(_agent(dict(zip(columns, cells, strict=False))))
            marks |= {(*place, key): Mark(line, 1) for key in agents[-1]}
    except csv.Error:
        words = "is not a table: is a quote closed?"
        raise ConfigError([Fault(file, rows.line_num, "", words)]) from None
    return Document(file, {"agents": agents}, marks)


def _known(file: Path, columns: list[str]) -> None:
    for name in columns:
        if name not in _COLUMNS and not (name.startswith("ids.") and name[4:]):
            near = did_you_mean(name, _COLUMNS) or f"use {', '.join(_COLUMNS)} or ids.NAME"
            raise ConfigError([Fault(file, 1, "", f"unknown column; {near}")])
        if columns.count(name) > 1:
            raise ConfigError([Fault(file, 1, "", "a column stands twice: keep one")])
    if "name" not in columns:
        raise ConfigError([Fault(file, 1, "", "write the columns' names here: name is missing")])


def _agent(cells: dict[str, str]) -> dict[str, Any]:
    agent: dict[str, Any] = {}
    for name, cell in cells.items():
        text = cell.strip()
        if not text:
            continue
        if name.startswith("ids."):
            agent.setdefault("ids", {})[name[4:]] = text
        elif name in _LISTS:
            agent[name] = [item for item in _BETWEEN.split(text) if item]
        else:
            agent[name] = text
    return agent
