"""What a webhook carries: the standard envelope, or what a template makes of the lead.

Owns the bytes of a body and their media type. The same lead and message give the same bytes, on
every attempt, because somebody verifies a signature over them.
"""

from __future__ import annotations

import json
import math
import re
import xml.parsers.expat
from collections.abc import Mapping
from datetime import UTC
from typing import Any
from urllib.parse import urlencode

from gateway.delivery import ERASED, Message
from gateway.lead import Lead
from gateway.plain_text import visible
from gateway.render import Renderer, TemplateError

_MEDIA_TYPES = {".json": "application/json", ".xml": "application/xml", ".txt": "text/plain"}
_FORM = "application/x-www-form-urlencoded"

SPREAD = "..."
"""A key that begins like this stands for what is in its value, a mapping too."""

# What XML 1.0 can not hold, not even escaped (§2.2): a portal's stray control characters.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def envelope(lead: Lead, message: Message) -> bytes:
    """The standard body (contract §6): the same bytes on every attempt.

    Of an erased lead it says the ids, and the one that this receiver gave it, when it said one.
    """
    stamp = message.accepted_at.astimezone(UTC).isoformat(timespec="milliseconds")
    head = {"type": message.type, "timestamp": stamp.removesuffix("+00:00") + "Z"}
    if message.occasion == ERASED:
        data: dict[str, Any] = {"id": lead.id, "source": lead.source, "identity": lead.identity}
        data["remote_id"] = message.saved.get("remote_id")
        return json_bytes({**head, "data": data})
    try:
        return b'%b,"data":%b}' % (json_bytes(head)[:-1], lead.as_json())
    except ValueError:
        return json_bytes({**head, "data": lead.as_dict()})


def file_body(name: str, renderer: Renderer, context: Mapping[str, Any]) -> bytes:
    """What a template file makes: JSON and XML are checked before anyone sees them.

    Raises TemplateError.
    """
    text = renderer.file(name, context)
    match media_type(name):
        case "application/json":
            _must_be_json(text, name)
        case "application/xml":
            text = _NOT_XML.sub("", text)
            _must_be_xml(text, name)
    return text.encode("utf-8", "replace")


def json_body(
    value: Any, renderer: Renderer, context: Mapping[str, Any], *, omit_empty: bool = False
) -> bytes:
    """A mapping with its templates filled, as JSON. Raises TemplateError.

    ``omit_empty`` leaves out of every mapping what came out as null or as empty text, and out of
    every text the characters that nobody sees.
    """
    return json_bytes(filled(value, renderer, context, omit_empty))


def form_body(
    fields: Mapping[str, Any],
    renderer: Renderer,
    context: Mapping[str, Any],
    *,
    omit_empty: bool = False,
) -> bytes:
    """A form in UTF-8: a list repeats its field, null is an empty one. Raises TemplateError."""
    pairs = []
    for name, value in filled(fields, renderer, context, omit_empty).items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Mapping):
                raise TemplateError("a map can not stand in a form: write its text", f"form.{name}")
            pairs.append((name, as_text(item)))
    return urlencode(pairs, encoding="utf-8", errors="replace").encode()


def filled(value: Any, renderer: Renderer, context: Mapping[str, Any], omit_empty: bool) -> Any:
    """``value`` with its templates filled; one that is just ``{{ expression }}`` keeps its type.

    Raises TemplateError.
    """
    if isinstance(value, Mapping):
        made: dict[str, Any] = {}
        for name, item in value.items():
            found = filled(item, renderer, context, omit_empty)
            if name.startswith(SPREAD):
                made.update(found if isinstance(found, Mapping) else {})
            else:
                made[str(name)] = found
        if omit_empty:
            return {name: item for name, item in made.items() if not _is_empty(item)}
        return made
    if isinstance(value, (list, tuple)):
        return [filled(item, renderer, context, omit_empty) for item in value]
    found = renderer.native(value, context)
    return _tidy(found) if omit_empty else found


def _tidy(value: Any) -> Any:
    """A value without characters that nobody sees and many a receiver refuses, NUL above all."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        return {key: _tidy(item) for key, item in value.items()}
    return [_tidy(item) for item in value] if isinstance(value, (list, tuple)) else value


def json_bytes(value: Any) -> bytes:
    """Compact JSON in UTF-8. What JSON can not hold (NaN, half a character) is replaced."""
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:
        # A portal's NaN is no JSON: no receiver could read the lead.
        text = json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def media_type(body: str | Mapping[str, Any] | None, *, form: bool = False) -> str:
    """The content-type of what ``body`` in gateway.yaml makes: by a template file's name."""
    if form:
        return _FORM
    if isinstance(body, str):
        for suffix, media in _MEDIA_TYPES.items():
            if body.removesuffix(".j2").endswith(suffix):
                return media
        return "text/plain"
    return "application/json"


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", {})


def as_text(value: Any) -> str:
    """A value as a form, or a receiver that takes nothing else, writes it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _must_be_json(text: str, name: str) -> None:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise TemplateError(
            "what it renders is not JSON: write values with the json filter", name, error.lineno
        ) from None
    except (ValueError, RecursionError):
        raise TemplateError("what it renders can not be read as JSON", name) from None


def _must_be_xml(text: str, name: str) -> None:
    try:
        xml.parsers.expat.ParserCreate("utf-8").Parse(text.encode("utf-8", "replace"), True)
    except xml.parsers.expat.ExpatError as error:
        raise TemplateError("what it renders is not XML", name, error.lineno) from None
