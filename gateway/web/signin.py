"""Signing in with the admin token or a link's code, and out again; and who sees a page at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.web.context import web_of
from gateway.web.pages import page
from gateway.web.problems import Problem
from gateway.web.security import read_form, session_of, try_token
from gateway.web.sessions import COOKIE, SESSION_LASTS

Page = Callable[[Request, str], Awaitable[Response]]


def signed_in(show: Page) -> Callable[[Request], Awaitable[Response]]:
    """Show a page to who is signed in, with the session; everybody else signs in first."""

    @wraps(show)
    async def guarded(request: Request) -> Response:
        session = session_of(request)
        if session is not None:
            return await show(request, session)
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        again = request.method == "GET" and here != "/"
        place = f"/signin?next={quote(here)}" if again else "/signin"
        if "hx-request" in request.headers:
            return Response(status_code=401, headers={"hx-redirect": "/signin"})
        return RedirectResponse(place, 303)

    return guarded


async def signin(request: Request) -> Response:
    """The form, or a link that stands for it: its code signs in once."""
    web = web_of(request)
    code = request.query_params.get("code")
    target = local_path(request.query_params.get("next", "/"))
    if session_of(request) is not None:
        return RedirectResponse(target, 303)
    if code is None:
        return page(request, "signin.html", {"problem": None, "next": target})
    if web.sessions.redeem(code, web.clock()):
        return _enter(request, target)
    return page(request, "signin.html", {"problem": "link", "next": target}, status=401)


async def submit(request: Request) -> Response:
    """The form with the token."""
    fields = await read_form(request)
    target = local_path(fields.get("next", "/"))
    try:
        right = try_token(request, fields.get("token", "").strip())
    except Problem as problem:
        shown = {"problem": "often", "next": target}
        return page(request, "signin.html", shown, status=problem.status, headers=problem.headers)
    if right:
        return _enter(request, target)
    return page(request, "signin.html", {"problem": "token", "next": target}, status=401)


async def signout(request: Request, session: str) -> Response:
    """End the session in this browser."""
    await read_form(request, session)
    response = RedirectResponse("/signin", 303)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
    return response


def local_path(target: str) -> str:
    """A place on this site, or the start: a link must not lead a signed-in person elsewhere."""
    safe = target.startswith("/") and target[1:2] not in ("/", "\\") and target.isprintable()
    return target if safe and "\\" not in target else "/"


def _enter(request: Request, target: str) -> Response:
    web = web_of(request)
    public = web.gateway.settings.public_url or ""
    response = RedirectResponse(target, 303)
    response.set_cookie(
        COOKIE,
        web.sessions.start(web.clock()),
        max_age=int(SESSION_LASTS.total_seconds()),
        path="/",
        secure=request.url.scheme == "https" or public.startswith("https://"),
        httponly=True,
        samesite="lax",
    )
    return response
