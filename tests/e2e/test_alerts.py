"""What is wrong reaches the team through its own destinations, once, and again when it is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.delivery import Reason, delivery_id
from gateway.sandbox.server import serve
from gateway.store import Claim, Report
from gateway.store.sources import FeedTrouble
from gateway.wiring import Gateway, open_gateway
from tests.builders import a_lead
from tests.e2e.conftest import House
from workers.alerter import Alerter

pytestmark = pytest.mark.anyio


@dataclass
class Watch:
    """An alerter whose clock is turned by hand."""

    gateway: Gateway
    shift: float = 0.0
    alerter: Alerter = field(init=False)

    def __post_init__(self) -> None:
        self.alerter = Alerter(self.gateway, "test", clock=self.now)

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.shift)

    async def after(self, seconds: float) -> None:
        """Let time pass, for the sources as well: they were read just now."""
        self.shift += seconds
        seloger = await self.gateway.store.sources.get("seloger")
        if seloger.state in ("new", "up"):
            await self.read()
        await self.alerter.round()

    async def read(self) -> None:
        await self.gateway.store.sources.succeeded(
            "seloger", self.now(), took=0.1, skew=0.0, troubles={}
        )

    async def end(self, name: str, outcome: str, reason: Reason, **how: Any) -> None:
        """One attempt on the lead's delivery to a destination, that ends so."""
        store = self.gateway.store
        await store.leases.start_worker("w")
        claim = Claim(name, [delivery_id("seloger", "lead-1", name)], 1.0)
        (begun,) = await store.deliveries.begin("w", [claim])
        (work,) = begun.work
        report = Report(work.id, work.number, outcome, reason, 5, **how)
        await store.deliveries.finish("w", [report])


@asynccontextmanager
async def watching(house: House, alerts: str) -> AsyncIterator[Watch]:
    house.config.write_text(house.config.read_text() + f"alerts: {alerts}\n")
    async with open_gateway(house.settings) as gateway:
        watch = Watch(gateway)
        await watch.read()
        yield watch
        await watch.alerter.close()


async def test_a_dead_letter_is_told_to_everybody_once_in_their_language(house: House) -> None:
    async with watching(house, "{to: [crm, inbox, team]}") as watch:
        await watch.gateway.pipeline.accept([a_lead()])
        await watch.end("inbox", "refused", Reason.RECIPIENT_REFUSED)
        for _ in range(5):
            await watch.after(5)
    (webhook,), (mail,), (slack,) = house.crm.got.all, house.inbox.got.all, house.slack.got.all
    assert webhook.content["type"] == "gateway.alert"
    (alert,) = webhook.content["data"]["alerts"]
    assert (alert["kind"], alert["subject"], alert["state"]) == ("dead_letter", "inbox", "raised")
    assert alert["facts"] == {"name": "inbox", "count": 1, "reason": "recipient_refused"}
    message = mail.content[0]
    assert "inbox : 1 abandonnés" in message["Subject"]
    assert message["X-Lead-Id"] is None
    assert "dead-letters list --destination inbox" in message.get_body(("plain",)).get_content()
    assert "abandonnés" in slack.content["text"]
    assert house.slack.refused == []


async def test_a_source_that_refuses_and_mends_is_two_messages(house: House) -> None:
    async with watching(house, "{to: [team]}") as watch:
        trouble = FeedTrouble("the token request was answered 401", None, {})
        await watch.gateway.store.sources.failed("seloger", "refused", trouble)
        await watch.after(5)
        await watch.after(40)
        await watch.after(300)
        await watch.read()
        await watch.after(5)
        await watch.after(70)
        await watch.after(300)
    texts = [item.content["text"] for item in house.slack.got.all]
    assert len(texts) == 2
    assert "401" in texts[0]
    assert "de nouveau" in texts[1]


async def test_who_is_down_is_not_told_that_it_is_down(house: House) -> None:
    async with watching(house, "{to: [crm, team], on: [destination_down]}") as watch:
        await watch.gateway.store.destinations.pause("crm", "gone")
        await watch.after(5)
    assert len(house.slack.got.all) == 1
    assert list(house.crm.got.all) == []


async def test_an_alert_that_fails_is_tried_again_and_raises_none(house: House) -> None:
    house.crm.always = 500
    async with watching(house, "{to: [crm], on: [unrouted, dead_letter]}") as watch:
        store = watch.gateway.store
        await store.connection.command("ZADD", store.connection.key("unrouted"), 1, "someone")
        for seconds in (5, 31, 121, 601, 1801, 3601, 4000, 4000):
            await watch.after(seconds)
        tries = house.crm.refused
        house.crm.always = 200
        await watch.after(4000)
        _, _, outbox = await store.alerts.recall()
        found = await store.deliveries.page()
    assert tries == 6
    assert (outbox, found.items) == ([], [])
    assert list(house.crm.got.all) == []


async def test_two_alerters_say_it_once(house: House) -> None:
    async with watching(house, "{to: [team]}") as watch:
        other = Alerter(watch.gateway, "other", clock=watch.now)
        await watch.gateway.store.destinations.pause("crm", "gone")
        await watch.after(5)
        assert await other.round() is False
        await watch.alerter.close()
        await asyncio.sleep(0.01)  # a lease that is given up lasts one millisecond more
        assert await other.round() is True
        await other.close()
    assert len(house.slack.got.all) == 1


async def test_the_heartbeat_stops_while_leads_do_not_flow(house: House) -> None:
    pings: list[str] = []

    async def ping(request: Request) -> Response:
        pings.append(request.url.path)
        return Response("OK")

    async with serve(Starlette(routes=[Route("/ping", ping)])) as url:
        alerts = f"{{heartbeat_url: {url}/ping, heartbeat_every: 1m}}"
        async with watching(house, alerts) as watch:
            for _ in range(4):
                await watch.after(31)
            well = len(pings)
            trouble = FeedTrouble("no answer", None, {})
            await watch.gateway.store.sources.failed("seloger", "down", trouble)
            await watch.after(31)
            await watch.after(31)
            stopped = len(pings)
            for _ in range(4):
                await watch.after(61)
            still = len(pings)
            await watch.read()
            await watch.after(61)
    assert well == 2
    assert stopped == still
    assert len(pings) == still + 1


async def test_an_unknown_receiver_of_alerts_is_a_fault_with_the_nearest_name(
    house: House,
) -> None:
    from gateway.config import check, load

    house.config.write_text(house.config.read_text() + "alerts: {to: [tema]}\n")
    faults = check(load(house.config, house.settings.environ))
    assert [(fault.path, "team" in fault.text) for fault in faults if not fault.warning] == [
        ("alerts.to[1]", True)
    ]
