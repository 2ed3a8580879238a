"""The pages of dead letters, destinations, sources and the configuration, and their buttons."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from gateway.delivery import Reason, delivery_id
from gateway.queue import Queue
from gateway.sandbox.server import serve
from gateway.sandbox.sinks import CrmSink
from gateway.store import Process, Store
from gateway.web.dashboard.configuration import discreet
from tests.builders import a_lead
from tests.web_house import (
    CONFIGURATION,
    PUSH_TOKEN,
    WebGateway,
    a_hostile_lead,
    browse,
    form_token,
    make_gateway,
)

SECRET = "whsec_c2FuZGJveC1zYW5kYm94LXNhbmRib3gtc2FuZGJveC0="

pytestmark = pytest.mark.anyio


@pytest.fixture
def house(store: Store, queue: Queue, tmp_path: Path) -> WebGateway:
    return make_gateway(store, queue, tmp_path)


async def press(client: httpx.AsyncClient, page: str, path: str, **fields: str) -> httpx.Response:
    """Press a button of a page, as its form would."""
    token = form_token((await client.get(page)).text)
    return await client.post(path, data={"form_token": token, **fields})


async def dead(house: WebGateway, count: int = 4) -> list[str]:
    """Dead letters of the crm: the first for the template, the others rejected."""
    await house.accept(*(a_lead(f"lead-{n}") for n in range(count)))
    ids = [delivery_id("seloger", f"lead-{n}", "crm") for n in range(count)]
    for n, item in enumerate(ids):
        reason = Reason.TEMPLATE if n == 0 else Reason.REJECTED
        await house.end(item, "crm", "refused", reason=reason, answer='{"error": "no phone"}')
    return ids


async def states(house: WebGateway, ids: list[str]) -> list[str]:
    return [item.state.value for item in await house.store.deliveries.get_many(ids)]


async def test_dead_letters_are_grouped_by_destination_and_reason(house: WebGateway) -> None:
    await dead(house)
    async with browse(house, signed_in=True) as client:
        page = (await client.get("/dead-letters")).text
        group = (await client.get("/dead-letters?destination=crm&reason=template")).text
    assert re.search(r"<strong>crm</strong> refused for good</span> <b>3</b>", page)
    assert re.search(r"<strong>crm</strong> the template fails</span> <b>1</b>", page)
    assert "no phone" in page
    assert group.count('class="pick"') == 1


async def test_only_what_was_picked_is_replayed(house: WebGateway) -> None:
    ids = await dead(house)
    async with browse(house, signed_in=True) as client:
        answer = await press(
            client, "/dead-letters", "/dead-letters/replay",
            which="picked", **{f"pick:{ids[1]}": "1", f"pick:{ids[2]}": "1"},
        )  # fmt: skip
        told = (await client.get(answer.headers["location"])).text
        again = (await client.get("/dead-letters")).text
    assert await states(house, ids) == ["dead", "pending", "pending", "dead"]
    assert "Replayed: 2." in told
    assert "Replayed" not in again


async def test_a_press_on_one_group_leaves_the_others_alone(house: WebGateway) -> None:
    ids = await dead(house)
    async with browse(house, signed_in=True) as client:
        await press(
            client, "/dead-letters", "/dead-letters/discard",
            which="all", destination="crm", reason="rejected",
        )  # fmt: skip
    assert await states(house, ids) == ["dead", "discarded", "discarded", "discarded"]


async def test_what_was_delivered_meanwhile_is_left_alone_and_said(house: WebGateway) -> None:
    ids = await dead(house, 2)
    async with browse(house, signed_in=True) as client:
        await house.pipeline.replay([ids[1]])
        await house.end(ids[1], "crm", "delivered")
        picked = {f"pick:{item}": "1" for item in ids}
        answer = await press(client, "/", "/dead-letters/replay", which="picked", **picked)
        told = (await client.get(answer.headers["location"])).text
    assert await states(house, ids) == ["pending", "delivered"]
    assert "Replayed: 1. Left alone: 1." in told


async def test_a_lead_is_erased_from_its_page_whatever_its_id(house: WebGateway) -> None:
    lead = a_hostile_lead()
    await house.accept(lead)
    async with browse(house, signed_in=True) as client:
        listed = (await client.get("/leads")).text
        place = re.search(r'href="(/leads/seloger/[^"]+)"', listed)
        assert place is not None
        page = (await client.get(place[1])).text
        action = re.search(r'action="([^"]+/erase)"', page)
        assert action is not None
        answer = await press(client, place[1], action[1])
        told = (await client.get(answer.headers["location"])).text
        gone = await client.get(place[1])
    assert (answer.status_code, gone.status_code) == (303, 404)
    assert "erased" in told
    assert await house.store.leads.count() == 0


async def test_a_lead_shows_which_route_chose_each_destination(house: WebGateway) -> None:
    await house.accept(a_lead(category="AGENCY"))
    async with browse(house, signed_in=True) as client:
        page = (await client.get("/leads/seloger/lead-1")).text
    assert "route 1" in page
    assert "lead.category == &#34;AGENCY&#34;" in page


async def test_a_preview_shows_what_would_be_sent_and_sends_nothing(house: WebGateway) -> None:
    async with browse(house, signed_in=True) as client:
        page = (await client.get("/destinations/crm?preview=ESTIMATION")).text
        unknown = await client.get("/destinations/crm?preview=NOTHING")
        nobody = await client.get("/destinations/nobody")
    assert "POST https://crm.example.com/leads" in page
    assert "&#34;ESTIMATION&#34;" in page
    assert (unknown.status_code, nobody.status_code) == (400, 404)


async def test_a_test_from_the_page_reaches_the_receiver_and_shows_its_answer(
    store: Store, queue: Queue, tmp_path: Path
) -> None:
    sink = CrmSink(SECRET)
    async with serve(sink.app()) as url:
        signed = f'url: "{url}/leads", sign: {{standard_webhooks: "{SECRET}"}}'
        text = CONFIGURATION.replace('url: "https://crm.example.com/leads"', signed)
        text += "network: {allow: [127.0.0.0/8]}\n"
        house = make_gateway(store, queue, tmp_path, text=text)
        async with browse(house, signed_in=True) as client:
            good = await press(
                client, "/destinations/crm", "/destinations/crm/test", category="PROJECT"
            )
            sink.always = 422
            bad = await press(
                client, "/destinations/crm", "/destinations/crm/test", category="PROJECT"
            )
        await house.close()
    (arrived,) = sink.got.all
    assert arrived.content["data"]["test"] is True
    assert arrived.content["data"]["category"] == "PROJECT"
    assert 'class="tried good"' in good.text
    assert 'class="tried bad"' in bad.text
    assert "422" in bad.text
    assert await store.leads.count() == 0


async def test_the_configuration_is_shown_without_its_secrets(house: WebGateway) -> None:
    async with browse(house, signed_in=True) as client:
        page = (await client.get("/configuration")).text
    assert "https://leads.portal.example" in page
    for secret in (PUSH_TOKEN, "something", "services/T/B/x"):
        assert secret not in page, secret
    assert "the one at work" in page


def test_what_may_be_a_secret_though_nothing_says_so_is_masked_too() -> None:
    shown = discreet(
        {
            "destinations": {
                "crm": {
                    "url": "https://crm.example.com/leads?id={{ lead.id }}&apikey=hush&plain",
                    "headers": {"X-Account": "hush", "X-Other": "hush"},
                }
            },
            "alerts": {"to": ["crm"], "heartbeat_url": "https://watch.example/hush/1"},
        }
    )
    assert "hush" not in str(shown)
    crm = shown["destinations"]["crm"]
    assert crm["url"] == "https://crm.example.com/leads?id=[secret]&apikey=[secret]&plain"
    assert list(crm["headers"]) == ["X-Account", "X-Other"]
    assert shown["alerts"] == {"to": ["crm"], "heartbeat_url": "https://watch.example/[secret]"}


async def test_the_configuration_page_says_what_is_wrong_with_the_file_now(
    house: WebGateway,
) -> None:
    path = house.settings.config_path
    async with browse(house, signed_in=True) as client:
        path.write_text(CONFIGURATION.replace("kind: webhook", "kind: webhok"))
        broken = (await client.get("/configuration")).text
        path.write_text(CONFIGURATION.replace("language: en", "language: fr"))
        changed = (await client.get("/configuration")).text
    assert re.search(r"gateway\.yaml:\d+", broken)
    assert "webhook" in broken
    assert "stays as it is" in broken
    assert "a reload takes it over" in changed


async def test_the_reload_button_asks_every_process_and_shows_who_refused(
    house: WebGateway,
) -> None:
    refused = Process("p1", "worker", "here", 7, "0.1.0", "abc", 0.0, "line 3: no", 0)
    before = await house.store.processes.here(refused)
    async with browse(house, signed_in=True) as client:
        await press(client, "/configuration", "/configuration/reload")
        page = (await client.get("/configuration")).text
        overview = (await client.get("/")).text
    assert await house.store.processes.here(refused) == before + 1
    assert "line 3: no" in page
    assert "worker on here (7) keeps its old configuration" in overview


async def test_sources_show_how_far_they_are_and_how_to_push(house: WebGateway) -> None:
    async with browse(house, signed_in=True) as client:
        page = (await client.get("/sources")).text
    assert "http://gateway.example/v1/sources/website/leads" in page
    assert 'action="/sources/seloger/poll"' in page
    assert 'action="/sources/website/poll"' not in page


@pytest.mark.parametrize("language", ["en", "fr"])
async def test_every_page_has_words_in_every_language(house: WebGateway, language: str) -> None:
    await dead(house)
    await house.store.destinations.pause("team")
    async with browse(house, signed_in=True) as client:
        for path in ("/", "/dead-letters", "/destinations/team", "/sources", "/configuration"):
            page = await client.get(f"{path}?lang={language}")
            assert page.status_code == 200, path
            assert f'<html lang="{language}">' in page.text


async def test_what_a_person_would_see_is_drawn_in_a_frame_that_can_do_nothing(
    house: WebGateway,
) -> None:
    async with browse(house, signed_in=True) as client:
        page = (await client.get("/destinations/team?preview=PROJECT")).text
        drawn = await client.get("/destinations/team/drawing/PROJECT")
        none = await client.get("/destinations/crm/drawing/PROJECT")
        odd = await client.get("/destinations/team/drawing/<script>")
    async with browse(house) as stranger:
        hidden = await stranger.get("/destinations/team/drawing/PROJECT")
    assert '<iframe class="drawing" sandbox src="/destinations/team/drawing/PROJECT"' in page
    policy = drawn.headers["content-security-policy"]
    assert policy.endswith("sandbox")
    assert "script-src" not in policy
    assert "default-src 'none'" in policy
    assert drawn.headers["x-frame-options"] == "SAMEORIGIN"
    assert (none.status_code, odd.status_code, hidden.status_code) == (404, 404, 303)
