"""How a page becomes an answer: the language, the frame every page shares, the error page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from gateway.web.context import web_of
from gateway.web.problems import Problem
from gateway.web.security import signed_session
from gateway.web.templating import LANGUAGES

SAID = "lead_gateway_said"
"""What the last button did, for the one page after it."""
LANGUAGE_COOKIE = "lead_gateway_language"
_SAID = re.compile(r"^([a-z_]{1,30})\.(\d{1,9})\.(\d{1,9})$")
_YEAR = 365 * 24 * 3600


def page(
    request: Request,
    name: str,
    values: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Render one page in the reader's language."""
    web = web_of(request)
    language = language_of(request)
    session = signed_session(request)
    frame = {
        "path": request.url.path,
        "signed_in": session is not None,
        "form_token": web.sessions.form_token(session) if session else "",
        "dead_count": None,
        "health": None,
        "said": said(request),
        **values,
    }
    html = web.pages.render(name, language, frame)
    response = HTMLResponse(html, status, headers=dict(headers or {}))
    if frame["said"]:
        response.delete_cookie(SAID, path="/", httponly=True, samesite="lax")
    if request.query_params.get("lang") in LANGUAGES:
        response.set_cookie(
            LANGUAGE_COOKIE, language, max_age=_YEAR, path="/", httponly=True, samesite="lax"
        )
    return response


def said(request: Request) -> tuple[str, int, int] | None:
    """What the last button did: its word, how many, and how many were left alone."""
    found = _SAID.match(request.cookies.get(SAID, ""))
    return (found[1], int(found[2]), int(found[3])) if found else None


def language_of(request: Request) -> str:
    """What the reader chose just now or before, else what the configuration says."""
    for wish in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if wish in LANGUAGES:
            return wish
    return web_of(request).config.language


def problem_page(request: Request, problem: Problem) -> Response:
    """A problem for people to read."""
    values = {"status": problem.status, "detail": problem.detail}
    return page(request, "problem.html", values, status=problem.status, headers=problem.headers)
