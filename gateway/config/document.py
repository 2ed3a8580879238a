"""A YAML file as plain values that remember where they stood.

Owns what YAML may be here: one document of maps, lists and plain values, no tags, no key twice, of
bounded size and depth. Knows nothing of what the keys mean, and never shows a value in an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StringMark, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gateway.config.faults import ConfigError, Fault, Place, dotted

SIZE_LIMIT = 1_000_000
"""Bytes of a configuration file."""
VALUE_LIMIT = 50_000
"""Values of a file, aliases written out: a few nested aliases could stand for billions."""
DEPTH_LIMIT = 40

_TAG = "tag:yaml.org,2002:"
_PLAIN = frozenset({"null", "bool", "int", "float"})
_TEXTS = frozenset({"str", "timestamp"})
"""A moment stays the text it was written as: what it means is for the key to say."""

_WORDS = (
    ("'\\t'", "indent with spaces: YAML does not take a tab"),
    ("mapping values are not allowed", "a colon here begins a new key: check the indentation, or "
     "put the text in quotes"),
    ("could not find expected ':'", "a key needs a colon after it, as in timeout: 15s"),
    ("expected <block end>", "this does not fit the lines above: check the indentation and quotes"),
    ("expected ',' or", "a bracket or a quote is not closed"),
    ("expected the node content", "a value is missing, or a bracket is not closed"),
    ("while scanning a quoted scalar", "a quote is not closed"),
    ("found unexpected end of stream", "a quote is not closed"),
    ("expected a single document", "write one document: remove the line of three dashes"),
    ("found undefined alias", "an alias (*) needs its anchor (&) above it"),
    ("found duplicate anchor", "an anchor (&) is given twice: rename one"),
    ("cannot start any token", "put this text in quotes: it begins with a character of YAML's own"),
)  # fmt: skip
"""What the parser says, and what it means to somebody who writes a configuration."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the file, counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """The values of one file, as maps, lists and plain values; and where each of them stands.

    ``parts`` are other files whose values stand at a place of this one: what is wrong in them is
    told by their own lines.
    """

    file: Path
    values: dict[str, Any]
    _marks: Mapping[Place, Mark]
    parts: Mapping[Place, Part] = field(default_factory=dict)

    def mark(self, place: Place) -> Mark:
        """Where the key at ``place`` stands; of one that is not in the file, its nearest parent."""
        while place and place not in self._marks:
            place = place[:-1]
        return self._marks.get(place, Mark(1, 1))

    def __contains__(self, place: Place) -> bool:
        return place in self._marks

    def fault(self, place: Place, text: str, *, warning: bool = False) -> Fault:
        """A fault of the value at ``place``."""
        for depth in range(min(len(place), 3), 0, -1):
            if part := self.parts.get(place[:depth]):
                return part.document.fault((*part.place, *place[depth:]), text, warning=warning)
        mark = self.mark(place)
        return Fault(self.file, mark.line, dotted(place), text, warning, mark.column)


@dataclass(frozen=True, slots=True)
class Part:
    """A place in another file."""

    document: Document
    place: Place = ()


def read_document(file: Path) -> Document:
    """Read one YAML file. Raises :class:`ConfigError`."""
    text = file_text(file)
    yaml = YAML(typ="safe", pure=True)
    yaml.allow_duplicate_keys = True  # composing goes on: the walk below names both lines
    try:
        root = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = text.splitlines()[mark.line : mark.line + 1] if mark else []
        _refuse(file, mark, _in_words(error, "".join(line)))
    except (YAMLError, ValueError):
        _refuse(file, None, "is not YAML: it has a character that YAML does not take")
    except RecursionError:
        _refuse(file, None, f"nests deeper than {DEPTH_LIMIT} levels")
    if root is None:
        _refuse(file, None, "is empty: `lead-gateway init` writes a file to begin with")
    if not isinstance(root, MappingNode):
        _refuse(file, root.start_mark, "begin with version: 1, then sources: and destinations:")
    walk = _Walk(file, yaml)
    values = walk.value(root, ())
    if walk.faults:
        raise ConfigError(walk.faults)
    return Document(file, values, walk.marks)


def file_text(file: Path) -> str:
    """A configuration file's text. Raises :class:`ConfigError`."""
    try:
        with file.open("rb") as opened:
            raw = opened.read(SIZE_LIMIT + 1)
    except FileNotFoundError:
        _refuse(file, None, "there is no such file: `lead-gateway init` writes one to begin with")
    except OSError as error:
        _refuse(file, None, f"can not be read: {(error.strerror or 'it failed').lower()}")
    if len(raw) > SIZE_LIMIT:
        _refuse(file, None, "is larger than 1 MB")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError([Fault(file, line, "", "is not UTF-8 text: save it as UTF-8")]) from None


def _refuse(file: Path, mark: StringMark | None, text: str) -> NoReturn:
    line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
    raise ConfigError([Fault(file, line, "", text, column=column)])


def _in_words(error: MarkedYAMLError, line: str) -> str:
    said = f"{error.context or ''} {error.problem or ''}"
    if "expected ',' or" in said and "${" in line:
        return 'put a variable in quotes between braces, as in {bearer: "${CRM_TOKEN}"}'
    for part, words in _WORDS:
        if part in said:
            return words
    return f"is not YAML here: {error.problem or error.context or 'it can not be read'}"


class _Walk:
    """Turns nodes into values, noting where each stood and what is wrong."""

    def __init__(self, file: Path, yaml: YAML) -> None:
        self.faults: list[Fault] = []
        self.marks: dict[Place, Mark] = {}
        self._file = file
        self._yaml = yaml
        self._left = VALUE_LIMIT

    def value(self, node: Node, place: Place) -> Any:
        self._left -= 1
        if self._left < 0 or len(place) > DEPTH_LIMIT:
            many = self._left < 0
            limit = f"more than {VALUE_LIMIT} values" if many else f"more than {DEPTH_LIMIT} levels"
            _refuse(self._file, node.start_mark, f"the file holds {limit}, aliases included")
        self.marks.setdefault(place, Mark(node.start_mark.line + 1, node.start_mark.column + 1))
        tag = str(node.tag).removeprefix(_TAG)
        if isinstance(node, MappingNode) and tag == "map":
            return dict(self._items(node, place))
        if isinstance(node, SequenceNode) and tag == "seq":
            return [self.value(item, (*place, number)) for number, item in enumerate(node.value)]
        if isinstance(node, ScalarNode) and tag in _TEXTS:
            return str(node.value)
        if isinstance(node, ScalarNode) and tag in _PLAIN:
            return self._yaml.constructor.construct_object(node)
        self._fault(node, place, "remove the tag that begins with !, or put the text in quotes")
        return None

    def _items(self, node: MappingNode, place: Place) -> Iterator[tuple[str, Any]]:
        own: dict[str, Node] = {}
        merged: list[Node] = []
        for key, item in node.value:
            if not isinstance(key, ScalarNode):
                self._fault(key, place, 'put a template in quotes: "{{ … }}"')
            elif str(key.tag) == f"{_TAG}merge":
                merged += item.value if isinstance(item, SequenceNode) else [item]
            elif key.value in own:
                first = self.marks[*place, key.value].line
                text = f"stands twice, first on line {first}: keep one"
                self._fault(key, (*place, key.value), text)
            else:
                own[key.value] = item
                mark = Mark(key.start_mark.line + 1, key.start_mark.column + 1)
                self.marks[*place, key.value] = mark
        for name, item in own.items():
            yield name, self.value(item, (*place, name))
        for source in merged:
            if not isinstance(source, MappingNode):
                self._fault(source, place, "<< takes a map, as in <<: *name")
                continue
            for key, item in source.value:
                if isinstance(key, ScalarNode) and key.value not in own:
                    own[key.value] = item
                    yield key.value, self.value(item, (*place, key.value))

    def _fault(self, node: Node, place: Place, text: str) -> None:
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        self.faults.append(Fault(self._file, line, dotted(place), text, column=column))
