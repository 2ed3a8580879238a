"""What goes wrong, said in one form: problem details (RFC 9457) for programs, a page for people.

An answer never quotes an exception's own text: it may hold what a lead holds.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.store import BadCursor, StoreUnavailable

RETRY_STORE_AFTER = 5
"""Seconds after which a client may ask again while the store is away."""

Handler = Callable[[Request, Exception], Awaitable[Response]]


class Problem(Exception):
    """An answer other than success. ``detail`` says what to do; ``extra`` are further members."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})


def problem_response(problem: Problem) -> Response:
    """The problem as ``application/problem+json``."""
    document = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        **problem.extra,
    }
    return Response(
        json.dumps(document, ensure_ascii=False),
        problem.status,
        headers=problem.headers,
        media_type="application/problem+json",
    )


def as_problem(error: Exception) -> Problem:
    """Any error that an endpoint may raise, as a problem."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, StoreUnavailable):
        wait = {"retry-after": str(RETRY_STORE_AFTER)}
        return Problem(503, f"{error}: try again in a moment", headers=wait)
    if isinstance(error, BadCursor):
        return Problem(400, f"cursor: {error}")
    if isinstance(error, HTTPException):
        detail = {
            404: "there is nothing here",
            405: "this address does not take that method",
        }.get(error.status_code, HTTPStatus(error.status_code).description or "refused")
        return Problem(error.status_code, detail, headers=error.headers)
    return Problem(500, "this is a fault of the gateway; its log has the place")


def wants_page(request: Request) -> bool:
    """Whether a person looks at the answer."""
    path = request.url.path
    if path.startswith("/v1/") or path in ("/healthz", "/readyz", "/metrics"):
        return False
    return "text/html" in request.headers.get("accept", "")
