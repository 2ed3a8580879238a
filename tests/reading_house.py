"""The simulated portal read into a real store, step by step, with a clock that a test turns.

No sockets and no processes: the source talks to the portal's own application.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from gateway.delivery import Delivery, lead_uid
from gateway.pipeline import Pipeline
from gateway.queue import Queue
from gateway.reading import Looked, Reader
from gateway.reading.fingerprint import is_known, marks_of
from gateway.sandbox.portal import Portal, portal_app
from gateway.sources.gsl import GslConfig, GslSource
from gateway.store import Store, StoredLead
from tests.builders import an_agency

OVERLAP = timedelta(minutes=15)
"""The source's own default."""
URL = "http://portal.example"


@dataclass
class ReadingHouse:
    store: Store
    queue: Queue
    portal: Portal = field(default_factory=lambda: Portal(seed=7))
    turned: timedelta = timedelta(0)
    transport: Callable[[Any], httpx.AsyncBaseTransport] = lambda app: httpx.ASGITransport(app=app)
    _owners: Any = field(default_factory=itertools.count)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.turned

    def turn(self, **time: float) -> None:
        """Let time pass, for us and for the portal."""
        self.turned += timedelta(**time)
        self.portal.clock_skew = self.turned.total_seconds()

    def source(self, name: str = "seloger", **keys: Any) -> GslSource:
        config = GslConfig(
            **{
                "kind": "gsl",
                "base_url": URL,
                "token_url": f"{URL}/oauth/token",
                "client_id": "sandbox",
                "client_secret": SecretStr("sandbox"),
                "start": timedelta(hours=1),
                **keys,
            }
        )
        http = httpx.AsyncClient(transport=self.transport(portal_app(self.portal)))
        return GslSource(name, config, http, self.store.sources, self.now)

    def pipeline(self) -> Pipeline:
        return Pipeline(self.store, self.queue, an_agency("crm"), {}, {}, clock=self.now)

    def reader(self, source: GslSource, **how: Any) -> Reader:
        return Reader(source, self.store, self.pipeline(), clock=self.now, **how)

    async def poll(
        self, source: GslSource, reader: Reader | None = None, feeds: Sequence[str] = ()
    ) -> Looked:
        """One poll by a poller that was just started."""
        owner = f"poller-{next(self._owners)}"
        name = f"source:{source.name}"
        while not (token := await self.store.leases.take(name, owner, 60.0)):
            await asyncio.sleep(0.002)  # the one before has just given it up
        reader = reader or self.reader(source)
        try:
            return await reader.poll(feeds or source.feeds, await reader.begin(), token)
        finally:
            await self.store.leases.give_up(name, owner)

    async def lead(self, lead_id: str, identity: str = "seloger") -> StoredLead | None:
        return await self.store.leads.get(lead_uid(identity, lead_id))

    async def mark(self, lead_id: str, identity: str = "seloger") -> str | None:
        (known,) = await self.store.leads.lookup([lead_uid(identity, lead_id)])
        return known.mark if known else None

    async def deliveries(self) -> list[Delivery]:
        """Every delivery there is."""
        page = await self.store.deliveries.page(None, 500, destinations=["crm"])
        assert page.next_cursor is None
        return page.items

    async def nothing_was_passed_over(
        self, there: Sequence[str], before: Mapping[str, datetime]
    ) -> None:
        """Where a checkpoint has moved, all that its feed showed up to it is stored.

        ``there`` are the leads that the portal had when reading began, ``before`` the checkpoints.
        """
        state = await self.store.sources.get("seloger")
        for feed, reached in state.checkpoints.items():
            start = before.get(feed, state.floor)
            if reached == before.get(feed) or start is None:
                continue
            for lead_id in there:
                lead = self.portal.leads.get(lead_id)
                if lead and feed in lead.feeds and start - OVERLAP <= lead.created_at <= reached:
                    (known,) = await self.store.leads.lookup([lead_uid("seloger", lead_id)])
                    assert known
                    read = marks_of("seloger", {feed: lead.feeds[feed]})
                    assert known.mark == "f" or is_known(known.digest, read)
