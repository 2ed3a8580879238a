"""``${NAME}`` in a configuration, and the ``.env`` file beside it.

Variables are filled into values that are already parsed, so that what they hold can never change
the structure of the file. Faults name the variable, never its value.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dotenv.parser import parse_stream

from gateway.config.document import Document
from gateway.config.faults import ConfigError, Fault, Place

VARIABLE = r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}"
"""How a variable is written, for the JSON Schema; ``$${`` stands for a plain ``${``."""
_VARIABLE = re.compile(r"(\$?)\$\{(?!\{)([^}]*)\}?")
_INSIDE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?")
_DOTENV_LIMIT = 1_000_000


def read_dotenv(file: Path) -> dict[str, str]:
    """The variables of a ``.env`` file; none when there is no such file. Raises ConfigError.

    Nothing is expanded in it: a password may hold a ``$``.
    """
    try:
        with file.open(encoding="utf-8-sig") as opened:
            text = opened.read(_DOTENV_LIMIT)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError):
        raise ConfigError([Fault(file, None, "", "can not be read as UTF-8 text")]) from None
    found, faults = {}, []
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            words = "write NAME=value, and close what a quote opens"
            faults.append(Fault(file, binding.original.line, "", words))
        elif binding.key is not None and binding.value is not None:
            found[binding.key] = binding.value
    if faults:
        raise ConfigError(faults)
    return found


def fill(
    document: Document, environ: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str], list[Fault]]:
    """The document's values with every variable filled in; the variables used; what is missing.

    A variable that is set to nothing counts as missing: it is nearly always one that was forgotten.
    ``${NAME:-}`` allows it.
    """
    used: dict[str, str] = {}
    faults: list[Fault] = []

    def text(value: str, place: Place) -> str:
        def replace(match: re.Match[str]) -> str:
            escaped, inside = match[1], _INSIDE.fullmatch(match[2])
            if escaped:
                return match[0][1:]
            if inside is None or not match[0].endswith("}"):
                words = "write a variable as ${NAME} or ${NAME:-default}, and a plain ${ as $${"
                faults.append(document.fault(place, words))
                return ""
            name, default = inside[1], inside[2]
            value = environ.get(name, "")
            if not value and default is None:
                what = "is empty" if name in environ else "is not set"
                words = (
                    f"the variable {name} {what}: set it, or write it into .env beside this file"
                )
                faults.append(document.fault(place, words))
            used[name] = value or default or ""
            return used[name]

        return _VARIABLE.sub(replace, value)

    values = {key: _map(item, (key,), text) for key, item in document.values.items()}
    return values, used, faults


def _map(value: Any, place: Place, text: Callable[[str, Place], str]) -> Any:
    if isinstance(value, dict):
        return {key: _map(item, (*place, key), text) for key, item in value.items()}
    if isinstance(value, list):
        return [_map(item, (*place, number), text) for number, item in enumerate(value)]
    return text(value, place) if isinstance(value, str) else value
