"""Signing in with the admin token or a link's code, and out again; and who sees a page at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.web import audited
from gateway.web.context import web_of
from gateway.web.pages import page
from gateway.web.problems import Problem
from gateway.web.security import read_form, session_of, try_token
from gateway.web.sessions import COOKIE, LINK_LASTS, SESSION_LASTS

Page = Callable[[Request, str], Awaitable[Response]]


def signed_in(show: Page) -> Callable[[Request], Awaitable[Response]]:
    """Show a page to who is signed in, with the session; everybody else signs in first.

    What a form of theirs changes is written into the audit log.
    """

    @wraps(show)
    async def guarded(request: Request) -> Response:
        session = await session_of(request)
        if session is not None:
            return await _shown(show, request, session)
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        again = request.method == "GET" and here != "/"
        place = f"/signin?next={quote(here)}" if again else "/signin"
        if "hx-request" in request.headers:
            return Response(status_code=401, headers={"hx-redirect": "/signin"})
        return RedirectResponse(place, 303)

    return guarded


async def _shown(show: Page, request: Request, session: str) -> Response:
    if request.method in ("GET", "HEAD"):
        return await show(request, session)
    with audited.deed() as counts:
        response = await show(request, session)
    if response.status_code < 400:
        web = web_of(request)
        who = web.sessions.who(session, web.clock()) or ""
        await audited.note(request, who, "dashboard", count=sum(counts) if counts else None)
    return response


async def signin(request: Request) -> Response:
    """The form, or a link that stands for it: its code signs in once."""
    web = web_of(request)
    code = request.query_params.get("code")
    target = local_path(request.query_params.get("next", "/"))
    if await session_of(request) is not None:
        return RedirectResponse(target, 303)
    if code is None:
        return page(request, "signin.html", {"problem": None, "next": target})
    who = web.sessions.whose_code(code, web.clock())
    if who and await web.store.signins.use(code, LINK_LASTS.total_seconds()):
        return await _enter(request, who, target)
    return page(request, "signin.html", {"problem": "link", "next": target}, status=401)


async def submit(request: Request) -> Response:
    """The form with the token."""
    fields = await read_form(request)
    target = local_path(fields.get("next", "/"))
    try:
        who = await try_token(request, fields.get("token", "").strip())
    except Problem as problem:
        shown = {"problem": "often", "next": target}
        return page(request, "signin.html", shown, status=problem.status, headers=problem.headers)
    if who:
        return await _enter(request, who, target)
    return page(request, "signin.html", {"problem": "token", "next": target}, status=401)


async def signout(request: Request, session: str) -> Response:
    """End the session, here and wherever else its cookie may have gone."""
    await read_form(request, session)
    await web_of(request).store.signins.end(session, SESSION_LASTS.total_seconds())
    response = RedirectResponse("/signin", 303)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
    return response


def local_path(target: str) -> str:
    """A place on this site, or the start: a link must not lead a signed-in person elsewhere."""
    safe = target.startswith("/") and target[1:2] not in ("/", "\\") and target.isprintable()
    return target if safe and "\\" not in target else "/"


async def _enter(request: Request, who: str, target: str) -> Response:
    web = web_of(request)
    public = web.gateway.settings.public_url or ""
    response = RedirectResponse(target, 303)
    response.set_cookie(
        COOKIE,
        web.sessions.start(who, web.clock()),
        max_age=int(SESSION_LASTS.total_seconds()),
        path="/",
        secure=request.url.scheme == "https" or public.startswith("https://"),
        httponly=True,
        samesite="lax",
    )
    await audited.note(request, who, "dashboard", did="signin")
    return response
