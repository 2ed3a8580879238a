"""Reads gateway.yaml: YAML with line numbers, variables filled after parsing, the strict model.

Never shows a value in an error: it may be a secret.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from gateway import destinations, sources
from gateway.config.faults import ConfigError, Fault
from gateway.config.model import NOT_YET, NOT_YET_KINDS, GatewayConfig

SIZE_LIMIT = 1_000_000
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration with where it came from. ``tree`` still knows the lines."""

    config: GatewayConfig
    path: Path
    digest: str
    tree: CommentedMap

    def line(self, *place: str | int) -> int | None:
        """The line where a key stands, counted from 1."""
        return _line(self.tree, place)


def load(path: Path, environ: Mapping[str, str]) -> Loaded:
    """Read, fill and validate one file. Raises :class:`ConfigError` with every fault found."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        why = "there is no such file: write one with `lead-gateway init`"
        text = why if isinstance(error, FileNotFoundError) else f"can not be read: {error.strerror}"
        raise ConfigError([Fault(path, None, "", text)]) from None
    if len(raw) > SIZE_LIMIT:
        raise ConfigError([Fault(path, None, "", "is larger than 1 MB")])
    tree = _parse(path, raw)
    faults: list[Fault] = []
    filled = _fill(tree, environ, path, tree, (), faults)
    if faults:
        raise ConfigError(faults)
    try:
        config = GatewayConfig.model_validate(filled)
    except ValidationError as error:
        raise ConfigError(_explain(error, path, tree, filled)) from None
    return Loaded(config, path, hashlib.sha256(raw).hexdigest()[:12], tree)


def _parse(path: Path, raw: bytes) -> CommentedMap:
    try:
        tree = YAML(typ="rt").load(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise ConfigError([Fault(path, None, "", "is not UTF-8 text")]) from None
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise ConfigError([Fault(path, line, "", "this key stands here twice: keep one")]) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        text = f"not YAML: {error.problem or error.context or 'it can not be read'}"
        raise ConfigError([Fault(path, mark.line + 1 if mark else None, "", text)]) from None
    except YAMLError:
        raise ConfigError([Fault(path, None, "", "not YAML")]) from None
    if not isinstance(tree, CommentedMap):
        text = "must be a map that begins with version: 1"
        raise ConfigError([Fault(path, 1, "", text)])
    return tree


def _fill(
    value: Any,
    environ: Mapping[str, str],
    path: Path,
    tree: CommentedMap,
    place: _Path,
    faults: list[Fault],
) -> Any:
    """Plain values with every ``${NAME}`` replaced; what is missing becomes a fault."""
    if isinstance(value, Mapping):
        return {
            str(key): _fill(item, environ, path, tree, (*place, key), faults)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [
            _fill(item, environ, path, tree, (*place, index), faults)
            for index, item in enumerate(value)
        ]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        name, default = match[1], match[2]
        if environ.get(name):
            return environ[name]
        if default is not None:
            return default
        text = f"the variable {name} is not set: set it, or add it to .env beside this file"
        faults.append(Fault(path, _line(tree, place), _dotted(place), text))
        return ""

    return _VARIABLE.sub(replace, str(value))


def _explain(
    error: ValidationError, path: Path, tree: CommentedMap, filled: Any
) -> list[Fault]:
    faults = []
    for item in error.errors(include_input=False, include_url=False):
        place = _without_tags(item["loc"], filled)
        text = _sentence(item, place, filled)
        faults.append(Fault(path, _line(tree, place), _dotted(place), text))
    return list(dict.fromkeys(faults))


def _without_tags(loc: _Path, filled: Any) -> _Path:
    """Pydantic names the chosen kind inside the place; the file has no such step."""
    place: list[str | int] = []
    value = filled
    for step in loc:
        if isinstance(value, Mapping) and step in value:
            value = value[str(step)]
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        elif len(place) == 2 and step in (*sources.CONFIGS, *destinations.CONFIGS):
            continue
        elif isinstance(step, str) and ("[" in step or step in ("int", "str", "tuple")):
            continue
        else:
            value = None
        place.append(step)
    return tuple(place)


def _sentence(item: Any, place: _Path, filled: Any) -> str:
    kind, key = item["type"], str(place[-1]) if place else ""
    if kind == "extra_forbidden":
        return _unknown(place, filled)
    if kind == "missing":
        return "is required and missing"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        kinds = sources.CONFIGS if place[:1] == ("sources",) else destinations.CONFIGS
        known = ", ".join(kinds)
        given = str(_at(filled, place).get("kind") if isinstance(_at(filled, place), Mapping) else "")
        if given in NOT_YET_KINDS:
            return f"kind {given} is not available yet in this version: use one of {known}"
        near = difflib.get_close_matches(given, kinds, 1)
        hint = f' (did you mean "{near[0]}"?)' if near else ""
        return f"kind must be one of {known}{hint}"
    if kind == "literal_error":
        return f"must be {item['ctx']['expected']}"
    if kind == "string_pattern_mismatch" and key:
        return "use lower-case letters, digits, - and _ in names" if "[key]" in str(item["loc"]) else (
            f"does not have the form {item['ctx']['pattern']}"
        )
    message = str(item["msg"]).removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _unknown(place: _Path, filled: Any) -> str:
    key = str(place[-1])
    pattern = ".".join("*" if i == 1 else str(step) for i, step in enumerate(place[:-1]))
    if key in NOT_YET.get(pattern, frozenset()):
        return "is not available yet in this version: remove it"
    near = difflib.get_close_matches(key, _known_keys(place[:-1], filled), 1)
    return f'unknown key; did you mean "{near[0]}"?' if near else "unknown key: remove it"


def _known_keys(place: _Path, filled: Any) -> list[str]:
    """The keys that the model knows at a place."""
    model: Any = GatewayConfig
    for depth, step in enumerate(place):
        if depth == 1 and place[0] in ("sources", "destinations"):
            entry = _at(filled, place[:2])
            kinds: Mapping[str, Any] = (
                sources.CONFIGS if place[0] == "sources" else destinations.CONFIGS
            )
            model = kinds.get(str(entry.get("kind"))) if isinstance(entry, Mapping) else None
        elif isinstance(step, str) and _is_model(model):
            field = model.model_fields.get(step)
            model = _inner(field.annotation) if field else None
        if model is None:
            return []
    if not _is_model(model):
        return []
    return [field.alias or name for name, field in model.model_fields.items()]


def _inner(annotation: Any) -> Any:
    if _is_model(annotation):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        if found := _inner(part):
            return found
    return annotation if annotation is dict else None


def _is_model(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseModel)


def _at(value: Any, place: _Path) -> Any:
    for step in place:
        if isinstance(value, Mapping):
            value = value.get(str(step))
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def _line(tree: Any, place: tuple[str | int, ...]) -> int | None:
    """The line of the deepest key of ``place`` that stands in the file."""
    line, node = None, tree
    for step in place:
        try:
            if isinstance(node, CommentedMap):
                line = node.lc.key(step)[0] + 1
            elif isinstance(node, CommentedSeq):
                line = node.lc.item(step)[0] + 1
            else:
                break
            node = node[step]
        except (KeyError, IndexError, TypeError):
            break
    return line or (1 if place else None)


def _dotted(place: _Path) -> str:
    text = ""
    for step in place:
        if isinstance(step, int):
            text += f"[{step + 1}]"
        elif step != "[key]":
            text += f".{step}" if text else str(step)
    return text
