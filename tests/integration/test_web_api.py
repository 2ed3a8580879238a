"""The API's shapes, filters and buttons, over a real store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.delivery import delivery_id
from gateway.queue import Queue
from gateway.store import Store
from gateway.web.app import create_app
from tests.builders import a_lead
from tests.web_house import ADMIN, PUSH, WebGateway, browse, make_gateway

pytestmark = pytest.mark.anyio

CRM = delivery_id("seloger", "lead-1", "crm")
TEAM = delivery_id("seloger", "lead-1", "team")

DELIVERY = {
    "id", "lead_id", "source", "destination", "occasion", "state", "reason", "attempts",
    "next_attempt_at", "created_at", "delivered_at", "remote_id",
}  # fmt: skip
ATTEMPT = {"at", "duration_ms", "outcome", "reason", "status", "answer", "uncertain"}
DESTINATION = {
    "name", "kind", "state", "reason", "pending", "retrying", "dead", "delivered_24h",
    "broken_since", "next_try_at",
}  # fmt: skip
SOURCE = {
    "name", "kind", "state", "last_success_at", "checkpoint", "lag_seconds", "problem", "feeds",
}  # fmt: skip


@pytest.fixture
def house(store: Store, queue: Queue, tmp_path: Path) -> WebGateway:
    return make_gateway(store, queue, tmp_path)


async def read(client: httpx.AsyncClient, path: str, **query: str) -> Any:
    answer = await client.get(path, headers=ADMIN, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_lead_is_shown_with_its_deliveries_and_attempts(house: WebGateway) -> None:
    await house.accept(a_lead())
    await house.end(CRM, "crm", "delivered", remote_id="4711", answer="thank you")
    async with browse(house) as client:
        lead = await read(client, "/v1/leads/seloger/lead-1")
        missing = await client.get("/v1/leads/seloger/nobody", headers=ADMIN)
    assert lead["contact"]["email"] == "camille@example.org"
    by_destination = {item["destination"]: item for item in lead["deliveries"]}
    crm = by_destination["crm"]
    assert set(crm) == DELIVERY
    assert (crm["lead_id"], crm["source"], crm["state"]) == ("lead-1", "seloger", "delivered")
    assert (crm["remote_id"], by_destination["team"]["remote_id"]) == ("4711", None)
    (attempt,) = crm["attempts"]
    assert set(attempt) == ATTEMPT
    assert (attempt["status"], attempt["answer"], attempt["uncertain"]) == (200, "thank you", False)
    assert missing.status_code == 404
    assert missing.headers["content-type"] == "application/problem+json"


async def test_a_deleted_lead_is_gone_and_stays_gone(house: WebGateway) -> None:
    await house.accept(a_lead("lead/1"))
    async with browse(house) as client:
        assert (await client.delete("/v1/leads/seloger/lead/1")).status_code == 401
        gone = await client.delete("/v1/leads/seloger/lead/1", headers=ADMIN)
        again = await client.delete("/v1/leads/seloger/lead/1", headers=ADMIN)
        shown = await client.get("/v1/leads/seloger/lead/1", headers=ADMIN)
        states = {item["state"] for item in (await read(client, "/v1/deliveries"))["items"]}
        await house.accept(a_lead("lead/1"))
        listed = (await read(client, "/v1/leads"))["items"]
    assert (gone.status_code, again.status_code, shown.status_code) == (204, 404, 404)
    assert (states, listed) == ({"discarded"}, [])


async def test_destinations_and_sources_have_the_contracts_shape(house: WebGateway) -> None:
    async with browse(house) as client:
        destinations = (await read(client, "/v1/destinations"))["items"]
        sources = (await read(client, "/v1/sources"))["items"]
    assert [(item["name"], item["kind"]) for item in destinations] == [
        ("crm", "webhook"),
        ("team", "slack"),
    ]
    assert all(set(item) == DESTINATION for item in destinations)
    assert all(set(item) == SOURCE for item in sources)
    assert [(item["name"], item["state"]) for item in sources] == [
        ("seloger", "down"),
        ("website", "up"),
    ]


async def test_deliveries_are_filtered(house: WebGateway) -> None:
    await house.accept(a_lead("lead-1"), a_lead("lead-2"))
    await house.end(CRM, "crm", "refused")
    await house.end(TEAM, "team", "delivered")
    await house.store.destinations.pause("team")
    async with browse(house) as client:

        async def seen(**query: str) -> set[tuple[str, str, str]]:
            found = (await read(client, "/v1/deliveries", **query))["items"]
            return {(item["lead_id"], item["destination"], item["state"]) for item in found}

        assert await seen(state="dead") == {("lead-1", "crm", "dead")}
        assert await seen(state="held") == {("lead-2", "team", "held")}
        assert await seen(state="pending,dead") == {
            ("lead-1", "crm", "dead"),
            ("lead-2", "crm", "pending"),
        }
        assert await seen(destination="team") == {
            ("lead-1", "team", "delivered"),
            ("lead-2", "team", "held"),
        }
        assert await seen(reason="rejected") == {("lead-1", "crm", "dead")}
        assert await seen(lead="seloger/lead-1") == {
            ("lead-1", "crm", "dead"),
            ("lead-1", "team", "delivered"),
        }
        assert await seen(lead="seloger/lead-1", state="dead") == {("lead-1", "crm", "dead")}


@pytest.mark.parametrize("path", ["/v1/leads", "/v1/deliveries", "/v1/dead-letters"])
async def test_pages_of_a_list_hold_everything_once(house: WebGateway, path: str) -> None:
    await house.accept(*(a_lead(f"lead-{n}") for n in range(7)))
    for n in range(7):
        item = delivery_id("seloger", f"lead-{n}", "crm")
        await house.end(item, "crm", "refused")
    seen: list[str] = []
    query = {"limit": "3"}
    async with browse(house) as client:
        for _ in range(10):
            page = await read(client, path, **query)
            assert len(page["items"]) <= 3
            seen += [item["id"] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
    assert len(seen) == len(set(seen)) == (14 if path == "/v1/deliveries" else 7)


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/v1/leads?limit=0", "limit"),
        ("/v1/leads?limit=501", "limit"),
        ("/v1/leads?limit=²", "limit"),
        ("/v1/leads?unrouted=maybe", "unrouted"),
        ("/v1/deliveries?state=lost", "state"),
        ("/v1/deliveries?reason=because", "reason"),
        ("/v1/dead-letters?cursor=made-up", "cursor"),
    ],
)
async def test_a_wrong_query_is_told_what_to_write(house: WebGateway, path: str, word: str) -> None:
    async with browse(house) as client:
        answer = await client.get(path, headers=ADMIN)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith(word)


async def test_only_leads_that_no_route_wanted_are_listed_as_unrouted(house: WebGateway) -> None:
    await house.accept(a_lead("lead-1"), a_lead("lead-2", category="CALL_TRACKING"))
    async with browse(house) as client:
        page = await read(client, "/v1/leads", unrouted="true")
    assert [(item["id"], item["unrouted"]) for item in page["items"]] == [("lead-2", True)]


async def test_replaying_asks_before_it_repeats_a_delivery(house: WebGateway) -> None:
    await house.accept(a_lead())
    await house.end(CRM, "crm", "delivered")
    path = f"/v1/deliveries/{CRM}/replay"
    async with browse(house) as client:
        refused = await client.post(path, headers=ADMIN)
        forced = await client.post(path, headers=ADMIN, json={"force": True})
        typo = await client.post(path, headers=ADMIN, json={"forced": True})
        unknown = await client.post("/v1/deliveries/nothing/replay", headers=ADMIN)
    assert (refused.status_code, refused.json()["state"]) == (409, "delivered")
    assert "force" in refused.json()["detail"]
    assert (forced.status_code, forced.json()["state"]) == (200, "pending")
    assert (typo.status_code, unknown.status_code) == (400, 404)


async def test_dead_letters_are_replayed_and_discarded_by_id_and_by_filter(
    house: WebGateway,
) -> None:
    await house.accept(*(a_lead(f"lead-{n}") for n in range(1, 4)))
    for n in range(1, 4):
        for name in ("crm", "team"):
            await house.end(delivery_id("seloger", f"lead-{n}", name), name, "refused")

    async with browse(house) as client:

        async def act(word: str, body: Any) -> Any:
            return (await client.post(f"/v1/dead-letters/{word}", headers=ADMIN, json=body)).json()

        one = await act("replay", {"ids": [CRM, CRM, "unknown"]})
        some = await act("replay", {"filter": {"destination": "team", "reason": "rejected"}})
        rest = await act("discard", {"filter": {}})
        left = await read(client, "/v1/dead-letters")
    assert one["replayed"] == 1
    assert [item["id"] for item in one["refused"]] == ["unknown"]
    assert (some, rest["discarded"]) == ({"replayed": 3, "refused": [], "more": False}, 2)
    assert left == {"items": [], "next_cursor": None}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ids": [CRM], "filter": {}},
        {"filter": {"reason": "because"}},
        {"filter": {"destinaton": "crm"}},
        {"ids": "all"},
        [],
    ],
)
async def test_a_selection_that_says_nothing_clear_does_nothing(
    house: WebGateway, body: Any
) -> None:
    await house.accept(a_lead())
    await house.end(CRM, "crm", "refused")
    async with browse(house) as client:
        answer = await client.post("/v1/dead-letters/discard", headers=ADMIN, json=body)
    assert answer.status_code == 400
    found = await house.store.deliveries.get(CRM)
    assert found is not None
    assert found.state == "dead"


async def test_a_source_is_polled_paused_and_resumed(house: WebGateway) -> None:
    async with browse(house) as client:

        async def steer(name: str, action: str) -> httpx.Response:
            return await client.post(f"/v1/sources/{name}/{action}", headers=ADMIN)

        paused = await steer("seloger", "pause")
        resumed = await steer("seloger", "resume")
        polled = await steer("seloger", "poll")
        pushed = await steer("website", "pause")
        unknown = await steer("nobody", "poll")
    assert (paused.json()["state"], polled.status_code) == ("paused", 200)
    assert resumed.json()["state"] != "paused"
    assert await house.store.sources.woken("seloger")
    assert (pushed.status_code, unknown.status_code) == (409, 404)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/nothing", 404), ("DELETE", "/v1/leads", 405), ("GET", "/nothing", 404)],
)
async def test_a_wrong_address_is_answered_in_the_readers_form(
    house: WebGateway, method: str, path: str, status: int
) -> None:
    async with browse(house) as client:
        answer = await client.request(method, path, headers={"accept": "application/json"})
        page = await client.request(method, path)
    assert answer.status_code == page.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert page.headers["content-type"].startswith(
        "application/problem+json" if path.startswith("/v1/") else "text/html"
    )


async def test_an_item_that_is_no_lead_leaves_the_others_alone(house: WebGateway) -> None:
    items: list[Any] = [{"id": "a"}, {"id": "a"}, {"id": True}, None, {"id": "b"}]
    async with browse(house) as client:
        answer = await client.post("/v1/sources/website/leads", headers=PUSH, json=items)
        rejected = await house.store.rejects.page()
    verdicts = answer.json()["items"]
    assert answer.status_code == 202
    assert sorted([verdicts[0]["status"], verdicts[1]["status"]]) == ["accepted", "known"]
    assert [item["status"] for item in verdicts[2:]] == ["rejected", "rejected", "accepted"]
    assert all(item["reason"] for item in verdicts if item["status"] == "rejected")
    assert len(rejected.items) == 2


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        ("nobody", b"{}", 401),
        ("seloger", b"{}", 401),
        ("website", b"[]", 400),
        ("website", b'{"id": NaN}', 400),
        ("website", b'{"id": "\\ud800"}', 400),
        ("website", b"\xff", 400),
        ("website", b"[" * 100_000, 400),
        ("website", b"[" + b"{}," * 1000 + b"{}]", 413),
    ],
)
async def test_what_can_not_be_a_list_of_leads_is_refused_whole(
    house: WebGateway, name: str, content: bytes, status: int
) -> None:
    async with browse(house) as client:
        answer = await client.post(f"/v1/sources/{name}/leads", headers=PUSH, content=content)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert await house.store.leads.count() == 0


async def test_a_fault_of_ours_quotes_nothing_of_a_lead(
    house: WebGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("camille@example.org")

    app = create_app(house)
    monkeypatch.setattr("gateway.web.reading.find_lead", broken)
    async with browse(app) as client:
        answer = await client.get("/v1/leads/seloger/lead-1", headers=ADMIN)
    assert answer.status_code == 500
    assert "camille" not in answer.text
    assert "content-security-policy" in answer.headers
