"""The page behind a claim link: looking claims nothing, the form claims once, links end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from gateway.delivery import delivery_id, lead_uid
from gateway.queue import Queue
from gateway.store import Store
from tests.builders import a_lead
from tests.web_house import CONFIGURATION, WebGateway, browse, make_gateway

pytestmark = pytest.mark.anyio

CRM = delivery_id("seloger", "lead-1", "crm")
AGENTS = """
agents:
  - {name: Anne Martin}
  - {name: Bob Petit}
claim: {within: 5m, on_claim: [team]}
"""


@pytest.fixture
def house(store: Store, queue: Queue, tmp_path: Path) -> WebGateway:
    return make_gateway(store, queue, tmp_path, text=CONFIGURATION + AGENTS)


def link(house: WebGateway, *, delivery: str = CRM, days: float = 7) -> str:
    expires = datetime.now(UTC) + timedelta(days=days)
    return f"/claim/{house.store.threads.claim_links.token(delivery, expires)}"


async def claimed_by(house: WebGateway) -> str | None:
    found = await house.store.leads.get(lead_uid("seloger", "lead-1"))
    return found.claimed_by if found else "gone"


async def claim(client: httpx.AsyncClient, place: str, agent: str) -> httpx.Response:
    return await client.post(place, data={"agent": agent})


async def test_opening_a_link_shows_the_lead_and_claims_nothing(house: WebGateway) -> None:
    await house.accept(a_lead())
    async with browse(house) as client:
        answer = await client.get(link(house))
    assert answer.status_code == 200
    assert "Camille Essai" in answer.text
    assert "<option selected>Anne Martin" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "noindex" in answer.text
    assert await claimed_by(house) is None


async def test_the_form_claims_and_the_page_says_who_and_how_fast(house: WebGateway) -> None:
    await house.accept(a_lead())
    async with browse(house) as client:
        answer = await claim(client, link(house), "Bob Petit")
        page = await client.get(answer.headers["location"])
    assert answer.status_code == 303
    assert "Bob Petit" in page.text
    assert "<form" not in page.text
    assert await claimed_by(house) == "Bob Petit"
    told = delivery_id("seloger", "lead-1", "team", "claimed")
    found = await house.store.deliveries.get(told)
    assert found is not None
    assert found.occasion == "claimed"


async def test_who_comes_second_sees_who_came_first(house: WebGateway) -> None:
    await house.accept(a_lead())
    async with browse(house) as client:
        await claim(client, link(house), "Anne Martin")
        await claim(client, link(house), "Bob Petit")
        page = await client.get(link(house))
    assert await claimed_by(house) == "Anne Martin"
    assert "Anne Martin" in page.text


@pytest.mark.parametrize("agent", ["", "Somebody Else", "x" * 101])
async def test_only_an_agent_may_take_it(house: WebGateway, agent: str) -> None:
    await house.accept(a_lead())
    async with browse(house) as client:
        answer = await claim(client, link(house), agent)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert await claimed_by(house) is None


async def test_a_form_of_another_site_claims_nothing(house: WebGateway) -> None:
    await house.accept(a_lead())
    async with browse(house) as client:
        answer = await client.post(
            link(house), data={"agent": "Anne Martin"}, headers={"sec-fetch-site": "cross-site"}
        )
    assert answer.status_code == 403
    assert await claimed_by(house) is None


async def test_links_end_and_forged_ones_never_begin(house: WebGateway) -> None:
    await house.accept(a_lead())
    good = link(house)
    async with browse(house) as client:
        old = await client.get(link(house, days=-1))
        forged = [
            await client.get(good[:-1] + ("A" if good[-1] != "A" else "B")),
            await client.get(good.replace(CRM[4:8], "0000")),
            await client.get("/claim/nothing"),
        ]
    assert old.status_code == 410
    assert [answer.status_code for answer in forged] == [404, 404, 404]
    assert "Camille" not in "".join(answer.text for answer in (old, *forged))


async def test_guessing_is_slowed_down(house: WebGateway) -> None:
    async with browse(house) as client:
        statuses = [(await client.get(f"/claim/guess-{n}")).status_code for n in range(25)]
    assert statuses[0] == 404
    assert statuses[-1] == 429


async def test_an_erased_lead_is_gone_from_its_link(house: WebGateway) -> None:
    await house.accept(a_lead())
    await house.store.leads.erase([lead_uid("seloger", "lead-1")])
    async with browse(house) as client:
        answer = await client.get(link(house))
    assert answer.status_code == 410
    assert "Camille" not in answer.text


async def test_the_page_speaks_french_and_english(house: WebGateway) -> None:
    await house.accept(a_lead())
    async with browse(house) as client:
        pages = [(await client.get(f"{link(house)}?lang={one}")).text for one in ("fr", "en")]
    assert "Je m’en occupe" in pages[0]
    assert "I take it" in pages[1]
