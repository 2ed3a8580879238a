"""What the sandbox refuses, and what goes wrong in it when it is told to."""

from __future__ import annotations

import base64
import time
from typing import Any

import httpx
import pytest

from gateway.sandbox.portal import Portal
from tests.sandbox_client import Client, at, ids, sandbox

pytestmark = pytest.mark.anyio

PROBLEM = "application/problem+json"


async def say(client: Client, **sheet: Any) -> httpx.Response:
    return await client.http.post("/sandbox/faults", json=sheet)


REFUSED: list[tuple[dict[str, str], int, str]] = [
    ({"client_secret": "wrong"}, 401, "invalid_client"),
    ({"client_id": "wrong"}, 401, "invalid_client"),
    ({"scope": "LAAS:leads:get"}, 400, "invalid_scope"),
    ({"grant_type": "password"}, 400, "unsupported_grant_type"),
]


@pytest.mark.parametrize(("fields", "status", "word"), REFUSED)
async def test_a_grant_is_refused_for_what_is_wrong_with_it(
    fields: dict[str, str], status: int, word: str
) -> None:
    async with sandbox() as client:
        answer = await client.sign_in(**fields)

    assert (answer.status_code, answer.json()) == (status, {"error": word})
    assert client.portal.calls["token"] == 2
    assert client.portal.calls["token granted"] == 1


async def test_a_token_is_granted_to_json_and_to_a_header_too() -> None:
    async with sandbox() as client:
        couple = {"client_id": "sandbox", "client_secret": "sandbox"}
        form = {"grant_type": "client_credentials"}
        by_json = await client.http.post("/oauth/token", json={**form, **couple})
        basic = base64.b64encode(b"sandbox:sandbox").decode()
        by_header = await client.http.post(
            "/oauth/token", data=form, headers={"authorization": f"Basic {basic}"}
        )

    for answer in (by_json, by_header):
        assert answer.json()["token_type"] == "Bearer"
        assert answer.json()["access_token"].count(".") == 2


async def test_every_operation_asks_for_a_token_that_lives() -> None:
    now = [at(0).timestamp()]
    async with sandbox(Portal(clock=lambda: now[0], token_lifetime=60)) as client:
        (lead,) = client.portal.add()
        assert (await client.lead(lead.id)).status_code == 200
        now[0] += 61
        answers = [await client.lead(lead.id), await client.search("projects")]
        answers.append(await client.post("/v2/leads/classifieds/1", {}))

    for answer in answers:
        assert answer.status_code == 401
        assert answer.headers["content-type"] == PROBLEM
        assert "invalid_token" in answer.headers["www-authenticate"]


async def test_a_token_of_another_scope_is_refused_when_it_is_used() -> None:
    async with sandbox(Portal(ignores_scope=True)) as client:
        await client.sign_in(scope="other:scope")
        answer = await client.search("leads")

    assert answer.status_code == 403
    assert "insufficient_scope" in answer.headers["www-authenticate"]


INVALID: list[tuple[dict[str, Any], str, str]] = [
    ({"SearchCriteria": {"StartDate": 0}}, "EndDate", "Missing required parameter 'endDate'."),
    ({}, "StartDate", "Missing required parameter 'startDate'."),
    ({"SearchCriteria": {"StartDate": "0", "EndDate": 1}}, "StartDate", "integer"),
    ({"SearchCriteria": {"StartDate": 2, "EndDate": 1}}, "StartDate", "after"),
    ({"Pagination": {"Limit": 101}}, "Limit", "between 1 and 100"),
    ({"Pagination": {"Order": "up"}}, "Order", "asc or desc"),
    ({"Pagination": {"LastItemKey": "made up"}}, "LastItemKey", "unknown"),
]


@pytest.mark.parametrize(("body", "field", "reason"), INVALID)
async def test_a_wrong_request_is_told_in_the_vendors_words(
    body: dict[str, Any], field: str, reason: str
) -> None:
    body = body if not body or "SearchCriteria" in body else {
        "SearchCriteria": {"StartDate": 0, "EndDate": 1}, **body
    }  # fmt: skip
    async with sandbox() as client:
        answer = await client.post("/v2/leads", body)
        client.portal.named_errors = True
        named = (await client.post("/v2/leads", body)).json()

    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (400, PROBLEM)
    assert {"type", "title", "status", "detail", "instance", "errorSource"} <= set(problem)
    ((error,), (other,)) = problem["errors"], named["errors"]
    assert error["title"] == other["name"] == field
    assert reason in error["message"]
    assert other["reason"] == error["message"]


async def test_a_plan_may_leave_a_feed_out() -> None:
    async with sandbox() as client:
        await say(client, forbidden=["projects"])
        assert (await client.search("projects")).status_code == 403
        assert (await client.search("leads")).status_code == 200


async def test_a_path_that_is_none_is_a_problem_document_too() -> None:
    async with sandbox() as client:
        answer = await client.post("/v3/leads", {})
    assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM)


async def test_the_clock_is_the_portals_own() -> None:
    async with sandbox() as client:
        await say(client, clock="-90s", future="refused")
        now = int(time.time())
        refused = await client.search("leads", (now - 60, now))
        answer = await client.search("leads", (now - 180, now - 90))

    assert refused.json()["errors"][0]["title"] == "EndDate"
    from email.utils import parsedate_to_datetime

    said = parsedate_to_datetime(answer.headers["date"]).timestamp()
    assert -92 < said - now < -88


async def test_a_429_says_how_long_to_wait_and_ends_after_its_times() -> None:
    async with sandbox() as client:
        await say(client, faults=[{"on": "leads", "fault": 429, "times": 2, "wait": "7s"}])
        first, second, third = [await client.search("leads") for _ in range(3)]
        other = await client.search("projects")

    assert [first.status_code, second.status_code, third.status_code] == [429, 429, 200]
    assert first.headers["retry-after"] == "7"
    assert other.status_code == 200


async def test_a_fault_begins_and_ends_when_it_was_said_to() -> None:
    now = [at(0).timestamp()]
    async with sandbox(Portal(clock=lambda: now[0])) as client:
        await say(client, faults=[{"fault": 503, "after": "10s", "for": "20s"}])
        found = []
        for second in (0, 9, 10, 29, 30):
            now[0] = at(second).timestamp()
            found.append((await client.search("agencies")).status_code)

    assert found == [200, 200, 503, 503, 200]


async def test_the_same_seed_brings_the_same_mishaps() -> None:
    def mishaps(seed: int) -> list[str]:
        portal = Portal(seed=seed)
        portal.faults.errors = 0.1
        found = [portal.faults.draw("leads", 0.0) for _ in range(1000)]
        return [met.fault for met in found if met]

    assert mishaps(1) == mishaps(1) != mishaps(2)
    assert 60 < len(mishaps(1)) < 140


async def test_answers_are_spoiled_as_named() -> None:
    async with sandbox() as client:
        client.portal.add(3, "CLASSIFIED", at=at(0))
        answers = {}
        for fault in ("html", "empty", "truncated", "huge", "null_contacts", "500", "404"):
            client.portal.faults.next = [fault]
            answers[fault] = await client.search("leads")

    assert answers["html"].headers["content-type"].startswith("text/html")
    assert answers["html"].status_code == 200
    assert answers["empty"].content == b""
    with pytest.raises(ValueError, match=r"delimiter|Unterminated|Expecting"):
        answers["truncated"].json()
    assert len(answers["huge"].content) > 20_000_000
    people = [item["contactRequest"] for item in answers["null_contacts"].json()["Data"]["Items"]]
    assert [person["email"] for person in people] == [None] * 3
    assert answers["500"].status_code == 500
    assert answers["404"].status_code == 404


async def test_a_connection_breaks_in_the_middle_of_an_answer() -> None:
    async with sandbox() as client:
        client.portal.add(3)
        client.portal.faults.next = ["drop"]
        with pytest.raises(httpx.RemoteProtocolError):
            await client.search("leads")
        assert (await client.search("leads")).json()["Count"] == 3


async def test_a_slow_answer_is_late_and_right() -> None:
    async with sandbox() as client:
        client.portal.add()
        await say(client, faults=[{"fault": "slow", "wait": "50ms", "times": 1}])
        began = time.monotonic()
        answer = await client.search("leads")

    assert time.monotonic() - began >= 0.05
    assert answer.json()["Count"] == 1


async def test_a_page_key_comes_back_unchanged_for_as_long_as_it_is_said() -> None:
    async with sandbox() as client:
        client.portal.add(5, at=at(0))
        await say(client, faults=[{"on": "leads", "fault": "repeat_key"}])
        first = (await client.search("leads", Limit=2)).json()["Data"]
        again = (await client.search("leads", Limit=2, LastItemKey=first["LastItemKey"])).json()

    assert again["Data"]["LastItemKey"] == first["LastItemKey"]


async def test_a_revoked_token_is_refused_until_another_is_asked_for() -> None:
    async with sandbox() as client:
        client.portal.faults.next = ["401"]
        assert (await client.search("leads")).status_code == 401
        assert (await client.search("leads")).status_code == 401
        await client.sign_in()
        assert (await client.search("leads")).status_code == 200


async def test_the_token_endpoint_fails_by_rule_too() -> None:
    async with sandbox() as client:
        await say(client, faults=[{"on": "token", "fault": fault, "times": 1}
                                  for fault in (401, 500, "html")])  # fmt: skip
        refused, broken, page = [await client.sign_in() for _ in range(3)]
        assert refused.json() == {"error": "invalid_client"}
        assert broken.status_code == 500
        assert page.headers["content-type"].startswith("text/html")
        assert (await client.sign_in()).status_code == 200


async def test_everything_is_put_right_again() -> None:
    async with sandbox() as client:
        await say(client, down=True, errors="100%", clock="1h", pages="by_position", late="50%")
        assert (await client.search("leads")).status_code == 503
        put_right = (await client.http.delete("/sandbox/faults")).json()
        assert (await client.search("leads")).status_code == 200

    assert (put_right["down"], put_right["late"], put_right["errors"]) == (False, None, 0)
    assert put_right["pages"] == "by_key"


async def test_leads_are_made_erased_and_counted_over_http() -> None:
    async with sandbox() as client:
        post = client.http.post
        made = (await post("/sandbox/leads", json={"count": 3, "category": "AGENCY"})).json()
        erased = await post("/sandbox/leads", json={"erase": made["ids"][:1]})
        await post("/sandbox/leads", json={"remove": made["ids"][1:2]})
        await post("/sandbox/leads", json={"raw": ["no", "lead"], "feed": "agencies"})
        await post("/sandbox/leads", json={"count": 2, "over": "10d"})
        found = (await client.http.get("/sandbox/leads?limit=2")).json()["items"]
        state = (await client.http.get("/sandbox/state")).json()
        pages = await client.walk("agencies")

    assert erased.json()["erased"] == 1
    assert state["leads"] == 5
    assert state["calls"]["token"] == 1
    assert found[0]["id"] == client.portal.created[-1]
    assert ["no", "lead"] in pages[0]
    items = [item for item in pages[0] if isinstance(item, dict)]
    (nulled,) = [item for item in items if ids([item]) == made["ids"][:1]]
    assert nulled["contactRequest"]["email"] is None


@pytest.mark.parametrize(
    ("path", "body", "hint"),
    [
        ("leads", '{"count": -1}', "count"),
        ("leads", '{"erase": ["nobody"]}', "nobody"),
        ("faults", '{"falts": []}', "falts"),
        ("faults", '{"faults": [{"fault": "fire"}]}', "faults.0.fault"),
        ("faults", '{"errors": "many"}', "5%"),
        ("faults", "{", "JSON"),
        ("faults", '{"faults": [{"on": "token", "fault": "repeat_key"}]}', "token"),
    ],
)
async def test_a_wrong_wish_is_refused_in_words(path: str, body: str, hint: str) -> None:
    async with sandbox() as client:
        answer = await client.http.post(f"/sandbox/{path}", content=body)
    assert answer.status_code in (400, 404)
    assert hint in answer.json()["detail"]


async def test_a_page_of_a_key_and_one_of_a_position_are_not_mixed_up() -> None:
    async with sandbox() as client:
        client.portal.add(4, at=at(0))
        key = (await client.search("leads", Limit=2)).json()["Data"]["LastItemKey"]
        await say(client, pages="by_position")
        rest = (await client.search("leads", Limit=2, LastItemKey=key)).json()["Data"]["Items"]

    assert ids(rest) == client.portal.created[2:]
