"""A portal that answers by script, for what the sandbox is too well-behaved to do.

Grants tokens, pages through the leads it is given, and gives any scripted answer first. Knows the
GSL Leads API's shapes and nothing of its fields.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from pydantic import SecretStr

from gateway.http import HttpClient
from gateway.oauth import Clock, TokenStore
from gateway.sources.gsl import GslConfig, GslSource
from gateway.sources.protocol import Page, Slice, SourceProblem
from tests.tokens import TokensInMemory
from tests.wire import Received, Script, answer, listening, loopback, read_request

SECRET = "invented-secret-0815"
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = Slice(NOON - timedelta(hours=1), NOON)


def said(value: Any, status: int = 200, **headers: str) -> bytes:
    """A JSON answer."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    kind = {"content-type": "application/json"}
    return answer(status, json.dumps(value).encode(), {**kind, **named})


def page(*items: Any, key: Any = None) -> bytes:
    return said({"Data": {"Items": list(items), "LastItemKey": key}, "Count": len(items)})


@dataclass
class ScriptedPortal:
    """What it has, what it will say next, and what it was asked."""

    http: HttpClient
    port: int = 0
    leads: list[Any] = field(default_factory=list)
    script: list[bytes | Script] = field(default_factory=list)
    grants: list[bytes] = field(default_factory=list)
    always: Callable[[Received], bytes | None] = lambda request: None
    date: datetime | None = None
    asked: list[Received] = field(default_factory=list)
    signed_in: int = 0
    pause: asyncio.Event | None = None
    busy: asyncio.Event = field(default_factory=asyncio.Event)
    at_once: list[int] = field(default_factory=lambda: [0, 0])  # now, and at most

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(request.body) for request in self.asked]

    def source(
        self, store: TokenStore | None = None, clock: Clock | None = None, **keys: Any
    ) -> GslSource:
        """A source that reads this portal. Its connections end with the portal."""
        config = GslConfig(
            **{
                "kind": "gsl",
                "base_url": self.url,
                "token_url": f"{self.url}/token",
                "client_id": "agency-42",
                "client_secret": SecretStr(SECRET),
                **keys,
            }
        )
        clock = clock or (lambda: datetime.now(UTC))
        tokens = store or TokensInMemory(clock)
        return GslSource("seloger", config, self.http.conversation(), tokens, clock)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request = await read_request(reader)
            if request.target == "/token":
                self.signed_in += 1
                granted = said({"access_token": f"token-{self.signed_in}", "expires_in": 3600})
                writer.write(self.grants.pop(0) if self.grants else granted)
            else:
                self.asked.append(request)
                self.at_once = [self.at_once[0] + 1, max(self.at_once[1], self.at_once[0] + 1)]
                if self.pause:
                    if self.at_once[0] == 2:
                        self.busy.set()
                    await self.pause.wait()
                self.at_once[0] -= 1
                scripted = self.script.pop(0) if self.script else self.always(request)
                if callable(scripted):
                    await scripted(_Again(request), writer)  # type: ignore[arg-type]
                    return
                writer.write(self._dated(scripted or self._page(request)))
            await writer.drain()

    def _page(self, request: Received) -> bytes:
        paging = json.loads(request.body)["Pagination"]
        start = int(paging.get("LastItemKey", "0"))
        end = start + paging["Limit"]
        return page(*self.leads[start:end], key=str(end) if end < len(self.leads) else None)

    def _dated(self, whole: bytes) -> bytes:
        if self.date is None:
            return whole
        head, body = whole.split(b"\r\n\r\n", 1)
        line = f"\r\ndate: {format_datetime(self.date, usegmt=True)}\r\n\r\n"
        return head + line.encode() + body


class _Again:
    """Lets a script of ``tests.wire`` read the request that was read already."""

    def __init__(self, request: Received) -> None:
        self._request = request

    async def readuntil(self, _: bytes) -> bytes:
        return b"POST / HTTP/1.1\r\n\r\n"

    async def readexactly(self, _: int) -> bytes:
        return b""


@contextlib.asynccontextmanager
async def scripted_portal() -> AsyncIterator[ScriptedPortal]:
    portal = ScriptedPortal(HttpClient(loopback()))
    async with listening(portal) as server:
        portal.port = server.port
        yield portal
        await portal.http.close()


async def walk(source: GslSource, feed: str = "leads", window: Slice = HOUR) -> list[Page]:
    return [page async for page in source.read(feed, window)]


async def problem_of(source: GslSource, feed: str = "leads") -> SourceProblem:
    """The problem that reading ends with."""
    try:
        await walk(source, feed)
    except SourceProblem as problem:
        return problem
    raise AssertionError("the portal was read without a problem")
