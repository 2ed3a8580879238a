"""A lead goes from the portal to a CRM, an inbox and Slack."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.delivery import Reason, State
from gateway.sandbox.leads import CATEGORIES
from tests.e2e.conftest import House

pytestmark = pytest.mark.anyio


async def test_every_category_reaches_every_kind_of_destination_once(house: House) -> None:
    for category in CATEGORIES:
        house.portal.add(5, category)
    async with house.running():
        for sink in (house.crm.got, house.inbox.got, house.slack.got):
            await sink.wait_for(20, 20)
    assert set(house.inbox.got.by_id) == set(house.portal.created)
    assert set(house.slack.got.by_id) == set(house.portal.created)
    assert {item.content["data"]["id"] for item in house.crm.got.all} == set(house.portal.created)
    assert (house.crm.got.repeated, house.inbox.got.repeated, house.slack.got.repeated) == (0, 0, 0)
    assert (house.crm.bad_signatures, house.slack.refused) == (0, [])


async def test_two_pollers_and_two_workers_deliver_each_lead_once(house: House) -> None:
    house.portal.add(40)
    async with house.running(pollers=2, workers=2):
        await house.crm.got.wait_for(40, 20)
        house.portal.add(10)
        await house.crm.got.wait_for(50, 20)
    assert (house.crm.got.repeated, len(house.crm.got.all)) == (0, 50)


async def test_a_sink_that_fails_twice_gets_the_lead_with_the_same_id(house: House) -> None:
    house.crm.answers.extend([500, 500])
    house.portal.add(1)
    async with house.running() as gateway:
        await house.crm.got.wait_for(1, 20)
        page = await gateway.store.deliveries.page(destinations=["crm"])
        found = await gateway.store.deliveries.get(page.items[0].id)
    assert found is not None
    assert found.id == house.crm.got.all[0].id
    assert [attempt.status for attempt in found.attempts][:2] == [500, 500]


async def test_a_refused_lead_is_a_dead_letter_and_a_replay_delivers_it(
    house: House, until: Any
) -> None:
    house.crm.always = 400
    house.portal.add(1)
    async with house.running() as gateway:

        async def is_dead() -> bool:
            return bool((await gateway.store.deliveries.page(states=[State.DEAD])).items)

        await until(is_dead)
        (dead,) = (await gateway.store.deliveries.page(states=[State.DEAD])).items
        assert (dead.destination, dead.reason) == ("crm", Reason.REJECTED)
        house.crm.always = 200
        assert await gateway.pipeline.replay([dead.id]) == [("replayed", "crm")]
        await house.crm.got.wait_for(1, 20)


async def test_a_sink_that_hangs_times_out_and_one_that_redirects_is_not_followed(
    house: House,
) -> None:
    house.config.write_text(house.config.read_text().replace("timeout: 15s", "timeout: 1s"))
    house.crm.answers.extend(["hang", "redirect"])
    house.portal.add(1)
    async with house.running() as gateway:
        await house.crm.got.wait_for(1, 30)
        page = await gateway.store.deliveries.page(destinations=["crm"])
        found = await gateway.store.deliveries.get(page.items[0].id)
    assert found is not None
    assert [item.reason for item in found.attempts][:2] == [Reason.TIMEOUT, Reason.REDIRECT]
    assert house.crm.redirected == 0


HOSTILE = {
    "leadMetaInfos": {
        "leadId": "odd-1",
        "leadCategory": "SOMETHING_NEW",
        "futureField": {"a": [1]},
    },
    "contactRequest": {
        "fullName": "Zoé 🦊 <b>Essai</b>\nX-Injected: 1",
        "email": None,
        "phoneNumber": None,
        "message": "<script>alert(1)</script> {{ 7*7 }} <!channel> " + "é" * 100_000,
    },
    "property": None,
}


async def test_odd_items_are_delivered_or_rejected_and_stop_no_other(
    house: House, until: Any
) -> None:
    house.portal.put_raw("leads", HOSTILE)
    house.portal.put_raw(
        "leads",
        {"leadMetaInfos": {"leadId": "nulls", "leadCategory": None}, "contactRequest": None},
    )
    house.portal.put_raw("leads", ["not", "an", "object"])
    house.portal.put_raw("leads", {"leadMetaInfos": {}})
    (good,) = house.portal.add(1)
    async with house.running() as gateway:
        for sink in (house.crm.got, house.inbox.got, house.slack.got):
            await sink.wait_for(3, 20)
        rejected = await gateway.store.rejects.page()
    assert set(house.inbox.got.by_id) == {"odd-1", "nulls", good.id}
    assert len(rejected.items) == 2
    odd = next(item for item in house.crm.got.all if item.content["data"]["id"] == "odd-1")
    assert odd.content["data"]["original"]["leadMetaInfos"]["futureField"] == {"a": [1]}
    mail, _ = next(item.content for item in house.inbox.got.all if item.id == "odd-1")
    html = mail.get_body(("html",)).get_content()
    assert "<script>alert" not in html
    assert "&lt;script&gt;" in html
    assert mail["X-Injected"] is None
    slack = next(item.content for item in house.slack.got.all if item.id == "odd-1")
    assert "<!channel>" not in slack["text"]
    assert slack["attachments"][0]["blocks"][1]["text"]["type"] == "plain_text"


async def test_a_portal_that_is_down_is_said_and_nothing_is_missed_afterwards(
    house: House, until: Any
) -> None:
    house.portal.down = True
    house.portal.add(3)
    async with house.running() as gateway:

        async def is_down() -> bool:
            return (await gateway.store.sources.get("seloger")).state == "down"

        await until(is_down)
        assert house.portal.calls["token"] < 10
        house.portal.down = False
        await gateway.store.sources.wake("seloger")
        await house.crm.got.wait_for(3, 20)

        async def is_up() -> bool:
            state = await gateway.store.sources.get("seloger")
            return (state.state, state.problem) == ("up", None)

        await until(is_up)


async def test_leads_below_the_floor_are_not_delivered(house: House) -> None:
    house.portal.add(5, at=datetime(2026, 1, 1, tzinfo=UTC))
    (fresh,) = house.portal.add(1)
    async with house.running():
        await house.crm.got.wait_for(1, 20)
    assert [item.content["data"]["id"] for item in house.crm.got.all] == [fresh.id]


async def test_refused_credentials_are_said_once_not_hammered_and_mended_by_a_restart(
    house: House, until: Any
) -> None:
    house.portal.client_secret = "another"
    house.portal.add(2)
    async with house.running() as gateway:

        async def is_refused() -> bool:
            return (await gateway.store.sources.get("seloger")).state == "refused"

        await until(is_refused)
        state = await gateway.store.sources.get("seloger")
        assert state.problem is not None
        assert "sandbox" not in state.problem
        assert state.next_try_at is not None
        await gateway.store.sources.wake("seloger")
        assert house.portal.calls["token"] == 1
    # The operator corrects the secret in gateway.yaml and starts again.
    text = house.config.read_text().replace("client_secret: sandbox", "client_secret: another")
    house.config.write_text(text)
    async with house.running():
        await house.crm.got.wait_for(2, 20)


async def test_a_portal_that_answers_html_is_told_apart_and_nothing_is_missed(
    house: House, until: Any
) -> None:
    house.portal.faults.next = ["html"] * 5
    house.portal.add(2)
    async with house.running() as gateway:

        async def is_down() -> bool:
            return (await gateway.store.sources.get("seloger")).state == "down"

        await until(is_down)
        problem = (await gateway.store.sources.get("seloger")).problem
        assert problem is not None
        assert "html" in problem.lower()
        await gateway.store.sources.wake("seloger")
        await house.crm.got.wait_for(2, 20)


async def test_one_lead_read_a_hundred_times_by_two_pollers_is_delivered_once(
    house: House, until: Any
) -> None:
    text = house.config.read_text().replace("poll_every: 200ms", "poll_every: 100ms")
    house.config.write_text(text)
    house.portal.add(1)
    async with house.running(pollers=2, workers=2) as gateway:

        async def was_read_often() -> bool:
            return house.portal.calls["leads"] >= 100

        await until(was_read_often, 60.0)
        page = await gateway.store.deliveries.page()
    assert sorted(item.destination for item in page.items) == ["crm", "inbox", "team"]
    assert (len(house.crm.got.all), len(house.inbox.got.all), len(house.slack.got.all)) == (1, 1, 1)
