"""Leads looked for: by whole words of a name, whole values, source and category; page by page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.lead import Contact, Lead, Property
from gateway.queue import Queue
from gateway.store import Store
from tests.builders import a_lead
from tests.web_house import ADMIN, WebGateway, browse, make_gateway

pytestmark = pytest.mark.anyio


def person(lead_id: str, name: str, **fields: Any) -> Lead:
    contact = Contact(
        full_name=name, email=f"{lead_id}@example.org", phone=f"+3363998{int(lead_id[1:]):04d}"
    )
    return a_lead(lead_id, contact=contact, **fields)


@pytest.fixture
async def house(store: Store, queue: Queue, tmp_path: Path) -> WebGateway:
    made = make_gateway(store, queue, tmp_path)
    await made.accept(
        person("p1", "Éloïse Brouillon", property=Property(reference="AB 1234")),
        person("p2", "Camille Brouillon-Essai", category="AGENCY"),
        person("p3", "Camille Martin", source="website", identity="website", kind="push"),
    )
    return made


async def found(client: httpx.AsyncClient, **query: str) -> set[str]:
    answer = await client.get("/v1/leads", headers=ADMIN, params=query)
    assert answer.status_code == 200, answer.text
    return {item["id"] for item in answer.json()["items"]}


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("brouillon", {"p1", "p2"}),
        ("ELOISE", {"p1"}),
        ("camille brouillon", {"p2"}),
        ("brouill", set()),
        ("p2@EXAMPLE.org", {"p2"}),
        ("06 39 98 00 03", {"p3"}),
        ("+33639980001", {"p1"}),
        ("ab1234", {"p1"}),
        ("AB 1234", {"p1"}),
        ("p3", {"p3"}),
        ("website/p3", {"p3"}),
        ("nobody", set()),
        ("🏡", set()),
        ("%' OR 1=1 --", set()),
    ],
)
async def test_a_lead_is_found_by_whole_words_and_whole_values(
    house: WebGateway, text: str, ids: set[str]
) -> None:
    async with browse(house) as client:
        assert await found(client, q=text) == ids


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"source": "website"}, {"p3"}),
        ({"category": "AGENCY"}, {"p2"}),
        ({"source": "seloger", "category": "CLASSIFIED"}, {"p1"}),
        ({"source": "nobody"}, set()),
    ],
)
async def test_leads_are_filtered_by_source_and_category(
    house: WebGateway, query: dict[str, str], ids: set[str]
) -> None:
    async with browse(house) as client:
        assert await found(client, **query) == ids


@pytest.mark.parametrize("query", [{"q": "essai"}, {"category": "PROJECT"}])
async def test_pages_of_a_search_hold_everything_once_while_more_arrives(
    house: WebGateway, query: dict[str, str]
) -> None:
    wanted = {f"p{n}" for n in range(10, 20)}
    await house.accept(*(person(item, f"Anne{item} Essai", category="PROJECT") for item in wanted))
    await house.accept(*(person(f"p{n}", "Someone Else") for n in range(20, 90)))
    seen: list[str] = []
    ask = {**query, "limit": "3"}
    async with browse(house) as client:
        for turn in range(20):
            page = (await client.get("/v1/leads", headers=ADMIN, params=ask)).json()
            seen += [item["id"] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            ask["cursor"] = page["next_cursor"]
            await house.accept(person(f"p{100 + turn}", "Late Essai", category="PROJECT"))
    assert len(seen) == len(set(seen))
    assert wanted <= set(seen) <= wanted | {"p2"}


async def test_an_erased_person_is_not_found_any_more(house: WebGateway) -> None:
    async with browse(house) as client:
        await client.delete("/v1/leads/seloger/p1", headers=ADMIN)
        for text in ("eloise", "p1@example.org", "ab1234", "p1"):
            assert await found(client, q=text) == set()


async def test_the_page_shows_what_was_found_and_says_when_nothing_was(house: WebGateway) -> None:
    async with browse(house, signed_in=True) as client:
        page = (await client.get("/leads?q=camille")).text
        none = (await client.get("/leads?q=brouill")).text
        filtered = (await client.get("/leads?category=AGENCY")).text
        hostile = (await client.get('/leads?q="><script>alert(1)</script>')).text
    assert set(re.findall(r'href="/leads/\w+/(p\d)"', page)) == {"p2", "p3"}
    assert "whole words of a name" in none
    assert re.findall(r'href="/leads/\w+/(p\d)"', filtered) == ["p2"]
    assert "<script>alert(1)" not in hostile


async def test_rejected_items_have_pages(house: WebGateway) -> None:
    for n in range(60):
        await house.store.rejects.keep("seloger", f"reason {n}", "{}")
    async with browse(house, signed_in=True) as client:
        first = (await client.get("/rejected")).text
        older = re.search(r'href="(/rejected\?cursor=[^"]+)"', first)
        assert older is not None
        second = await client.get(older[1])
        wrong = await client.get("/rejected?cursor=made-up")
    assert first.count("reason ") == 50
    assert second.text.count("reason ") == 10
    assert wrong.status_code == 400
