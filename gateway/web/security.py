"""What guards every request: headers, the admin's bearer token, form tokens, bounded bodies.

One middleware sets the headers and catches what nothing else caught; the rest are small questions
that endpoints ask. Nothing here knows a page.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Mapping
from math import ceil
from urllib.parse import parse_qsl, urlsplit

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.web import audited
from gateway.web.context import web_of
from gateway.web.problems import Problem, as_problem, problem_response
from gateway.web.sessions import COOKIE
from gateway.web.throttle import WRONG_ALLOWED, Source, Throttle

FORM_CAP = 64_000
BODY_DEADLINE = 30.0
"""Seconds a client has to send a body."""

_PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; font-src 'self'; manifest-src 'self'; frame-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
}

log = structlog.get_logger()


class Guard:
    """Outermost: the headers of every answer, and one line in the log for a fault of ours."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started = False
        request = Request(scope)
        public = web_of(request).gateway.settings.public_url or ""

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    if name not in headers:  # an answer may ask for less, never for nothing
                        headers[name] = value
                if public.startswith("https://"):
                    headers["strict-transport-security"] = "max-age=31536000"
                if "cache-control" not in headers:
                    headers["cache-control"] = "no-store"
            await send(message)

        try:
            if not is_known_host(request, public):
                await problem_response(_other_name())(scope, receive, guarded)
                return
            await self._app(scope, receive, guarded)
        except ClientDisconnect:
            return
        except Exception as error:
            # The text of an error may quote a lead: its kind and place must do.
            log.error("request failed", error=type(error).__name__, place=_place(error))
            if not started:
                await problem_response(as_problem(error))(scope, receive, guarded)


def is_known_host(request: Request, public_url: str) -> bool:
    """Whether a request asked for this gateway under a name of its own.

    A page elsewhere may have its name lead to this machine and so read what it answers (DNS
    rebinding). It can not use an address, which is no name, nor send a token it does not know.
    """
    host = _host_of(request.headers.get("host", ""))
    if host == "localhost" or host.endswith(".localhost") or host == urlsplit(public_url).hostname:
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "authorization" in request.headers or request.url.path in ("/healthz", "/readyz")
    return True


def _host_of(text: str) -> str:
    """A Host header's name or address, without its port."""
    try:
        return (urlsplit(f"//{text}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _other_name() -> Problem:
    return Problem(
        421,
        "this gateway is not known under this name: if the name is right, set "
        "LEAD_GATEWAY_PUBLIC_URL to the address that people open",
    )


async def require_admin(request: Request) -> str:
    """Whose admin token came with a request. Raises a 401 or 429 problem."""
    given = bearer(request)
    if given is not None and (who := await try_token(request, given)):
        return who
    raise Problem(
        401,
        "send the admin token: Authorization: Bearer …",
        headers={"www-authenticate": 'Bearer realm="lead-gateway"'},
    )


async def try_token(request: Request, given: str) -> str | None:
    """Whose admin token this is, or None. Raises a 429 problem after too many wrong ones."""
    throttle = web_of(request).throttles.admin
    not_too_often(throttle, request)
    if who := web_of(request).sessions.tokens.whose(given):
        return who
    # The first wrong one and the one that locks are told: more would let a guesser fill the log.
    if throttle.wrong(came_from(request)) in (1, WRONG_ALLOWED):
        await audited.note(request, "", _through(request), did="signin.failed")
    return None


def not_too_often(throttle: Throttle, request: Request) -> None:
    """Raise a 429 problem for an address that tried too many wrong secrets."""
    if wait := throttle.wait(came_from(request)):
        raise Problem(
            429, "too many wrong tokens: wait a minute", headers={"retry-after": str(ceil(wait))}
        )


def _through(request: Request) -> str:
    return "api" if request.url.path.startswith("/v1/") else "dashboard"


def signed_session(request: Request) -> str | None:
    """The cookie of a session that we began and that is not over by itself, or None.

    Enough to decide how a page looks; whether it may be seen, :func:`session_of` says.
    """
    value = request.cookies.get(COOKIE)
    web = web_of(request)
    return value if value and web.sessions.who(value, web.clock()) else None


async def session_of(request: Request) -> str | None:
    """The cookie of a session that is running, or None. Raises StoreUnavailable."""
    value = signed_session(request)
    if value is None or await web_of(request).store.signins.is_ended(value):
        return None
    return value


def bearer(request: Request) -> str | None:
    """The token of the Authorization header, or None."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def client(request: Request) -> str:
    """The address this request came from, as the socket says."""
    return request.client.host if request.client else ""


def came_from(request: Request) -> Source:
    """Whom to slow down: the client, or who a proxy beside us says it is.

    A proxy adds the client it saw at the end of X-Forwarded-For; what stands before that anybody
    may have written. Only a peer in a private network is taken for a proxy.
    """
    peer = client(request)
    told = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    try:
        if told and not ipaddress.ip_address(peer).is_global:
            return Source.of(told, peer)
    except ValueError:
        pass
    return Source.of(peer)


def from_this_machine(request: Request) -> bool:
    """Whether the client is on this machine and no proxy stands between."""
    if any(name in request.headers for name in _PROXY_HEADERS):
        return False
    try:
        return ipaddress.ip_address(client(request)).is_loopback
    except ValueError:
        return False


async def read_body(request: Request, cap: int) -> bytes:
    """The body, at most ``cap`` bytes, within :data:`BODY_DEADLINE`. Raises 408, 413 problems."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > cap:
        raise _too_large(cap)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_DEADLINE):
            async for piece in request.stream():
                body += piece
                if len(body) > cap:
                    raise _too_large(cap)
    except TimeoutError:
        raise Problem(408, "the body came too slowly") from None
    return bytes(body)


def _too_large(cap: int) -> Problem:
    text = f"at most {cap // 1_000_000} MB" if cap >= 1_000_000 else f"at most {cap // 1000} kB"
    return Problem(413, f"{text} at once: send less", headers={"connection": "close"})


async def read_form(request: Request, session: str | None = None) -> Mapping[str, str]:
    """A form's fields, once it is sure that our own page sent them. Raises a 403 problem."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Problem(403, "this form was sent from another site")
    body = await read_body(request, FORM_CAP)
    try:
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=1000))
    except (UnicodeDecodeError, ValueError):
        raise Problem(400, "this is not a form") from None
    if session is not None and not web_of(request).sessions.is_form_token(
        session, fields.get("form_token", "")
    ):
        raise Problem(403, "this form is too old: load the page again")
    return fields


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    place = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{code.co_filename.rpartition('gateway/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
