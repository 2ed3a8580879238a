"""Signing in and out, and what a request from elsewhere can not do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.delivery import delivery_id
from gateway.queue import Queue
from gateway.store import Store
from gateway.web.app import create_app
from gateway.web.sessions import COOKIE, SESSION_LASTS, signin_link
from gateway.web.throttle import WRONG_ALLOWED
from tests.builders import NOON, a_lead
from tests.web_house import TOKEN, WebGateway, browse, form_token, make_gateway

pytestmark = pytest.mark.anyio


@pytest.fixture
def house(store: Store, queue: Queue, tmp_path: Path) -> WebGateway:
    return make_gateway(store, queue, tmp_path)


def place_of(link: str) -> str:
    parts = urlsplit(link)
    return f"{parts.path}?{parts.query}"


async def test_a_link_opens_the_dashboard_once(house: WebGateway) -> None:
    app = create_app(house)
    link = place_of(signin_link("http://gateway.example", TOKEN, datetime.now(UTC)))
    async with browse(app) as mine, browse(app) as other:
        first = await mine.get(link)
        opened = await mine.get("/")
        again = await other.get(link)
        closed = await other.get("/")
    assert (first.status_code, first.headers["location"]) == (303, "/")
    assert "code" not in first.headers["location"]
    assert opened.status_code == 200
    assert again.status_code == 401
    assert COOKIE not in again.headers.get("set-cookie", "")
    assert closed.status_code == 303


async def test_signing_in_leads_back_to_the_page_that_was_wanted(house: WebGateway) -> None:
    async with browse(house) as client:
        away = await client.get("/dead-letters?destination=crm")
        form = await client.get(away.headers["location"])
        back = await client.post(
            "/signin", data={"token": TOKEN, "next": "/dead-letters?destination=crm"}
        )
        elsewhere = await client.post(
            "/signin", data={"token": TOKEN, "next": "//elsewhere.example/"}
        )
    assert away.headers["location"] == "/signin?next=/dead-letters%3Fdestination%3Dcrm"
    assert 'value="/dead-letters?destination=crm"' in form.text
    assert back.headers["location"] == "/dead-letters?destination=crm"
    assert elsewhere.headers["location"] == "/"


async def test_a_session_ends_after_twelve_hours(house: WebGateway) -> None:
    now = [NOON]
    async with browse(create_app(house, clock=lambda: now[0]), signed_in=True) as client:
        before = await client.get("/leads")
        now[0] += SESSION_LASTS + timedelta(seconds=1)
        after = await client.get("/leads")
    assert (before.status_code, after.status_code) == (200, 303)


async def test_signing_out_wants_the_form_token_and_ends_the_session(house: WebGateway) -> None:
    async with browse(house, signed_in=True) as client:
        token = form_token((await client.get("/")).text)
        forged = await client.post("/signout", data={"form_token": "forged"})
        kept = await client.get("/")
        out = await client.post("/signout", data={"form_token": token})
        gone = await client.get("/")
    assert (forged.status_code, kept.status_code) == (403, 200)
    assert (out.status_code, gone.status_code) == (303, 303)


async def test_the_cookie_is_for_https_alone_behind_an_https_address(
    store: Store, queue: Queue, tmp_path: Path
) -> None:
    house = make_gateway(store, queue, tmp_path)
    async with browse(house) as client:
        plain = await client.post("/signin", data={"token": TOKEN})
        encrypted = await client.post("https://gateway.example/signin", data={"token": TOKEN})
    assert "secure" not in plain.headers["set-cookie"].lower()
    assert "secure" in encrypted.headers["set-cookie"].lower()


async def test_a_form_of_another_site_is_refused(house: WebGateway) -> None:
    await house.accept(a_lead())
    delivery = delivery_id("seloger", "lead-1", "crm")
    await house.end(delivery, "crm", "refused")
    async with browse(house, signed_in=True) as client:
        token = form_token((await client.get("/")).text)
        foreign = {"sec-fetch-site": "cross-site"}
        answers = [
            await client.post("/signin", data={"token": TOKEN}, headers=foreign),
            await client.post(
                f"/deliveries/{delivery}/discard", data={"form_token": token}, headers=foreign
            ),
        ]
    assert [answer.status_code for answer in answers] == [403, 403]
    found = await house.store.deliveries.get(delivery)
    assert found is not None
    assert found.state == "dead"


async def test_guessing_is_slowed_down_for_form_and_api_alike(house: WebGateway) -> None:
    app = create_app(house)
    async with browse(app) as guesser, browse(app, address="203.0.113.77") as other:
        for _ in range(WRONG_ALLOWED):
            assert (await guesser.post("/signin", data={"token": "guess"})).status_code == 401
        right = await guesser.post("/signin", data={"token": TOKEN})
        api = await guesser.get("/v1/leads", headers={"authorization": f"Bearer {TOKEN}"})
        elsewhere = await other.post("/signin", data={"token": TOKEN})
    assert (right.status_code, api.status_code, elsewhere.status_code) == (429, 429, 303)
    assert 1 <= int(right.headers["retry-after"]) <= 60


async def test_a_page_that_fetches_itself_signed_out_is_sent_to_the_door(house: WebGateway) -> None:
    async with browse(house) as client:
        answer = await client.get("/", headers={"hx-request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/signin")


@pytest.mark.parametrize(
    "path", ["/", "/leads", "/leads/seloger/lead-1", "/dead-letters", "/rejected"]
)
async def test_nobody_sees_a_lead_without_signing_in(house: WebGateway, path: str) -> None:
    await house.accept(a_lead())
    async with browse(house) as client:
        client.cookies.set(COOKIE, "9999999999.made-up.deadbeef")
        answer = await client.get(path)
    assert answer.status_code == 303
    assert "Camille" not in answer.text
