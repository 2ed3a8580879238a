"""What a source is. A source never touches the store: it yields raw items and says its problems."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from gateway.http.asking import RemoteProblem
from gateway.lead import Lead
from gateway.sources.common import PolledConfig


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

    @property
    def config(self) -> PolledConfig:
        """What gateway.yaml says of it."""
        ...

    @property
    def skew(self) -> float | None:
        """Seconds that the portal's clock is ahead of ours; None until it spoke."""
        ...

    def read(self, feed: str, window: Slice) -> AsyncIterator[Page]:
        """Walk one feed over one slice, page by page. Raises :class:`SourceProblem`."""
        ...

    async def lead(self, lead_id: str) -> dict[str, Any] | None:
        """The raw item of one lead, or None. Raises :class:`SourceProblem`."""
        ...

    def identify(self, item: Any) -> str | None:
        """The portal's id of a raw item; None for one that is no lead."""
        ...

    def made_at(self, item: Any) -> datetime | None:
        """When a raw item says it was made: what its feed is ordered by."""
        ...

    def lacks(self, items: Mapping[str, Any]) -> bool:
        """Whether a lead's items (feed -> raw item) lack a section that :meth:`lead` brings."""
        ...

    def normalise(self, items: Mapping[str, Any], received_at: datetime) -> Lead:
        """A lead from its items (feed -> raw item, ``lead`` for its own). Raises RejectedItem."""
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
