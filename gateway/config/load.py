"""Reads gateway.yaml: values with their lines, variables filled in, the strict model.

Never shows a value in an error: it may be a secret.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, SecretStr, ValidationError

from gateway.config.document import Document, read_document
from gateway.config.environment import read_dotenv
from gateway.config.explain import explain
from gateway.config.faults import ConfigError, in_order
from gateway.config.model import GatewayConfig
from gateway.config.parts import Whole
from gateway.config.presets import Shelf

SHORTEST_SECRET = 6
"""Characters. Masking a shorter one would take ordinary words out of the logs."""

_SECRET_WORDS = ("TOKEN", "SECRET", "PASSWORD", "KEY")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration, and where it came from.

    ``digest`` changes with anything the configuration says, filled variables included.
    ``secrets`` are the values that must never be shown, to be masked wherever text leaves.
    ``variables`` are the filled ones by name; ``presets`` is where presets were looked for.
    """

    config: GatewayConfig
    path: Path
    digest: str
    document: Document = field(repr=False)
    presets: Shelf = field(repr=False, compare=False)
    secrets: frozenset[str] = field(repr=False)
    variables: Mapping[str, str] = field(repr=False)

    @property
    def folder(self) -> Path:
        """Where the configuration stands: relative paths in it begin here."""
        return self.path.resolve().parent

    @property
    def template_dirs(self) -> tuple[Path, ...]:
        """Where the user's own templates are looked for, before the packaged ones."""
        return (self.folder / (self.config.template_dir or "templates"),)

    def line(self, *place: str | int) -> int:
        """The line of a key, or of its nearest parent in the file; counted from 1."""
        return self.document.mark(place).line


def load(path: Path, environ: Mapping[str, str] | None = None) -> Loaded:
    """Read, fill and validate one file. Raises :class:`ConfigError` with every fault found.

    ``environ`` is complete as it is given (``Settings.environ``); without one it is the process's,
    with what the ``.env`` beside the file adds to it.
    """
    if environ is None:
        environ = {**read_dotenv(path.resolve().parent / ".env"), **os.environ}
    whole = Whole(read_document(path), environ)
    document, values = whole.document, whole.values
    faults = [*whole.faults, *whole.later]
    config = None
    own = values.get("template_dir")
    folder = path.resolve().parent / (own if isinstance(own, str) else "templates")
    presets = Shelf([folder])
    try:
        config = GatewayConfig.model_validate(
            values, by_alias=True, by_name=False, context={"presets": presets}
        )
    except ValidationError as error:
        # What a missing variable or a key taken out made of its place needs no second fault.
        said = {(fault.file, fault.path) for fault in whole.faults}
        said |= {
            (fault.file, fault.path.rpartition(".")[0])
            for fault in whole.later
            if "." in fault.path
        }
        faults += [
            item for item in explain(error, document, values) if (item.file, item.path) not in said
        ]
    if config is None or faults:
        raise ConfigError(in_order(faults, path))
    return Loaded(
        config=config,
        path=path,
        digest=_digest(
            {**values, "": {name: used.values for name, used in presets.used().items()}}
        ),
        document=document,
        presets=presets,
        secrets=frozenset(_masked(config, whole.variables)),
        variables=whole.variables,
    )


def _digest(values: Mapping[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _masked(config: GatewayConfig, variables: Mapping[str, str]) -> Iterator[str]:
    named = (
        value
        for name, value in variables.items()
        if any(word in name.upper() for word in _SECRET_WORDS) and not name.endswith("_URL")
    )
    for value in (*_secrets(config), *named):
        for part in (value, *_password(value)):
            if len(part) >= SHORTEST_SECRET:
                yield part


def _secrets(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _secrets(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _secrets(item)


def _password(value: str) -> tuple[str, ...]:
    """The password in a URL, as it is written there and as it is sent."""
    try:
        written = urlsplit(value).password
    except ValueError:
        return ()
    return (written, unquote(written)) if written else ()
