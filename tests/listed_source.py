"""A source that shows what it is told to: feeds as lists of pages, each page a list of items.

A page may be a problem, which is raised in its place, or an event, which is waited for first.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.lead import Lead
from gateway.sources.common import PolledConfig
from gateway.sources.gsl_lead import normalise
from gateway.sources.protocol import Page, Slice, SourceProblem

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = Slice(NOON - timedelta(hours=1), NOON)

Shown = list[Any] | SourceProblem | asyncio.Event


def item(lead_id: str, second: float = 0.0, **more: Any) -> dict[str, Any]:
    """A raw item made so many seconds after eleven."""
    made = (HOUR.start + timedelta(seconds=second)).isoformat()
    meta = {"leadId": lead_id, "creationDate": made, "leadCategory": "CLASSIFIED"}
    return {"leadMetaInfos": {**meta, **more.pop("meta", {})}, **more}


@dataclass
class ListedSource:
    shows: dict[str, list[Shown]]
    name: str = "seloger"
    kind: str = "gsl"
    identity: str = "seloger"
    config: PolledConfig = field(default_factory=PolledConfig)
    skew: float | None = None
    asked: list[str] = field(default_factory=list)
    singles: dict[str, Any] = field(default_factory=dict)

    @property
    def feeds(self) -> tuple[str, ...]:
        return tuple(self.shows)

    async def read(self, feed: str, window: Slice) -> AsyncIterator[Page]:
        for page in self.shows[feed]:
            self.asked.append(feed)
            if isinstance(page, asyncio.Event):
                await page.wait()
            elif isinstance(page, SourceProblem):
                raise page
            else:
                yield Page(feed, page, NOON)

    async def lead(self, lead_id: str) -> dict[str, Any] | None:
        self.asked.append(lead_id)
        found = self.singles.get(lead_id)
        if isinstance(found, SourceProblem):
            raise found
        if isinstance(found, asyncio.Event):
            await found.wait()
            return None
        return found  # type: ignore[no-any-return]

    def identify(self, item: Any) -> str | None:
        return item["leadMetaInfos"]["leadId"] if isinstance(item, dict) else None

    def made_at(self, item: Any) -> datetime | None:
        return datetime.fromisoformat(item["leadMetaInfos"]["creationDate"])

    def lacks(self, items: Mapping[str, Any]) -> bool:
        said = {item["leadMetaInfos"]["leadCategory"] for item in items.values()}
        return said == {"ESTIMATION"} and not any("estimation" in x for x in items.values())

    def normalise(self, items: Mapping[str, Any], received_at: datetime) -> Lead:
        return normalise(items, source=self.name, identity=self.identity, received_at=received_at)

    async def now(self) -> datetime:
        return NOON

    async def verify(self) -> list[str]:
        return []

    async def close(self) -> None:
        self.shows.clear()
