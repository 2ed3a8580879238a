"""One bounded request of a conversation, and its answer as JSON.

Owns the deadline, the cap and the way from bytes to a value; never decides what a status means and
never repeats anything. Raises :class:`RemoteProblem` with the key of gateway.yaml to look at.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import httpx

from gateway.delivery import Reason
from gateway.http.trouble import WireError


class RemoteProblem(Exception):
    """The other side did not give what was asked for; the operator sees the text.

    ``kind`` is one of ``credentials`` (a grant or token refused), ``forbidden`` (this is not
    allowed or not found), ``rate_limited``, ``down`` (transport, 5xx), ``protocol`` (an answer that
    is not what the vendor documents: HTML, a page key that repeats, a body too large).
    ``retry_after`` is its wish in seconds. ``details`` is the problem document, if one came;
    ``reason`` says why no answer came.
    """

    def __init__(
        self,
        kind: str,
        text: str,
        *,
        retry_after: float | None = None,
        status: int | None = None,
        details: dict[str, Any] | None = None,
        reason: Reason | None = None,
    ) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.retry_after = retry_after
        self.status = status
        self.details = details or {}
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, in words for the operator.

    ``address`` is the key of gateway.yaml that names the host, ``setting`` the one that names the
    path; ``who`` was asked.
    """

    what: str
    address: str
    setting: str
    who: str = "the portal"


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer. ``headers`` by lower-case name."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def media_type(self) -> str:
        """``text/html``, or ``no content type``."""
        named = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        return named if named.isprintable() and 0 < len(named) < 100 else "no content type"


async def ask(
    http: httpx.AsyncClient, request: httpx.Request, asked: Asked, *, deadline: float, cap: int
) -> Answer:
    """Send ``request`` and read at most ``cap`` bytes within ``deadline`` seconds in all.

    Raises :class:`RemoteProblem`: ``down`` when no answer came, ``protocol`` when it is too large.
    """
    request.extensions["timeout"] = httpx.Timeout(deadline).as_dict()
    body = bytearray()
    try:
        async with asyncio.timeout(deadline):
            response = await http.send(request, stream=True, follow_redirects=False)
            try:
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > cap:
                        _too_large(asked, cap)
            finally:
                await response.aclose()
    except TimeoutError as error:
        text = f"no complete answer within {deadline:g} s"
        raise _down(asked, text, Reason.TIMEOUT) from error
    except WireError as error:
        if error.reason is Reason.TOO_LARGE:
            _too_large(asked, cap)
        raise _down(asked, error.text, error.reason) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _down(asked, "the connection failed", Reason.CONNECTION) from error
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers, bytes(body))


def json_of(answer: Answer, asked: Asked) -> Any:
    """The answer's JSON value. Raises :class:`RemoteProblem` ``protocol`` when it is none.

    A half of a surrogate pair, as text cut in the middle of an emoji leaves it, becomes U+FFFD: it
    could not be stored, and one such lead must not stop the others. NaN and Infinity become null.
    """
    try:
        value = json.loads(answer.body, parse_constant=lambda _: None)
        if b"\\ud" in answer.body or b"\\uD" in answer.body:
            value = _mended(value)
    except (ValueError, RecursionError) as error:
        raise wrong_answer(answer, asked, _what_came(answer)) from error
    return value


def wrong_answer(answer: Answer, asked: Asked, what_came: str) -> RemoteProblem:
    """The problem of an answer that is not what the vendor documents."""
    text = (
        f"{asked.what}: {asked.who} answered {answer.status} with {what_came} "
        f"({answer.media_type}) where its page promises JSON; "
        f"look at {asked.address} and {asked.setting}"
    )
    return RemoteProblem("protocol", text, status=answer.status)


def _what_came(answer: Answer) -> str:
    start = answer.body[:200].lstrip().lower()
    if not start:
        return "an empty body"
    if start.startswith(b"<"):
        return "a web page"
    if start.startswith((b"{", b"[")):
        return "JSON that breaks off or is damaged"
    return "something else"


def _down(asked: Asked, text: str, reason: Reason) -> RemoteProblem:
    words = f"{asked.what}: {text}; look at {asked.address}"
    return RemoteProblem("down", words, reason=reason)


def _too_large(asked: Asked, cap: int) -> NoReturn:
    raise RemoteProblem(
        "protocol", f"{asked.what}: the answer is larger than {cap / 1_000_000:g} MB"
    )


def _mended(value: Any) -> Any:
    match value:
        case str():
            if value.isascii():
                return value
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case list():
            return [_mended(item) for item in value]
        case dict():
            return {_mended(name): _mended(item) for name, item in value.items()}
        case _:
            return value
