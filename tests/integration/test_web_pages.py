"""The pages: what their buttons do, what they never contain, how they are kept."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import pytest

from gateway.delivery import delivery_id
from gateway.queue import Queue
from gateway.store import Store, connect
from tests.builders import a_lead
from tests.web_house import (
    ADMIN,
    PUSH,
    WebGateway,
    a_hostile_lead,
    browse,
    form_token,
    make_gateway,
)

pytestmark = pytest.mark.anyio

CRM = delivery_id("seloger", "lead-1", "crm")
PATHS = (
    "/", "/leads", "/leads/seloger/lead-1", "/dead-letters", "/dead-letters?destination=crm",
    "/destinations", "/destinations/crm?preview=CLASSIFIED", "/sources", "/configuration",
    "/rejected", "/api", "/nothing-here",
)  # fmt: skip


@pytest.fixture
def house(store: Store, queue: Queue, tmp_path: Path) -> WebGateway:
    return make_gateway(store, queue, tmp_path)


async def state_of(house: WebGateway, item: str) -> str:
    found = await house.store.deliveries.get(item)
    assert found is not None
    return found.state.value


async def test_the_buttons_of_a_dead_letter_replay_and_discard_it(house: WebGateway) -> None:
    await house.accept(a_lead())
    await house.end(CRM, "crm", "refused")
    async with browse(house, signed_in=True) as client:
        page = (await client.get("/dead-letters")).text
        form = {"form_token": form_token(page), "back": "/dead-letters"}
        replayed = await client.post(f"/deliveries/{CRM}/replay", data=form)
        assert await state_of(house, CRM) == "pending"
        await house.end(CRM, "crm", "refused")
        discarded = await client.post(f"/deliveries/{CRM}/discard", data=form)
    assert f'action="/deliveries/{CRM}/replay"' in page
    assert [answer.headers["location"] for answer in (replayed, discarded)] == [
        "/dead-letters",
        "/dead-letters",
    ]
    assert await state_of(house, CRM) == "discarded"


async def test_all_dead_letters_of_one_destination_are_replayed_and_no_others(
    house: WebGateway,
) -> None:
    await house.accept(a_lead())
    team = delivery_id("seloger", "lead-1", "team")
    await house.end(CRM, "crm", "refused")
    await house.end(team, "team", "refused")
    async with browse(house, signed_in=True) as client:
        token = form_token((await client.get("/")).text)
        await client.post("/dead-letters/replay", data={"form_token": token, "destination": "team"})
    assert (await state_of(house, CRM), await state_of(house, team)) == ("dead", "pending")


async def test_the_pause_button_becomes_a_resume_button(house: WebGateway) -> None:
    async with browse(house, signed_in=True) as client:
        first = (await client.get("/")).text
        token = form_token(first)
        for path in ("/destinations/crm/pause", "/sources/seloger/pause"):
            assert f'action="{path}"' in first
            answer = await client.post(path, data={"form_token": token})
            assert answer.status_code == 303
        page = (await client.get("/")).text
    assert 'action="/destinations/crm/resume"' in page
    assert 'action="/sources/seloger/resume"' in page


async def test_a_leads_page_is_found_by_any_id(house: WebGateway) -> None:
    lead = a_hostile_lead()
    await house.accept(lead)
    async with browse(house, signed_in=True) as client:
        listed = (await client.get("/leads")).text
        place = f"/leads/seloger/{quote(lead.id)}"
        page = await client.get(place)
    assert f'href="{place}"' in listed
    assert page.status_code == 200
    assert "{{ 7 * 7 }}" in page.text
    for markup in ("<script>alert", "<img src=x", "<svg onload", 'href="javascript:', "<b>Paris"):
        assert markup not in page.text


async def test_no_page_needs_what_its_policy_forbids(house: WebGateway) -> None:
    await house.accept(a_lead())
    await house.end(CRM, "crm", "refused")
    async with browse(house, signed_in=True) as client:
        for path in PATHS:
            text = (await client.get(path)).text
            assert not re.search(r"<[^>]+\s(style|on\w+)\s*=", text), path
            assert not re.search(r"<script(?![^>]*\ssrc=)", text), path
            assert "<style" not in text, path
            assert not re.search(r'(?:src|href)="(?:https?:)?//', text), path


async def test_pages_are_not_kept_by_a_browser_and_files_for_good(house: WebGateway) -> None:
    async with browse(house, signed_in=True) as client:
        page = await client.get("/")
        name = re.search(r"/static/app\.css\?v=\w+", page.text)
        assert name is not None
        file = await client.get(name.group(0))
        same = await client.get(name.group(0), headers={"if-none-match": file.headers["etag"]})
        missing = await client.get("/static/../app.py")
    assert page.headers["cache-control"] == "no-store"
    assert "immutable" in file.headers["cache-control"]
    assert file.headers["content-type"].startswith("text/css")
    assert same.status_code == 304
    assert missing.status_code == 404


async def test_a_chosen_language_is_remembered(house: WebGateway) -> None:
    async with browse(house) as client:
        before = (await client.get("/signin")).text
        await client.get("/signin?lang=fr")
        after = (await client.get("/signin")).text
        odd = (await client.get("/signin?lang=xx")).text
    assert ['lang="fr"' in page.partition(">")[2][:40] for page in (before, after, odd)] == [
        False, True, True,
    ]  # fmt: skip


async def test_a_newcomer_is_told_what_to_do_next(house: WebGateway) -> None:
    async with browse(house, signed_in=True) as client:
        page = (await client.get("/")).text
    assert "lead-gateway test crm" in page
    assert "http://gateway.example/v1/sources/website/leads" in page
    assert "lead-gateway worker" in page


async def test_what_was_rejected_is_shown_escaped_with_its_reason(house: WebGateway) -> None:
    async with browse(house, signed_in=True) as client:
        await client.post(
            "/v1/sources/website/leads", headers=PUSH, json={"name": "<script>alert(1)</script>"}
        )
        page = (await client.get("/rejected")).text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


async def test_a_page_says_that_the_store_is_away(tmp_path: Path) -> None:
    store = Store(connect(f"unix://{tmp_path}/nobody-listens.sock"))
    house = make_gateway(store, Queue(store.connection.redis, store.namespace), tmp_path)
    async with browse(house, signed_in=True) as client:
        page = await client.get("/")
        api = await client.get("/v1/leads", headers=ADMIN)
        push = await client.post("/v1/sources/website/leads", headers=PUSH, json={"id": "1"})
        alive = await client.get("/healthz")
    assert page.headers["content-type"].startswith("text/html")
    for answer in (page, api, push):
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
    assert alive.status_code == 200
    await store.close()


async def test_readiness_tells_details_only_to_operators(house: WebGateway) -> None:
    await house.store.destinations.pause("crm")
    async with browse(house) as client, browse(house, address="127.0.0.1") as here:
        outside = (await client.get("/readyz")).json()
        operator = (await client.get("/readyz", headers=ADMIN)).json()
        local = (await here.get("/readyz")).json()
        forwarded = (await here.get("/readyz", headers={"x-forwarded-for": "1.2.3.4"})).json()
        metrics = await here.get("/metrics")
    assert outside["status"] == "ready"
    assert all("problem" not in item for item in outside["warnings"] + forwarded["warnings"])
    paused = {"about": "destination", "name": "crm", "state": "paused", "problem": "operator"}
    assert paused in operator["warnings"]
    assert paused in local["warnings"]
    assert metrics.status_code == 200
