"""The second face: httpx over the same guarded connections, bounded in time and size.

Owns the transport under :meth:`gateway.http.HttpClient.conversation`. It never opens a connection
of its own and never retries.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from ssl import SSLContext

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from gateway.delivery import Reason
from gateway.http.trouble import WireError, timed_out, wire_error

_PACKED = frozenset({"gzip", "x-gzip", "deflate"})
_STEP = 256 * 1024


class ConversationError(WireError, httpx.TransportError):
    """A WireError that httpx's own callers recognise too."""

    def __init__(self, found: WireError, request: httpx.Request) -> None:
        httpx.TransportError.__init__(self, found.text, request=request)
        self.reason = found.reason
        self.text = found.text
        self.uncertain = found.uncertain


class GuardedTransport(httpx.AsyncBaseTransport):
    """``httpx-aiohttp`` on somebody else's session, with a deadline and a cap around each call."""

    def __init__(
        self,
        session: Callable[[], aiohttp.ClientSession],
        tls: SSLContext,
        limit: int,
        judge: Callable[[str], Awaitable[None]],
    ) -> None:
        """``judge`` raises for a URL that may not be asked for."""
        self._session = session
        self._judge = judge
        self._tls = tls
        self._limit = limit

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        seconds = _deadline(request)
        until = asyncio.get_running_loop().time() + seconds
        # Packing is said plainly: what is not unpacked here, within bounds, is not asked for.
        request.headers["accept-encoding"] = "gzip, deflate"
        # A transport is two attributes; one per call follows the session when it is opened anew.
        transport = AiohttpTransport(verify=self._tls, client=self._session())
        try:
            async with asyncio.timeout_at(until):
                await self._judge(str(request.url))
                response = await transport.handle_async_request(request)
        except TimeoutError as error:
            raise ConversationError(timed_out(seconds, sent=True), request) from error
        except (httpx.HTTPError, aiohttp.ClientError, OSError, ValueError) as error:
            raise ConversationError(_seen(error), request) from error
        packing = response.headers.pop("content-encoding", "identity").strip().lower()
        if packing in _PACKED:
            response.headers.pop("content-length", None)
        stream = response.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            raise TypeError("the transport gave a stream that is not asynchronous")
        response.stream = _Bounded(stream, packing, until, seconds, self._limit, request)
        return response

    async def aclose(self) -> None:
        """Nothing: the connections belong to the HttpClient."""


class _Bounded(httpx.AsyncByteStream):
    """An answer's body, unpacked, until its deadline or its cap."""

    def __init__(
        self,
        stream: httpx.AsyncByteStream,
        packing: str,
        until: float,
        seconds: float,
        limit: int,
        request: httpx.Request,
    ) -> None:
        self._stream = stream
        self._packing = packing
        self._until = until
        self._seconds = seconds
        self._limit = limit
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = 0
        try:
            async for piece in self._unpacked():
                read += len(piece)
                if read > self._limit:
                    raise WireError(
                        Reason.TOO_LARGE,
                        f"the answer is larger than {self._limit // 1_000_000} MB",
                        uncertain=True,
                    )
                yield piece
        except WireError as error:
            raise ConversationError(error, self._request) from error

    async def _unpacked(self) -> AsyncIterator[bytes]:
        if self._packing not in _PACKED:
            if self._packing != "identity":
                raise WireError(
                    Reason.PROTOCOL, "the answer is packed in an unknown way", uncertain=True
                )
            async for piece in self._pieces():
                yield piece
            return
        unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip or zlib, by its first bytes
        async for piece in self._pieces():
            while piece:
                # In steps, so that a small piece can not unpack into all of the memory.
                try:
                    yield unpack.decompress(piece, _STEP)
                except zlib.error as error:
                    raise WireError(
                        Reason.PROTOCOL, "the answer can not be unpacked", uncertain=True
                    ) from error
                piece = unpack.unconsumed_tail
        if not unpack.eof:
            raise WireError(Reason.CONNECTION, "the answer broke off", uncertain=True)

    async def _pieces(self) -> AsyncIterator[bytes]:
        source = self._stream.__aiter__()
        while True:
            try:
                async with asyncio.timeout_at(self._until):
                    piece = await anext(source)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                raise timed_out(self._seconds, sent=True) from error
            except (httpx.HTTPError, aiohttp.ClientError, OSError, ValueError) as error:
                raise _seen(error) from error
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()


def _deadline(request: httpx.Request) -> float:
    """The largest of httpx's four timeouts is taken for the whole request; none of them: 30 s."""
    given = [value for value in request.extensions.get("timeout", {}).values() if value]
    return float(max(given, default=30.0))


def _seen(error: BaseException) -> WireError:
    """What is behind an httpx error: it wraps what aiohttp raised."""
    while isinstance(error, httpx.HTTPError) and error.__cause__ is not None:
        error = error.__cause__
    connecting = isinstance(error, aiohttp.ClientConnectorError)
    return wire_error(error, sent=not connecting)
