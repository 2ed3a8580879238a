"""The client itself: a pool of guarded connections, and the one-shot exchange straight on it.

Half of the product's time is spent in ``exchange``, so it does nothing that can be done before.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from io import BytesIO
from pathlib import Path

import aiohttp
import httpx
from yarl import URL

from gateway import __version__
from gateway.addresses import AddressGuard, check_host
from gateway.http.conversation import GuardedTransport
from gateway.http.trouble import timed_out, wire_error
from gateway.trust import trusting

USER_AGENT = f"lead-gateway/{__version__}"

ANSWER_LIMIT = 64 * 1024
"""Bytes of a delivery's answer that are read; what comes after is not waited for."""

PAGE_LIMIT = 20_000_000
"""Bytes of one answer in a conversation, unpacked: a portal's page of leads is far below."""

# Common servers close an idle connection after 5 s or later. Letting go first means that a lead is
# hardly ever written into a connection that is closing, which nobody could tell from a lost answer.
_IDLE_SECONDS = 4.0
_WRITTEN_AT_ONCE = 2**20
_NAME_SECONDS = 30
"""How long a name's addresses are remembered."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, ready to send. A ``URL`` that was parsed once saves parsing it per request."""

    method: str
    url: str | URL
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Exchange:
    """An answer.

    ``headers`` by lower-case name (of a repeated one, the last); ``body`` the first bytes,
    unpacked; ``truncated`` when there was more; ``duration`` in seconds, connecting included.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool
    duration: float


class HttpClient:
    """At most ``connections`` connections at once, each to an address that ``guard`` allows.

    Give every destination and every source a client of its own, so that one that hangs holds up no
    other. ``ca_file`` adds certificate authorities to the system's; verification can not be turned
    off. ``proxy`` is where connections go instead: the guard then judges it, and the names that it
    is asked for. Made anywhere, used within one event loop; close it when done.
    """

    def __init__(
        self,
        guard: AddressGuard,
        *,
        connections: int = 100,
        user_agent: str = USER_AGENT,
        ca_file: Path | str | None = None,
        proxy: str | None = None,
        answer_limit: int = ANSWER_LIMIT,
    ) -> None:
        self._guard = guard
        self._connections = connections
        self._user_agent = user_agent
        self._ca_file = str(ca_file) if ca_file else None
        self._proxy = proxy
        self._limit = answer_limit
        self._session: aiohttp.ClientSession | None = None
        self._conversation: httpx.AsyncClient | None = None

    async def exchange(self, request: Request, timeout: float) -> Exchange:
        """Send ``request`` and read its answer, all within ``timeout`` seconds.

        Redirects are answers like any other. A POST or PATCH is sent once: when its connection
        breaks, that is an error marked ``uncertain``, for the schedule to decide. (A PUT may be
        written again at once, on a new connection, as RFC 9110 §9.2.2 allows.)
        Raises :class:`gateway.http.WireError`.
        """
        started = time.monotonic()
        upload = aiohttp.UploadTracker()
        try:
            async with asyncio.timeout(timeout):
                await self._judge(request.url)
                async with self._open().request(
                    request.method,
                    request.url,
                    data=_body(request.body),
                    headers=request.headers,
                    allow_redirects=False,
                    upload_tracker=upload,
                ) as answer:
                    body, truncated = await self._read(answer)
        except TimeoutError as error:
            if time.monotonic() - started < timeout:
                raise wire_error(error, sent=_sent(upload)) from error
            raise timed_out(timeout, sent=_sent(upload)) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise wire_error(error, sent=_sent(upload)) from error
        return Exchange(
            answer.status,
            {name.lower(): value for name, value in answer.headers.items()},
            body,
            truncated,
            time.monotonic() - started,
        )

    async def _read(self, answer: aiohttp.ClientResponse) -> tuple[bytes, bool]:
        body = await answer.content.readany()
        if answer.content.at_eof() and len(body) <= self._limit:
            return body, False  # nearly every answer is here in one piece
        pieces = bytearray(body)
        while len(pieces) <= self._limit and (piece := await answer.content.readany()):
            pieces += piece
        if len(pieces) <= self._limit:
            return bytes(pieces), False
        answer.close()  # the rest may never end: the connection goes with it
        return bytes(pieces[: self._limit]), True

    def conversation(self) -> httpx.AsyncClient:
        """An httpx client over the same guarded connections, for calls that belong together.

        Every request has a deadline over the whole of it (30 s, or the ``timeout`` given with it)
        and an answer of at most 20 MB. It raises :class:`gateway.http.ConversationError`, which is
        both a WireError and an ``httpx.TransportError``. It belongs to this client and is closed
        with it.
        """
        if self._conversation is None or self._conversation.is_closed:
            self._conversation = httpx.AsyncClient(
                transport=GuardedTransport(
                    self._open, _tls(self._ca_file), PAGE_LIMIT, self._judge
                ),
                headers={"user-agent": self._user_agent},
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # takes none
                follow_redirects=False,
                trust_env=False,
                timeout=30.0,
            )
        return self._conversation

    async def close(self) -> None:
        """Give back every connection. A closed client opens itself again when used."""
        session, self._session = self._session, None
        talk, self._conversation = self._conversation, None
        if talk is not None:
            await talk.aclose()
        if session is not None:
            await session.close()

    async def _judge(self, url: str | URL) -> None:
        """With a proxy the socket says nothing of where a request goes: look at the name."""
        if self._proxy is not None:
            await check_host(URL(url).host or "", self._guard)

    def _open(self) -> aiohttp.ClientSession:
        # Not in the constructor: a session belongs to the loop it was made in.
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._connections,
                    ssl=_tls(self._ca_file),
                    socket_factory=self._guard.socket,
                    keepalive_timeout=_IDLE_SECONDS,
                    ttl_dns_cache=_NAME_SECONDS,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                # The deadline is ours, exact and around everything; aiohttp's rounds up to seconds.
                timeout=aiohttp.ClientTimeout(),
                headers={"user-agent": self._user_agent},
                skip_auto_headers=("Accept-Encoding",),
                trust_env=False,
                proxy=self._proxy,
            )
        return self._session


def _body(body: bytes) -> bytes | BytesIO | None:
    # aiohttp writes bytes in one go and a file in pieces, between which other deliveries go on.
    return BytesIO(body) if len(body) > _WRITTEN_AT_ONCE else body or None


def _sent(upload: aiohttp.UploadTracker) -> bool:
    """Whether the request went out in full, as far as this side can know."""
    done = upload.upload_complete
    return done.done() and not done.cancelled() and done.exception() is None


@functools.lru_cache(maxsize=8)
def _tls(ca_file: str | None) -> ssl.SSLContext:
    """Certificates checked against the system's authorities; reading those takes 20 ms, once."""
    context = trusting(ca_file)
    context.set_alpn_protocols(["http/1.1"])
    return context
