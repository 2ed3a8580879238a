"""Reads what a portal says when it says no: problem documents (RFC 7807, 9457) and OAuth errors.

Pure: an answer in, one :class:`SourceProblem` out, with a sentence that names the key of
gateway.yaml to look at, and the whole document for the operator. What a portal writes is masked and
cut before it is kept: it may quote what a person entered.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from gateway.backoff import parse_retry_after
from gateway.masking import SECRET, mask
from gateway.sources.protocol import SourceProblem
from gateway.sources.wire import Answer, Asked

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


def portal_problem(
    answer: Answer, asked: Asked, where: str, now: datetime, hide: tuple[str, ...] = ()
) -> SourceProblem:
    """What an operation's answer other than 2xx means. ``where`` as ``sources.seloger``."""
    document = document_of(answer, hide)
    status = answer.status
    kind, advice = "protocol", ""
    match status:
        case 401:
            kind = "credentials"
            advice = f"the access token is not accepted; look at {where}.token_url and .scope"
        case 403:
            kind = "forbidden"
            advice = f"this account may not read it; look at {where}.feeds and .scope"
        case 404:
            kind = "forbidden"
            advice = f"nothing is there; look at {asked.setting} and {asked.address}"
        case 405 | 410 | 415:
            advice = f"look at {asked.setting}"
        case 408 | 425:
            kind = "down"
        case 429:
            kind = "rate_limited"
        case _ if status >= 500:
            kind = "down"
        case _ if 300 <= status < 400:
            advice = f"{_redirect(answer)}; redirects are not followed, look at {asked.address}"
    return SourceProblem(
        kind,
        _sentence(f"{asked.what}: the portal answered {status}", _said(document), advice, document),
        retry_after=parse_retry_after(answer.headers.get("retry-after"), now),
        status=status,
        details=document,
    )


def grant_problem(
    answer: Answer, where: str, now: datetime, hide: tuple[str, ...] = ()
) -> SourceProblem:
    """What a refused token request means (RFC 6749 §5.2). Only ``credentials`` is a refusal."""
    document = document_of(answer, hide)
    status = answer.status
    word = _string(document.get("error"))
    kind = "credentials"
    if word in _GRANT_ADVICE:
        advice = _GRANT_ADVICE[word]
    elif status == 429:
        kind, advice = "rate_limited", ""
    elif status >= 500 or status == 408:
        kind, advice = "down", ""
    elif 300 <= status < 400:
        kind, advice = "protocol", f"{_redirect(answer)}; look at {{where}}.token_url"
    elif status in (404, 405, 410):
        kind, advice = "protocol", "no token endpoint is there; look at {where}.token_url"
    elif status in (401, 403):
        advice = _GRANT_ADVICE["invalid_client"]
    else:
        advice = _GRANT_ADVICE["invalid_request"]
    said = ", ".join(text for text in (word, _said(document)) if text)
    first = f"{where}: the token request was answered {status}"
    return SourceProblem(
        kind,
        _sentence(first, said, advice.format(where=where), document),
        retry_after=parse_retry_after(answer.headers.get("retry-after"), now),
        status=status,
        details=document,
    )


_GRANT_ADVICE = {
    "invalid_client": "look at {where}.client_id and .client_secret",
    "invalid_scope": "look at {where}.scope, which is case-sensitive",
    "unauthorized_client": "ask the portal's support to allow {where}.client_id this grant",
    "access_denied": "look at {where}.client_id, .scope and .token_params",
    "invalid_request": "look at {where}.token_params, .token_format and .token_auth",
    "invalid_grant": "look at {where}.client_id and .client_secret",
    "unsupported_grant_type": "look at {where}.token_url and .token_format",
}


def _sentence(first: str, said: str, advice: str, document: dict[str, Any]) -> str:
    """The parts as one sentence, with the first trace at its end."""
    text = f"{first} ({said})" if said else first
    text = f"{text}; {advice}" if advice else text
    trace = next(iter(document["trace"].values()), "")
    return f"{text} [{trace}]" if trace else text


def _said(document: dict[str, Any]) -> str:
    """What the portal gives as its reason, in one line: title, detail, then each field's error."""
    parts = [_string(document.get("title")), _string(document.get("detail"))]
    parts += [_string(document.get("error_description")), _string(document.get("message"))]
    for error in document.get("errors", [])[:5]:
        parts.append(": ".join(text for text in (error["name"], error["reason"]) if text))
    source = _string(document.get("errorSource"))
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
            errors.append({"name": _string(name), "reason": _string(reason)})
        else:
            errors.append({"name": "", "reason": _string(error)})
    return errors


def _redirect(answer: Answer) -> str:
    """Where a redirect leads, without path and query."""
    try:
        parts = urlsplit(answer.headers.get("location", ""))
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "it redirects"
    if not parts.hostname or not parts.hostname.isascii():
        return "it redirects"
    return f"it redirects to {parts.scheme or 'https'}://{parts.hostname}{port}"


def _string(value: Any) -> str:
    match value:
        case None | "":
            return ""
        case str():
            return value
        case list():
            return ", ".join(_string(item) for item in value)
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
