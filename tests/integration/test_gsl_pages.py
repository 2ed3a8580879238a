"""Pages of the GSL API: each read once, none taken for empty that is not, no walk without end."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.sources import gsl_client
from gateway.sources.gsl_config import FEEDS
from gateway.sources.protocol import Slice
from tests.gsl_portal import (
    HOUR,
    NOON,
    ScriptedPortal,
    page,
    problem_of,
    said,
    scripted_portal,
    walk,
)
from tests.wire import answer

pytestmark = pytest.mark.anyio


@pytest.fixture
async def portal() -> AsyncIterator[ScriptedPortal]:
    async with scripted_portal() as portal:
        yield portal


async def test_every_page_is_read_in_order_by_its_key(portal: ScriptedPortal) -> None:
    portal.leads = [{"leadMetaInfos": {"leadId": str(number)}} for number in range(250)]
    source = portal.source()

    pages = await walk(source)

    assert [len(page.items) for page in pages] == [100, 100, 50]
    assert [item for page in pages for item in page.items] == portal.leads
    assert [body["Pagination"] for body in portal.bodies] == [
        {"Limit": 100, "Order": "asc"},
        {"Limit": 100, "Order": "asc", "LastItemKey": "100"},
        {"Limit": 100, "Order": "asc", "LastItemKey": "200"},
    ]


async def test_a_search_says_its_period_who_asks_and_with_which_token(
    portal: ScriptedPortal,
) -> None:
    source = portal.source(contact="it@agency.example")

    await walk(source)

    request = portal.asked[0]
    assert (request.method, request.target) == ("POST", "/v2/leads")
    assert json.loads(request.body)["SearchCriteria"] == {
        "StartDate": int(HOUR.start.timestamp()),
        "EndDate": int(NOON.timestamp()),
    }
    assert request.headers["authorization"] == "Bearer token-1"
    assert request.headers["user-agent"].startswith("lead-gateway/")
    assert request.headers["user-agent"].endswith(" (+it@agency.example)")
    assert "application/json" in request.headers["accept"]


async def test_a_portal_that_counts_in_milliseconds_is_asked_in_milliseconds(
    portal: ScriptedPortal,
) -> None:
    source = portal.source(timestamps="milliseconds")

    await walk(source)

    assert portal.bodies[0]["SearchCriteria"]["EndDate"] == int(NOON.timestamp()) * 1000


@pytest.mark.parametrize("feed", FEEDS)
async def test_each_feed_has_its_path_and_any_can_be_moved(
    portal: ScriptedPortal, feed: str
) -> None:
    plain, moved = portal.source(), portal.source(paths={feed: "/v9/elsewhere"})

    pages = await walk(plain, feed)
    await walk(moved, feed)

    path = "/v2/leads" if feed == "leads" else f"/v2/leads/{feed}"
    assert [request.target for request in portal.asked] == [path, "/v9/elsewhere"]
    assert pages[0].feed == feed


@pytest.mark.parametrize(
    "last",
    [
        {"Data": {"Items": [], "LastItemKey": ""}, "Count": 0},
        {"Data": {"Items": [], "LastItemKey": None}, "Count": 0},
        {"Data": {"Items": None}},
        {"Data": {}},
        {"Data": None, "Count": 0},
        {"Count": 0},
    ],
)
async def test_a_walk_ends_where_no_key_follows(portal: ScriptedPortal, last: Any) -> None:
    source = portal.source()
    portal.script = [page({"n": 1}, key="k1"), said(last)]

    assert [page.items for page in await walk(source)] == [[{"n": 1}], []]


async def test_an_empty_page_with_a_key_is_not_the_end(portal: ScriptedPortal) -> None:
    source = portal.source()
    portal.script = [page(key="k1"), page({"n": 1})]

    assert [page.items for page in await walk(source)] == [[], [{"n": 1}]]


async def test_a_key_that_is_an_object_is_given_back_as_it_came(portal: ScriptedPortal) -> None:
    source = portal.source()
    key = {"pk": {"S": "agency"}, "sk": {"N": "7"}}
    portal.script = [page({"n": 1}, key=key), page({"n": 2})]

    await walk(source)

    assert portal.bodies[1]["Pagination"]["LastItemKey"] == key


@pytest.mark.parametrize("keys", [["a", "a"], ["a", "b", "a"]])
async def test_keys_that_come_again_end_the_walk_with_a_problem(
    portal: ScriptedPortal, keys: list[str]
) -> None:
    source = portal.source()
    portal.script = [page({"n": 1}, key=key) for key in keys]

    found = await problem_of(source)

    assert found.kind == "protocol"
    assert "LastItemKey" in found.text
    assert len(portal.asked) == len(keys)


async def test_a_walk_has_a_bound(portal: ScriptedPortal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gsl_client, "MOST_PAGES", 3)
    source = portal.source()
    portal.script = [page(key=str(number)) for number in range(10)]

    found = await problem_of(source)

    assert found.text == "sources.seloger, feed leads: no end after 3 pages"


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        [],
        None,
        "ok",
        {"message": "maintenance"},
        {"Count": 3},
        {"Data": []},
        {"Data": "none"},
        {"Data": {"Items": {"0": {}}}},
        {"Data": {"Items": "none"}},
    ],
)
async def test_what_is_no_page_never_passes_for_an_empty_one(
    portal: ScriptedPortal, wrong: Any
) -> None:
    source = portal.source()
    portal.script = [said(wrong)]

    found = await problem_of(source)

    assert found.kind == "protocol"
    assert "sources.seloger.paths.leads" in found.text


async def test_items_of_any_kind_are_handed_on(portal: ScriptedPortal) -> None:
    source = portal.source()
    portal.script = [page(None, 7, "x", [], {"leadMetaInfos": None})]

    assert (await walk(source))[0].items == [None, 7, "x", [], {"leadMetaInfos": None}]


async def test_numbers_and_text_that_could_not_be_stored_are_mended(
    portal: ScriptedPortal,
) -> None:
    source = portal.source()
    body = rb'{"Data":{"Items":[{"a":NaN,"b":"\ud83d","c":"\ud83d\ude00 \u00e9\uDE00"}]}}'
    portal.script = [answer(200, body)]

    assert (await walk(source))[0].items == [{"a": None, "b": "�", "c": "😀 é�"}]


async def test_the_portals_clock_comes_with_each_page_and_leads_ours(
    portal: ScriptedPortal,
) -> None:
    source = portal.source()
    before = await source.now()
    portal.date = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)

    pages = await walk(source)

    assert before - datetime.now(UTC) < timedelta(seconds=1)
    assert pages[0].portal_time == portal.date
    ahead = await source.now() - datetime.now(UTC)
    assert timedelta(hours=2, seconds=-3) < ahead <= timedelta(hours=2)
    assert source.skew is not None
    assert 7197 < source.skew <= 7200


async def test_a_portal_without_a_clock_leaves_ours(portal: ScriptedPortal) -> None:
    source = portal.source()

    pages = await walk(source)

    assert pages[0].portal_time is None
    assert source.skew is None


async def test_one_lead_comes_unwrapped(portal: ScriptedPortal) -> None:
    source = portal.source()
    portal.script = [said({"leadMetaInfos": {"leadId": "a/b c"}, "estimation": {}})]

    found = await source.lead("a/b c")

    assert found == {"leadMetaInfos": {"leadId": "a/b c"}, "estimation": {}}
    assert (portal.asked[0].method, portal.asked[0].target) == ("GET", "/v2/leads/a%2Fb%20c")


@pytest.mark.parametrize("lead_id", ["gone", "..", ".", ""])
async def test_a_lead_that_is_not_there_is_none(portal: ScriptedPortal, lead_id: str) -> None:
    source = portal.source()
    portal.always = lambda request: said({"title": "Not Found"}, 404)

    assert await source.lead(lead_id) is None


async def test_the_leads_of_one_classified_are_walked_without_a_period(
    portal: ScriptedPortal,
) -> None:
    source = portal.source(page_size=2)
    portal.leads = [{"n": number} for number in range(3)]

    pages = [page async for page in source.classified(123456)]

    assert [page.items for page in pages] == [[{"n": 0}, {"n": 1}], [{"n": 2}]]
    assert {request.target for request in portal.asked} == {"/v2/leads/classifieds/123456"}
    assert portal.bodies[0] == {"Pagination": {"Limit": 2, "Order": "asc"}}


async def test_a_feed_that_the_source_does_not_have_is_a_mistake_of_the_caller(
    portal: ScriptedPortal,
) -> None:
    source = portal.source(feeds=["leads"])

    with pytest.raises(ValueError, match="projects"):
        source.read("projects", Slice(NOON, NOON))
