"""What a portal's operation means when it says no: one :class:`SourceProblem`, and where to look.

Pure. How the document of an answer is read is for gateway/http/problem_document.py.
"""

from __future__ import annotations

from datetime import datetime

from gateway.backoff import parse_retry_after
from gateway.http.asking import Answer, Asked
from gateway.http.problem_document import document_of, redirect, said, sentence
from gateway.sources.protocol import SourceProblem


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
            advice = f"{redirect(answer)}; redirects are not followed, look at {asked.address}"
    return SourceProblem(
        kind,
        sentence(f"{asked.what}: the portal answered {status}", said(document), advice, document),
        retry_after=parse_retry_after(answer.headers.get("retry-after"), now),
        status=status,
        details=document,
    )
