"""What can go wrong on the wire, in the contract's words.

Owns :class:`WireError` and the translation into it from what aiohttp, ssl and the system raise. The
texts are shown to operators and kept with attempts: they hold no path, no query, no credentials and
nothing that the other side wrote.
"""

from __future__ import annotations

import errno
import socket
import ssl
from typing import TypeVar

import aiohttp
from aiohttp import http_exceptions

from gateway.addresses import BlockedAddress
from gateway.delivery import Reason

E = TypeVar("E", bound=BaseException)


class WireError(Exception):
    """No usable answer came.

    ``reason`` is one of dns, connection, tls, timeout, protocol, too_large, blocked_address and
    configuration (a URL or header that can not be sent at all). ``uncertain`` when the receiver may
    have the whole request all the same, so that a repeat may double it.
    """

    def __init__(self, reason: Reason, text: str, *, uncertain: bool = False) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text
        self.uncertain = uncertain

    def __str__(self) -> str:
        return self.text


def timed_out(seconds: float, *, sent: bool) -> WireError:
    """The deadline of ``seconds`` ran out, before or after the request had gone out in full."""
    text = f"no complete answer within {seconds:g} s" if sent else f"no connection in {seconds:g} s"
    return WireError(Reason.TIMEOUT, text, uncertain=sent)


def wire_error(error: BaseException, *, sent: bool) -> WireError:
    """Name ``error``. ``sent``: the request had gone out in full when it happened."""
    if isinstance(error, WireError):
        return error
    if _within(error, BlockedAddress) is not None:
        return WireError(Reason.BLOCKED_ADDRESS, str(BlockedAddress()))
    reason, text = _named(error)
    return WireError(reason, text, uncertain=sent)


def _named(error: BaseException) -> tuple[Reason, str]:
    match error:
        case aiohttp.ClientConnectorDNSError() | socket.gaierror():
            return Reason.DNS, "the host's name has no address"
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return Reason.TLS, _tls_text(error)
        case aiohttp.ClientHttpProxyError():
            return Reason.CONNECTION, f"the proxy refused to connect (HTTP {error.status})"
        case aiohttp.ClientProxyConnectionError():
            return Reason.CONNECTION, "the proxy can not be reached"
        case aiohttp.ClientConnectorError():
            return _connection(error.os_error)
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return Reason.CONFIGURATION, "the URL can not be used: check its host and scheme"
        case aiohttp.ClientResponseError() | http_exceptions.HttpProcessingError():
            if _within(error, http_exceptions.LineTooLong) is not None:
                return Reason.TOO_LARGE, "the answer's headers are too large"
            return Reason.PROTOCOL, "the answer is not HTTP"
        case aiohttp.ClientPayloadError():
            return _payload(error)
        case TimeoutError():
            return Reason.TIMEOUT, "the connection timed out"
        case aiohttp.ServerDisconnectedError():
            return Reason.CONNECTION, "the connection was closed without an answer"
        case OSError():
            return _connection(error)
        case ValueError():
            return Reason.CONFIGURATION, "the request can not be sent: check URL and headers"
        case _:
            return Reason.CONNECTION, "the connection failed"


def _connection(error: OSError) -> tuple[Reason, str]:
    match error.errno:
        case errno.ECONNREFUSED:
            return Reason.CONNECTION, "the connection was refused"
        case errno.ETIMEDOUT:
            return Reason.TIMEOUT, "the connection timed out"
        case errno.ECONNRESET | errno.EPIPE:
            return Reason.CONNECTION, "the connection was reset"
        case errno.EHOSTUNREACH | errno.ENETUNREACH:
            return Reason.CONNECTION, "the host can not be reached from here"
        case _:
            return Reason.CONNECTION, "the connection failed"


def _payload(error: BaseException) -> tuple[Reason, str]:
    # aiohttp wraps both an answer that broke off and one whose framing makes no sense.
    broke_off = (
        http_exceptions.ContentLengthError,
        http_exceptions.TransferEncodingError,
        OSError,
    )
    if error.__cause__ is None or _within(error, *broke_off) is not None:
        return Reason.CONNECTION, "the answer broke off"
    return Reason.PROTOCOL, "the answer's body can not be read"


def _tls_text(error: BaseException) -> str:
    certificate = _within(error, ssl.SSLCertVerificationError)
    if certificate is not None:
        # OpenSSL's own words, such as "self-signed certificate": nothing of the peer's.
        return f"the certificate is not accepted: {certificate.verify_message}"
    return "the TLS handshake failed: is this port really TLS?"


def _within(error: BaseException | None, *kinds: type[E]) -> E | None:
    """The first error of one of these kinds among ``error`` and what it was raised from."""
    for _ in range(10):  # a chain is short, unless somebody closed it into a ring
        if error is None:
            return None
        for candidate in (getattr(error, "os_error", None), error):  # the system's own first
            if isinstance(candidate, kinds):
                return candidate
        error = error.__cause__ or error.__context__
    return None
