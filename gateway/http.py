"""The one HTTP client: one network stack with two faces.

Underneath, aiohttp sessions whose connector checks every address. ``exchange`` is the one-shot
delivery, straight on the session, where half of the product's time is spent; ``conversation`` is an
httpx client over the same session for portals and tokens. No redirects, no cookies, no proxies from the
environment, every answer capped, every exchange under one deadline.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from yarl import URL

from gateway import __version__
from gateway.addresses import AddressGuard, BlockedAddress
from gateway.delivery import Reason

USER_AGENT = f"lead-gateway/{__version__}"
ANSWER_CAP = 64_000
"""Bytes of an answer that are read; what comes after is not waited for."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, ready to send. The URL is complete and already quoted."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Exchange:
    """An answer: status, headers by lower-case name, the first bytes of the body, seconds it took."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool
    seconds: float


class WireError(Exception):
    """No usable answer came. ``uncertain`` when the receiver may have the request all the same.

    The text never holds the URL's path, query or credentials.
    """

    def __init__(self, reason: Reason, text: str, *, uncertain: bool) -> None:
        super().__init__(text)
        self.reason = reason
        self.uncertain = uncertain


class HttpClient:
    """A pool of connections of its own, bounded by ``connections``. Close it when done."""

    def __init__(
        self, guard: AddressGuard, *, connections: int = 100, answer_cap: int = ANSWER_CAP
    ) -> None:
        self._guard = guard
        self._connections = connections
        self._cap = answer_cap
        self._session: aiohttp.ClientSession | None = None
        self._conversation: httpx.AsyncClient | None = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            tls = ssl.create_default_context()
            tls.minimum_version = ssl.TLSVersion.TLSv1_2
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._connections,
                    ssl=tls,
                    socket_factory=self._guard.socket,
                    keepalive_timeout=30.0,
                    use_dns_cache=True,
                    ttl_dns_cache=30,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                trust_env=False,
                raise_for_status=False,
                read_bufsize=2**16,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
            )
        return self._session

    async def exchange(self, request: Request, *, timeout: float) -> Exchange:
        """Send one request and read the start of its answer within ``timeout`` seconds in all.

        Raises :class:`WireError`.
        """
        session = self._open()
        started = time.monotonic()
        try:
            async with asyncio.timeout(timeout):
                async with session.request(
                    request.method,
                    URL(request.url, encoded=True),
                    data=request.body or None,
                    headers={"user-agent": USER_AGENT, **request.headers},
                    allow_redirects=False,
                ) as answer:
                    body, truncated = await self._read(answer)
                    return Exchange(
                        answer.status,
                        {name.lower(): value for name, value in answer.headers.items()},
                        body,
                        truncated,
                        time.monotonic() - started,
                    )
        except TimeoutError as error:
            raise WireError(
                Reason.TIMEOUT, f"no complete answer within {timeout:g} s", uncertain=True
            ) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _wire_error(error) from error

    async def _read(self, answer: aiohttp.ClientResponse) -> tuple[bytes, bool]:
        body = bytearray()
        async for chunk in answer.content.iter_any():
            body += chunk
            if len(body) > self._cap:
                answer.close()  # the rest may never end: give the connection up
                return bytes(body[: self._cap]), True
        return bytes(body), False

    def conversation(self) -> httpx.AsyncClient:
        """An httpx client over the same guarded connections, for several calls that belong together."""
        if self._conversation is None:
            self._conversation = httpx.AsyncClient(
                transport=AiohttpTransport(client=self._open),
                headers={"user-agent": USER_AGENT},
                follow_redirects=False,
                trust_env=False,
                timeout=30.0,
            )
        return self._conversation

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        self._conversation = None


def _wire_error(error: BaseException) -> WireError:
    """Name what went wrong, looking through what wraps it."""
    blocked = _find(error, BlockedAddress)
    if blocked is not None:
        return WireError(Reason.BLOCKED_ADDRESS, str(blocked), uncertain=False)
    match error:
        case aiohttp.ClientConnectorDNSError():
            return WireError(Reason.DNS, "the host's name has no address", uncertain=False)
        case aiohttp.ClientSSLError():
            return WireError(Reason.TLS, _tls_text(error), uncertain=False)
        case aiohttp.ClientConnectorError():
            word = error.os_error.strerror or "no connection"
            return WireError(Reason.CONNECTION, f"no connection: {word.lower()}", uncertain=False)
        case aiohttp.InvalidURL():
            return WireError(Reason.PROTOCOL, "the URL can not be used", uncertain=False)
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
            return WireError(
                Reason.CONNECTION, "the connection ended before the answer", uncertain=True
            )
        case aiohttp.ClientPayloadError():
            return WireError(Reason.CONNECTION, "the answer broke off", uncertain=True)
        case aiohttp.ClientResponseError() | aiohttp.http.HttpProcessingError():
            return WireError(Reason.PROTOCOL, "the answer is not HTTP", uncertain=True)
        case _:
            return WireError(Reason.CONNECTION, "the connection failed", uncertain=True)


def _tls_text(error: aiohttp.ClientSSLError) -> str:
    certificate = _find(error, ssl.SSLCertVerificationError)
    if isinstance(certificate, ssl.SSLCertVerificationError):
        return f"the certificate is not accepted: {certificate.verify_message}"
    return "the TLS handshake failed"


def _find(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    for _ in range(10):
        if error is None or isinstance(error, kind):
            return error
        inner = getattr(error, "os_error", None)
        if isinstance(inner, kind):
            return inner
        error = error.__cause__ or error.__context__
    return None
