"""What a source is. A source never touches the store: it yields raw items and says its problems."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Slice:
    """A bounded piece of time to read: from ``start`` to ``end``, both included, UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of the portal. ``items`` are raw JSON values, not yet trusted to be objects.

    ``portal_time`` is the portal's own clock (its ``Date`` header), when it said one.
    """

    feed: str
    items: list[Any] = field(default_factory=list)
    portal_time: datetime | None = None


class SourceProblem(Exception):
    """The portal could not be read; the operator sees the text, the poller the rest.

    ``kind`` is one of ``credentials`` (a grant or token refused), ``forbidden`` (this feed is not
    allowed or not found), ``rate_limited``, ``down`` (transport, 5xx), ``protocol`` (an answer that
    is not what the vendor documents: HTML, a page key that repeats, a body too large).
    ``retry_after`` is the portal's wish in seconds. ``details`` is the problem document, if one
    came.
    """

    def __init__(
        self,
        kind: str,
        text: str,
        *,
        retry_after: float | None = None,
        status: int | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.retry_after = retry_after
        self.status = status
        self.details = details or {}


class Source(Protocol):
    """One configured portal account that can be polled."""

    name: str
    kind: str
    identity: str
    feeds: tuple[str, ...]

    def read(self, feed: str, window: Slice) -> AsyncIterator[Page]:
        """Walk one feed over one slice, page by page. Raises :class:`SourceProblem`."""
        ...

    async def now(self) -> datetime:
        """The portal's clock as last seen, corrected by the time since; ours until it spoke."""
        ...

    async def verify(self) -> list[str]:
        """Sign in and ask for one small page; lines of what was found. Raises SourceProblem."""
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...


class TokenStore(Protocol):
    """Where a source keeps its access token, shared by every process (the store implements it)."""

    async def load_token(self, key: str) -> dict[str, Any] | None:
        """The token document kept under ``key``, or None."""
        ...

    async def save_token(self, key: str, token: dict[str, Any], ttl: float) -> None:
        """Keep ``token`` for ``ttl`` seconds."""
        ...

    async def lock_token(self, key: str, seconds: float) -> bool:
        """Try to become the one process that asks for a new token; False if another
        already does.
        """
        ...

    async def unlock_token(self, key: str) -> None:
        """Let others ask again."""
        ...
