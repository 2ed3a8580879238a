"""The GSL source against the simulated portal that ships: the two must agree on every operation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from gateway.http import HttpClient
from gateway.sandbox.portal import BY_CHANCE, Portal, portal_app
from gateway.sandbox.server import serve
from gateway.sources.gsl import GslConfig, GslSource
from gateway.sources.gsl_config import FEEDS
from gateway.sources.protocol import Slice, SourceProblem
from gateway.sources.window import next_checkpoint, slices
from tests.tokens import TokensInMemory
from tests.wire import loopback

pytestmark = pytest.mark.anyio


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Account:
    portal: Portal
    http: HttpClient
    url: str

    def source(self, **keys: Any) -> GslSource:
        config = GslConfig(
            **{
                "kind": "gsl",
                "base_url": self.url,
                "token_url": f"{self.url}/oauth/token",
                "client_id": "sandbox",
                "client_secret": SecretStr("sandbox"),
                **keys,
            }
        )
        talk = self.http.conversation()
        return GslSource("seloger", config, talk, TokensInMemory(_now), _now)


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    portal = Portal(seed=7)
    http = HttpClient(loopback())
    async with serve(portal_app(portal)) as url:
        yield Account(portal, http, url)
        await http.close()


def lead_id(item: Any) -> str:
    return str(item["leadMetaInfos"]["leadId"])


async def read(source: GslSource, feed: str, back: timedelta = timedelta(hours=1)) -> list[Any]:
    """Everything a feed has of the last while."""
    now = await source.now()
    found: list[Any] = []
    for piece in slices(now - back, timedelta(0), now + timedelta(seconds=1)):
        async for page in source.read(feed, piece):
            found += page.items
    return found


async def check(source: GslSource) -> str:
    try:
        return "\n".join(await source.verify())
    except SourceProblem as problem:
        return problem.text


async def test_every_feed_gives_its_leads_in_pages(account: Account) -> None:
    leads = account.portal.add(60)
    source = account.source(page_size=7)

    for feed in FEEDS:
        expected = [lead.id for lead in leads if feed in lead.feeds]
        assert sorted(lead_id(item) for item in await read(source, feed)) == sorted(expected)
    assert account.portal.calls["token"] == 1


async def test_one_lead_and_the_leads_of_one_classified_are_found(account: Account) -> None:
    lead = next(
        lead for lead in account.portal.add(20, "CLASSIFIED") if lead.classified_id is not None
    )
    assert lead.classified_id is not None
    source = account.source()

    single = await source.lead(lead.id)
    pages = [page async for page in source.classified(lead.classified_id)]

    assert single is not None
    assert lead_id(single) == lead.id
    assert lead.id in {lead_id(item) for page in pages for item in page.items}
    assert await source.lead("no-such-lead") is None


@pytest.mark.parametrize("unit", ["seconds", "milliseconds"])
async def test_either_unit_of_time_reads_a_portal_that_counts_so(
    account: Account, unit: str
) -> None:
    account.portal.milliseconds = unit == "milliseconds"
    account.portal.add(3)

    assert len(await read(account.source(timestamps=unit), "leads")) == 3


async def test_the_check_tells_every_mistake_apart(account: Account) -> None:
    account.portal.add(5)
    account.portal.forbidden_feeds = frozenset({"projects"})

    found = {
        "nothing": await check(account.source(feeds=["leads"])),
        "unit": await check(account.source(feeds=["leads"], timestamps="milliseconds")),
        "secret": await check(account.source(client_secret=SecretStr("wrong"))),
        "scope": await check(account.source(scope="LAAS:leads:get")),
        "path": await check(account.source(paths={"leads": "/v3/leads"}, feeds=["leads"])),
        "token": await check(account.source(token_url=f"{account.url}/token")),
        "feed": await check(account.source()),
    }

    assert "agrees" in found["nothing"]
    assert "0 in milliseconds" in found["nothing"]
    assert "write sources.seloger.timestamps: seconds" in found["unit"]
    assert "sources.seloger.client_id and .client_secret" in found["secret"]
    assert "sources.seloger.scope" in found["scope"]
    assert "sources.seloger.paths.leads" in found["path"]
    assert "sources.seloger.token_url" in found["token"]
    assert "feed projects: not allowed (403)" in found["feed"]


async def test_a_portal_whose_clock_is_ahead_is_read_by_its_own_clock(account: Account) -> None:
    account.portal.clock_skew = 90.0
    source = account.source()
    await read(source, "leads")
    account.portal.add(1, at=_now() + timedelta(seconds=85))

    assert len(await read(source, "leads")) == 1
    assert source.skew == pytest.approx(90, abs=2.5)
    assert "s behind the portal" in await check(source)


async def test_polls_through_every_fault_read_every_lead(account: Account) -> None:
    """A slice that failed is walked again, so its leads are read at last; none is passed over."""
    portal, source = account.portal, account.source(page_size=3)
    start = _now() - timedelta(seconds=1)
    checkpoint, seen = start, set[str]()

    faults = [fault for fault in BY_CHANCE if fault != "slow"]
    for fault in [*faults, None, *faults, None]:
        portal.add(4)
        portal.faults.next = [fault] if fault else []
        before = checkpoint
        now = await source.now() + timedelta(seconds=1)
        for piece in slices(checkpoint, timedelta(seconds=0), now):
            checkpoint = await advance(source, piece, checkpoint, seen)
        assert checkpoint >= before

    for piece in slices(checkpoint, timedelta(seconds=2), now):
        await advance(source, piece, checkpoint, seen)
    assert seen == set(portal.created)


async def advance(
    source: GslSource, piece: Slice, checkpoint: datetime, seen: set[str]
) -> datetime:
    """Read one slice as the poller does: the checkpoint moves when all of it was read."""
    reached = piece.end
    try:
        async for page in source.read("leads", piece):
            seen |= {lead_id(item) for item in page.items}
            reached = min(reached, page.portal_time or reached)
    except SourceProblem:
        return checkpoint
    return next_checkpoint(piece.end, reached, checkpoint)
