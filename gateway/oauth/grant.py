"""What a refused token request means, and which key of gateway.yaml to look at. Pure."""

from __future__ import annotations

from datetime import datetime

from gateway.backoff import parse_retry_after
from gateway.http.asking import Answer, RemoteProblem
from gateway.http.problem_document import document_of, redirect, said, sentence, string


def grant_problem(
    answer: Answer, where: str, now: datetime, hide: tuple[str, ...] = ()
) -> RemoteProblem:
    """What a refused token request means (RFC 6749 §5.2). Only ``credentials`` is a refusal."""
    document = document_of(answer, hide)
    status = answer.status
    word = string(document.get("error"))
    kind = "credentials"
    if word in _GRANT_ADVICE:
        advice = _GRANT_ADVICE[word]
    elif status == 429:
        kind, advice = "rate_limited", ""
    elif status >= 500 or status == 408:
        kind, advice = "down", ""
    elif 300 <= status < 400:
        kind, advice = "protocol", f"{redirect(answer)}; look at {{where}}.token_url"
    elif status in (404, 405, 410):
        kind, advice = "protocol", "no token endpoint is there; look at {where}.token_url"
    elif status in (401, 403):
        advice = _GRANT_ADVICE["invalid_client"]
    else:
        advice = _GRANT_ADVICE["invalid_request"]
    words = ", ".join(text for text in (word, said(document)) if text)
    first = f"{where}: the token request was answered {status}"
    return RemoteProblem(
        kind,
        sentence(first, words, advice.format(where=where), document),
        retry_after=parse_retry_after(answer.headers.get("retry-after"), now),
        status=status,
        details=document,
    )


_GRANT_ADVICE = {
    "invalid_client": "look at {where}.client_id and .client_secret",
    "invalid_scope": "look at {where}.scope, which is case-sensitive",
    "unauthorized_client": "ask its support to allow {where}.client_id this grant",
    "access_denied": "look at {where}.client_id, .scope and .token_params",
    "invalid_request": "look at {where}.token_params, .token_format and .token_auth",
    "invalid_grant": "look at {where}.client_id, .client_secret and .refresh_token, if it has one",
    "unsupported_grant_type": "look at {where}.token_url and .token_format",
}
