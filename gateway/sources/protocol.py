"""What a source is. A source never touches the store: it yields raw items and says its problems."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from gateway.http.asking import RemoteProblem


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


SourceProblem = RemoteProblem
"""The portal could not be read; the operator sees the text, the poller the rest."""


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
