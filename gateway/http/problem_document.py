"""Reads what the other side says when it says no: problem documents (RFC 7807, 9457).

Pure: an answer in, its document and the parts of a sentence out. What the other side writes is
masked and cut before it is kept: it may quote what a person entered.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from gateway.http.asking import Answer
from gateway.masking import SECRET, mask

TRACES = ("traceparent", "x-request-id", "x-amzn-requestid", "x-amzn-trace-id", "request-id")
"""Headers that a portal's support asks for, in the order of their use."""

_LONGEST_TEXT, _MOST_ITEMS, _DEEPEST, _LARGEST = 500, 30, 4, 256_000


def document_of(answer: Answer, hide: tuple[str, ...] = ()) -> dict[str, Any]:
    """The problem document, masked and cut, with ``errors`` as ``[{name, reason}]``.

    Every other member is kept as it came, but ``trace``: it holds what support asks for, from the
    headers. ``hide`` are texts that must not be shown, such as a client secret. Never raises.
    """
    found: Any = None
    if len(answer.body) <= _LARGEST:
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError):
            found = None
    document = _tidy(found, hide) if isinstance(found, dict) else {}
    if "errors" in document:
        document["errors"] = _errors(document["errors"])
    trace = {name: _text(answer.headers[name], hide) for name in TRACES if name in answer.headers}
    return {**document, "trace": trace}


def sentence(first: str, said: str, advice: str, document: dict[str, Any]) -> str:
    """The parts as one sentence, with the first trace at its end."""
    text = f"{first} ({said})" if said else first
    text = f"{text}; {advice}" if advice else text
    trace = next(iter(document["trace"].values()), "")
    return f"{text} [{trace}]" if trace else text


def said(document: dict[str, Any]) -> str:
    """What it gives as its reason, in one line: title, detail, then each field's error."""
    parts = [string(document.get("title")), string(document.get("detail"))]
    parts += [string(document.get("error_description")), string(document.get("message"))]
    for error in document.get("errors", [])[:5]:
        parts.append(": ".join(text for text in (error["name"], error["reason"]) if text))
    source = string(document.get("errorSource"))
    parts.append(f"source {source}" if source else "")
    told = "; ".join(dict.fromkeys(part.rstrip(".") for part in parts if part))
    return told if len(told) <= _LONGEST_TEXT else told[:_LONGEST_TEXT] + "…"


def _errors(found: Any) -> list[dict[str, str]]:
    """The vendor's page says ``title`` and ``message``, its own example ``name`` and ``reason``."""
    if isinstance(found, dict):  # ASP.NET's map of a field to its messages
        found = [{"name": name, "reason": reason} for name, reason in found.items()]
    errors = []
    for error in found if isinstance(found, list) else [found]:
        if isinstance(error, dict):
            name = error.get("title") or error.get("name") or error.get("field")
            reason = error.get("message") or error.get("reason") or error.get("detail")
            errors.append({"name": string(name), "reason": string(reason)})
        else:
            errors.append({"name": "", "reason": string(error)})
    return errors


def redirect(answer: Answer) -> str:
    """Where a redirect leads, without path and query."""
    try:
        parts = urlsplit(answer.headers.get("location", ""))
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "it redirects"
    if not parts.hostname or not parts.hostname.isascii():
        return "it redirects"
    return f"it redirects to {parts.scheme or 'https'}://{parts.hostname}{port}"


def string(value: Any) -> str:
    """A member of a document as text; empty where there is none."""
    match value:
        case None | "":
            return ""
        case str():
            return value
        case list():
            return ", ".join(string(item) for item in value)
        case _:
            return json.dumps(value, ensure_ascii=False)


def _text(value: str, hide: tuple[str, ...]) -> str:
    for secret in hide:
        if len(secret) >= 4:
            value = value.replace(secret, SECRET)
    plain = " ".join("".join(c if c.isprintable() else " " for c in value[:4000]).split())
    masked = mask(plain)
    return masked if len(masked) <= _LONGEST_TEXT else masked[:_LONGEST_TEXT] + "…"


def _tidy(value: Any, hide: tuple[str, ...], depth: int = 0) -> Any:
    match value:
        case str():
            return _text(value, hide)
        case dict() if depth < _DEEPEST:
            items = list(value.items())[:_MOST_ITEMS]
            return {_text(name, hide)[:100]: _tidy(item, hide, depth + 1) for name, item in items}
        case list() if depth < _DEEPEST:
            return [_tidy(item, hide, depth + 1) for item in value[:_MOST_ITEMS]]
        case dict() | list():
            return "…"
        case _:
            return value
