"""Receivers that watch: a CRM that verifies signatures, a Slack that checks blocks, a mail inbox.

Each keeps what it got (capped) and can be told to answer badly.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Generic, TypeVar

from aiosmtpd.smtp import SMTP, Envelope, Session
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from gateway.destinations.slack_blocks import limits_broken
from gateway.sandbox.faults import BROKEN, break_off

KEPT = 50_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Received:
    """One thing that arrived."""

    id: str
    at: datetime
    content: Any


class Kept(Generic[T]):
    """What arrived, by id, and a way to wait for more."""

    def __init__(self) -> None:
        self.all: deque[Received] = deque(maxlen=KEPT)
        self.by_id: dict[str, int] = {}
        self._changed = asyncio.Event()

    def add(self, identifier: str, content: Any) -> None:
        """Note one arrival."""
        self.all.append(Received(identifier, datetime.now(UTC), content))
        if len(self.by_id) < KEPT:
            self.by_id[identifier] = self.by_id.get(identifier, 0) + 1
        self._changed.set()

    @property
    def repeated(self) -> int:
        """Arrivals beyond the first of each id."""
        return sum(count - 1 for count in self.by_id.values())

    async def wait_for(self, unique: int, seconds: float) -> None:
        """Wait until so many different ids arrived. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while len(self.by_id) < unique:
                self._changed.clear()
                await self._changed.wait()


@dataclass(slots=True)
class CrmSink:
    """A CRM: takes the standard envelope at any path. ``answers`` are used up first, then
    ``always``.

    An answer is a status, ``redirect``, or a fault of :data:`gateway.sandbox.faults.BROKEN`. One
    that answers ``half`` has taken the lead; with every other fault it has not. ``overlaps`` are
    the seconds that an exchange had been open when another of the same id came in.
    """

    secret: str | None = None
    answers: deque[int | str] = field(default_factory=deque)
    always: int | str = 200
    delay: float = 0.0
    got: Kept[Any] = field(default_factory=Kept)
    refused: int = 0
    bad_signatures: int = 0
    redirected: int = 0
    overlaps: list[float] = field(default_factory=list)
    _open: dict[str, float] = field(default_factory=dict)

    def app(self) -> Starlette:
        """The sink's HTTP face; ``/elsewhere`` is where a redirect points and nobody
        should come.
        """
        return Starlette(
            routes=[
                Route("/elsewhere", self._elsewhere, methods=["GET", "POST"]),
                Route("/__sink__/state", self._state),
                Route("/__sink__/answers", self._script, methods=["POST"]),
                Route("/{path:path}", self._receive, methods=["POST", "PUT", "PATCH", "OPTIONS"]),
            ]
        )

    async def _receive(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204)
        identifier, started = request.headers.get("webhook-id", ""), time.monotonic()
        if identifier in self._open:
            self.overlaps.append(started - self._open[identifier])
        elif identifier:
            self._open[identifier] = started
        try:
            return await self._answer(request, identifier)
        finally:
            if self._open.get(identifier) == started:
                del self._open[identifier]

    async def _answer(self, request: Request, identifier: str) -> Response:
        body = await request.body()
        if self.delay:
            await asyncio.sleep(self.delay)
        answer = self.answers.popleft() if self.answers else self.always
        if answer == "redirect":
            self.refused += 1
            return RedirectResponse(str(request.base_url) + "elsewhere", 307)
        if answer != "half" and (isinstance(answer, str) or answer >= 300):
            self.refused += 1
            if isinstance(answer, str):
                return await break_off(request, answer)
            return JSONResponse({"error": "scripted"}, answer)
        if not self._is_signed(body, request):
            self.bad_signatures += 1
            return JSONResponse({"error": "bad signature"}, 401)
        self.got.add(identifier, json.loads(body))
        if isinstance(answer, str):
            return await break_off(request, answer)
        return JSONResponse({"id": f"crm-{len(self.got.by_id)}"}, answer)

    def _is_signed(self, body: bytes, request: Request) -> bool:
        if self.secret is None:
            return True
        try:
            Webhook(self.secret).verify(body, dict(request.headers))
        except WebhookVerificationError:
            return False
        return True

    async def _elsewhere(self, request: Request) -> Response:
        self.redirected += 1
        return PlainTextResponse("nobody should be here")

    async def _script(self, request: Request) -> Response:
        """``{"answers": [500, "hang"], "always": 200}``, either of the two."""
        try:
            told = json.loads(await request.body())
            answers = [_checked(item) for item in told.get("answers", [])]
            always = _checked(told.get("always", self.always))
        except (ValueError, AttributeError, TypeError):
            known = ", ".join((*BROKEN, "redirect"))
            return JSONResponse({"error": f"an answer is a status of 200 to 599, {known}"}, 422)
        self.answers.extend(answers)
        self.always = always
        return JSONResponse({"answers": list(self.answers), "always": self.always})

    async def _state(self, request: Request) -> Response:
        return JSONResponse(
            {
                "received": len(self.got.all),
                "unique": len(self.got.by_id),
                "repeated": self.got.repeated,
                "bad_signatures": self.bad_signatures,
            }
        )


def _checked(answer: Any) -> int | str:
    if answer in BROKEN or answer == "redirect":
        return str(answer)
    if isinstance(answer, int) and 200 <= answer <= 599:
        return answer
    raise ValueError(answer)


@dataclass(slots=True)
class SlackSink:
    """Slack's incoming webhook and, under ``/api/``, its API: refuses what Slack would refuse.

    ``threads`` are the time stamps that something may be posted under; forget one, and it is gone.
    """

    got: Kept[Any] = field(default_factory=Kept)
    refused: list[str] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)
    changed: dict[str, list[Any]] = field(default_factory=dict)
    """What messages were changed to, by their time stamp."""

    def app(self) -> Starlette:
        """The sink's HTTP face."""
        return Starlette(
            routes=[
                Route("/api/{method}", self._api, methods=["POST"]),
                Route("/{path:path}", self._receive, methods=["POST", "GET"]),
            ]
        )

    async def _receive(self, request: Request) -> Response:
        if request.method == "GET":
            return PlainTextResponse("ok")
        error = self._take(await request.body())
        return PlainTextResponse(error or "ok", 400 if error else 200)

    async def _api(self, request: Request) -> Response:
        if not request.headers.get("authorization", "").startswith("Bearer "):
            return JSONResponse({"ok": False, "error": "not_authed"})
        if request.path_params["method"] == "auth.test":
            return JSONResponse({"ok": True}, headers={"x-oauth-scopes": "chat:write"})
        body = await request.body()
        if request.path_params["method"] == "chat.update":
            return self._change(body)
        if error := self._take(body, in_channel=True):
            return JSONResponse({"ok": False, "error": error})
        ts = f"{1_700_000_000 + len(self.got.all)}.000100"
        self.threads.add(ts)
        return JSONResponse({"ok": True, "channel": json.loads(body)["channel"], "ts": ts})

    def _change(self, body: bytes) -> Response:
        payload = json.loads(body)
        if faults := limits_broken(payload):
            self.refused += faults
            return JSONResponse({"ok": False, "error": "invalid_blocks"})
        ts = payload.get("ts")
        if ts not in self.threads:
            return JSONResponse({"ok": False, "error": "message_not_found"})
        self.changed.setdefault(ts, []).append(payload)
        return JSONResponse({"ok": True, "channel": payload["channel"], "ts": ts})

    def _take(self, body: bytes, *, in_channel: bool = False) -> str:
        """Keep a message, or say what is wrong with it, in Slack's word."""
        try:
            payload = json.loads(body)
        except ValueError:
            return "invalid_payload"
        if faults := limits_broken(payload):
            self.refused += faults
            return "invalid_blocks"
        if in_channel and not payload.get("channel"):
            return "channel_not_found"
        if payload.get("thread_ts") not in {None, *self.threads}:
            return "thread_not_found"
        # The last words of our template name the lead: SOURCE/ID.
        (last, *_) = payload.get("attachments") or [payload]
        context = last["blocks"][-1].get("elements", [{}])[-1].get("text", "")
        self.got.add(context.rpartition("/")[2] or str(len(self.got.all)), payload)
        return ""


class MailInbox:
    """A mail server that keeps what it takes. Scripted answers are used up before mail is taken."""

    def __init__(self) -> None:
        self.got: Kept[EmailMessage] = Kept()
        self.answers: deque[str] = deque()
        self.refuse: dict[str, str] = {}

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.answers:
            return self.answers.popleft()
        content = envelope.content or b""
        raw = content if isinstance(content, bytes) else content.encode()
        mail = message_from_bytes(raw, policy=policy.default)
        self.got.add(str(mail["X-Lead-Id"] or mail["Message-ID"]), (mail, tuple(envelope.rcpt_tos)))
        return "250 OK"


@contextlib.asynccontextmanager
async def serve_mail(
    inbox: MailInbox, host: str = "127.0.0.1", port: int = 0, **options: Any
) -> AsyncIterator[str]:
    """The inbox's ``smtp://`` URL while it runs, without encryption: for loopback alone."""
    loop = asyncio.get_running_loop()
    factory: Callable[[], SMTP] = lambda: SMTP(  # noqa: E731
        inbox, hostname="inbox.example", loop=loop, data_size_limit=10_000_000, **options
    )
    server = await loop.create_server(factory, host, port)
    try:
        yield f"smtp://{host}:{server.sockets[0].getsockname()[1]}?starttls=never"
    finally:
        server.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await server.wait_closed()
