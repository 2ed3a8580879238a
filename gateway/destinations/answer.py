"""An HTTP answer to look into: its JSON by dotted paths, its text by patterns. Pure.

Owns how ``json``, ``text`` and ``id`` of a rule in gateway.yaml or a preset find their values. What
an answer means is for rules.py. An answer is a stranger's text: patterns run in RE2, whose time
grows with the text and no faster, and nothing here raises but :class:`CutOff`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import re2
from pydantic import AfterValidator, Field, model_validator

from gateway.destinations.common import Strict
from gateway.http import Exchange

_LONGEST_ID = 200
"""Characters: a receiver's id of a lead is a number, a UUID or a short word."""


class CutOff(Exception):
    """A rule has to read JSON of which only the beginning was kept."""


class Answer:
    """One answer. ``headers`` by lower-case name; ``hide`` are secrets that it may repeat.

    ``conceal`` are members of its JSON that nobody is to see.
    """

    def __init__(
        self, exchange: Exchange, hide: Sequence[str] = (), conceal: Sequence[str] = ()
    ) -> None:
        self.hide = tuple(hide)
        self._conceal = tuple(conceal)
        self.status = exchange.status
        self.headers: Mapping[str, str] = exchange.headers
        self.body = exchange.body
        self._truncated = exchange.truncated

    @classmethod
    def of(cls, value: Any) -> Answer:
        """A part of an answer's JSON, to be looked into by paths of its own."""
        made = cls(Exchange(200, {}, b"", False, 0.0))
        made.__dict__["json"] = value
        return made

    @functools.cached_property
    def text(self) -> str:
        """The body as text, as far as it was read."""
        return self.body.decode("utf-8", "replace")

    @property
    def shown(self) -> bytes:
        """The body without what is concealed."""
        if not self._conceal:
            return self.body
        try:
            return json.dumps(_without(self.json, self._conceal), ensure_ascii=False).encode()
        except CutOff:
            return b"(too long to be shown)"

    @functools.cached_property
    def json(self) -> Any:
        """The body's JSON value; None when it is none. Raises :class:`CutOff`."""
        if self._truncated:
            raise CutOff
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def at(self, path: str) -> list[Any]:
        """What stands at a dotted path; ``*`` is any item. ``[None]`` where there is nothing.

        Raises :class:`CutOff`.
        """
        return list(_walk(self.json, path.split("."))) or [None]


def _walk(value: Any, path: list[str]) -> Iterator[Any]:
    if not path:
        yield value
        return
    step, *rest = path
    if step == "*" and isinstance(value, (list, Mapping)):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _walk(item, rest)
    elif isinstance(value, Mapping) and step in value:
        yield from _walk(value[step], rest)
    elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
        yield from _walk(value[int(step)], rest)


def _without(value: Any, names: tuple[str, ...]) -> Any:
    if isinstance(value, Mapping):
        return {key: _without(item, names) for key, item in value.items() if key not in names}
    return [_without(item, names) for item in value] if isinstance(value, list) else value


def same(found: Any, wanted: Any) -> bool:
    """Whether a value is the one that a rule names; a list names several."""
    if isinstance(wanted, (list, tuple)) and wanted:
        return any(same(found, one) for one in wanted)
    if isinstance(wanted, tuple):
        wanted = list(wanted)
    # To Python true is 1; to a CRM that counts errors it is not.
    return bool(found == wanted) and isinstance(found, bool) == isinstance(wanted, bool)


# Patterns


@functools.lru_cache(maxsize=500)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 4 << 20
    return re2.compile(pattern, options)


def _usable(pattern: str) -> str:
    try:
        _compiled(pattern)
    except re2.error:
        raise ValueError(
            "not a regular expression that RE2 takes: it knows no lookahead and no backreference"
        ) from None
    return pattern


Pattern = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_usable)]
"""A regular expression in RE2's syntax, looked for anywhere in a text."""


def search(pattern: str, text: str) -> str | None:
    """The first group of a match, or all of it where there is no group; None without a match."""
    match = _compiled(pattern).search(text)
    if match is None:
        return None
    found = match.group(1) if match.re.groups else match.group(0)
    return str(found or "")


def has_group(pattern: str) -> bool:
    """Whether a match of it names a part of itself."""
    return bool(_compiled(pattern).groups)


Path = Annotated[str, Field(min_length=1, max_length=200)]


class Lift(Strict):
    """Where in an answer a value stands: a path in the JSON, a header, or a match in the text.

    With ``text`` beside one of the others the pattern is looked for in that value.
    """

    path: Path | None = Field(default=None, alias="json")
    header: Annotated[str, Field(min_length=1)] | None = None
    text: Pattern | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Lift:
        if self.path is not None and self.header is not None:
            raise ValueError("name one place: json or header")
        if self.path is None and self.header is None and self.text is None:
            raise ValueError("name a place: json, header or text")
        return self


def lifted(place: str | Lift | None, answer: Answer) -> str | int | None:
    """The text or whole number that stands there, None where there is none.

    A plain text is a path in the JSON. Raises :class:`CutOff`.
    """
    if place is None:
        return None
    if isinstance(place, str):
        return _plain(answer.at(place)[0])
    found: Any = answer.text
    if place.path is not None:
        found = answer.at(place.path)[0]
    elif place.header is not None:
        found = answer.headers.get(place.header.lower())
    if place.text is not None:
        found = search(place.text, found) if isinstance(found, str) else None
    return _plain(found)


def _plain(value: Any) -> str | int | None:
    if isinstance(value, str) and 0 < len(value) <= _LONGEST_ID:
        return value
    # Numbers stay numbers: a CRM that gave 12 does not take "12" back.
    return value if isinstance(value, int) and not isinstance(value, bool) else None
