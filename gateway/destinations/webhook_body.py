"""What a webhook carries: the standard envelope, or what a template makes of the lead.

Owns the bytes of a body and their media type. The same lead and message give the same bytes, on
every attempt, because somebody verifies a signature over them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from gateway.delivery import Message
from gateway.lead import Lead
from gateway.render import TemplateError

_MEDIA_TYPES = {".json": "application/json", ".xml": "application/xml", ".txt": "text/plain"}


def envelope(lead: Lead, message: Message) -> bytes:
    """The standard body (contract §6): the same bytes on every attempt."""
    stamp = message.accepted_at.astimezone(UTC).isoformat(timespec="milliseconds")
    return json_bytes(
        {
            "type": message.type,
            "timestamp": stamp.removesuffix("+00:00") + "Z",
            "data": lead.as_dict(),
        }
    )


def json_bytes(value: Any) -> bytes:
    """Compact JSON in UTF-8. What JSON can not hold (NaN, half a character) is replaced."""
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:
        # A portal's NaN is no JSON: no receiver could read the lead.
        text = json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def must_be_json(text: str, name: str) -> None:
    """Raise TemplateError, with the line, unless the template ``name`` rendered JSON."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise TemplateError(
            "what it renders is not JSON: write values with the json filter", name, error.lineno
        ) from None
    except (ValueError, RecursionError):
        raise TemplateError("what it renders can not be read as JSON", name) from None


def media_type(body: str | Mapping[str, Any] | None) -> str:
    """The content-type of what ``body`` in gateway.yaml makes: by a template file's name."""
    if isinstance(body, str):
        for suffix, media in _MEDIA_TYPES.items():
            if body.removesuffix(".j2").endswith(suffix):
                return media
        return "text/plain"
    return "application/json"
