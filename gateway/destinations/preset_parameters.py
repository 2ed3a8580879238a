"""What a preset needs of a user: the keys of ``with``, their kinds and what they may hold.

Owns how a value of gateway.yaml becomes the preset's. A fault says what to write instead and never
repeats a value, which may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, model_validator

from gateway.destinations.answer import Pattern, search
from gateway.destinations.common import Strict
from gateway.destinations.webhook_auth import is_header_value
from gateway.destinations.webhook_url import is_template
from gateway.units import parse_address

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(?::[0-9]{1,5})?")
_EXAMPLES = {
    "secret": '"${CRM_TOKEN}"',
    "url": "https://crm.example.com",
    "host": "crm.example.com",
    "flag": "true",
    "number": "1",
    "list": "[one, two]",
    "fields": "{their_name: value}",
}


class Parameter(Strict):
    """One key of ``with``.

    ``text``, ``number``, ``list`` and ``fields`` (a map of the receiver's own field names to
    values) may be templates; a ``secret``, an ``url``, a ``host``, a ``flag`` and a text with
    ``choices`` are fixed.
    """

    help: Annotated[str, Field(min_length=1, max_length=500)]
    kind: Literal["text", "secret", "url", "host", "number", "flag", "list", "fields"] = "text"
    required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    example: str | None = None
    """What to show in a configuration to copy; in quotes where YAML wants them."""
    masked: bool = False
    """Whether an url is a secret itself, as the address of a catch hook is."""
    refuses: dict[Pattern, str] = Field(default_factory=dict)
    """Patterns that it must not match, and what is said then."""
    as_text: bool = False
    """Whether the values of fields are made texts, for a receiver that takes nothing else."""

    @model_validator(mode="after")
    def _consistent(self) -> Parameter:
        if self.required and self.default is not None:
            raise ValueError("default: a required key has none")
        if self.default is not None:
            self.value(self.default)
        return self

    @property
    def shown(self) -> str:
        """What to write for it, as an example."""
        if self.example is not None:
            return self.example
        return _EXAMPLES.get(self.kind, "…")

    @property
    def is_secret(self) -> bool:
        """Whether its value must never be shown."""
        return self.kind == "secret" or self.masked

    def value(self, given: Any) -> Any:
        """``given`` as the preset has it; null is the default. Raises ValueError."""
        if given is None:
            given = self.default
        if given is None:
            return {} if self.kind == "fields" else [] if self.kind == "list" else None
        found = self._typed(given)
        return SecretStr(found) if self.is_secret else found

    def _typed(self, given: Any) -> Any:
        match self.kind:
            case "fields":
                if not isinstance(given, Mapping):
                    raise ValueError("write a map of the receiver's field names to values")
                return dict(given)
            case "list":
                if not isinstance(given, (list, tuple)):
                    raise ValueError("write a list, as in [one, two]")
                return [_text(item) for item in given]
            case "flag":
                return _flag(given)
            case "number":
                return _number(given)
        text = _text(given)
        for pattern, words in self.refuses.items():
            if search(pattern, text) is not None:
                raise ValueError(words)
        if self.kind == "text" and not self.choices:
            return text
        if is_template(text):
            raise ValueError("no template can stand here: write the value itself")
        if self.choices and text not in self.choices:
            raise ValueError(f"write one of {', '.join(self.choices)}")
        if self.kind == "url":
            return parse_address(text)
        if self.kind == "host" and not _HOST.fullmatch(text):
            raise ValueError("write the host alone, for example agency.example.com")
        if self.kind == "secret" and not (text.strip() and is_header_value(text)):
            raise ValueError("the secret is empty, or has a character that can not be sent")
        return text


def _text(given: Any) -> str:
    if isinstance(given, bool) or not isinstance(given, (str, int, float)):
        raise ValueError("write text here; true and false go in quotes")
    return str(given)


def _flag(given: Any) -> bool:
    if isinstance(given, bool):
        return given
    if given in ("true", "false"):  # a variable is always text
        return bool(given == "true")
    raise ValueError("write true or false")


def _number(given: Any) -> Any:
    if isinstance(given, str) and is_template(given):
        return given
    if isinstance(given, str) and re.fullmatch(r"-?[0-9]{1,18}", given):
        return int(given)
    if isinstance(given, bool) or not isinstance(given, int):
        raise ValueError("write a whole number")
    return given
