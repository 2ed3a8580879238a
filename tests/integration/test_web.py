"""The web over a real store: who may see what, and what is answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.delivery import delivery_id
from gateway.queue import Queue
from gateway.store import Store, connect
from tests.builders import a_lead
from tests.web_house import (
    ADMIN,
    PUSH,
    TOKEN,
    WebGateway,
    a_hostile_lead,
    browse,
    form_token,
    make_gateway,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def house(store: Store, queue: Queue, tmp_path: Path) -> WebGateway:
    return make_gateway(store, queue, tmp_path)


async def test_health_needs_no_token_and_readiness_names_what_is_missing(house: WebGateway) -> None:
    async with browse(house) as client:
        assert (await client.get("/healthz")).status_code == 200
        ready = await client.get("/readyz")
    assert ready.status_code == 200
    assert any("worker" in str(item) for item in ready.json()["warnings"])


async def test_a_store_that_is_away_makes_it_unready(tmp_path: Path) -> None:
    store = Store(connect(f"unix://{tmp_path}/nobody-listens.sock"))
    away = make_gateway(store, Queue(store.connection.redis, store.namespace), tmp_path)
    async with browse(away) as client:
        ready = await client.get("/readyz")
        push = await client.post("/v1/sources/website/leads", headers=PUSH, json={"id": "1"})
    assert (ready.status_code, push.status_code) == (503, 503)


@pytest.mark.parametrize(
    ("body", "status", "statuses"),
    [
        ({"id": "w-1"}, 202, ["accepted"]),
        (
            [{"id": "w-1"}, {"id": "w-2"}, {"name": "no id"}],
            202,
            ["accepted", "accepted", "rejected"],
        ),
        ([{"name": "no id"}], 422, ["rejected"]),
        ("text", 422, ["rejected"]),
    ],
)
async def test_pushed_leads_are_answered_one_by_one(
    house: WebGateway, body: Any, status: int, statuses: list[str]
) -> None:
    async with browse(house) as client:
        answer = await client.post("/v1/sources/website/leads", headers=PUSH, json=body)
    assert answer.status_code == status
    assert [item["status"] for item in answer.json()["items"]] == statuses


async def test_a_lead_pushed_twice_is_known_and_delivered_once(house: WebGateway) -> None:
    async with browse(house) as client:
        first = await client.post("/v1/sources/website/leads", headers=PUSH, json={"id": "w-1"})
        again = await client.post("/v1/sources/website/leads", headers=PUSH, json={"id": "w-1"})
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json()["items"][0]["status"] == "known"
    assert len((await house.store.deliveries.page()).items) == 2


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({}, b"{}", 401),
        (ADMIN, b"{}", 401),
        (PUSH, b"{not json", 400),
        (PUSH, b"[" + b'"' + b"x" * 3_000_000 + b'"]', 413),
    ],
)
async def test_a_push_that_can_not_be_taken_says_why(
    house: WebGateway, headers: dict[str, str], content: bytes, status: int
) -> None:
    async with browse(house) as client:
        answer = await client.post("/v1/sources/website/leads", headers=headers, content=content)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")


@pytest.mark.parametrize(
    "path", ["/v1/leads", "/v1/deliveries", "/v1/dead-letters", "/v1/destinations", "/v1/sources"]
)
async def test_the_api_wants_the_admin_token(house: WebGateway, path: str) -> None:
    async with browse(house) as client:
        refused = await client.get(path, headers={"accept": "application/json"})
        wrong = await client.get(path, headers={"authorization": "Bearer wrong"})
        right = await client.get(path, headers=ADMIN)
    assert (refused.status_code, wrong.status_code, right.status_code) == (401, 401, 200)
    assert isinstance(right.json()["items"], list)


async def test_lists_go_on_with_a_cursor(house: WebGateway) -> None:
    await house.accept(*(a_lead(f"lead-{n}") for n in range(5)))
    seen: list[str] = []
    cursor: str | None = None
    async with browse(house) as client:
        for _ in range(5):
            query = {"limit": "2", **({"cursor": cursor} if cursor else {})}
            page = (await client.get("/v1/leads", headers=ADMIN, params=query)).json()
            seen += [item["id"] for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        bad = await client.get("/v1/leads", headers=ADMIN, params={"cursor": "made-up"})
    assert sorted(seen) == [f"lead-{n}" for n in range(5)]
    assert bad.status_code == 400


async def test_a_dead_letter_is_shown_and_replayed(house: WebGateway) -> None:
    await house.accept(a_lead())
    delivery = delivery_id("seloger", "lead-1", "crm")
    assert await house.end(delivery, "crm", "refused") == "dead"
    async with browse(house) as client:
        dead = (await client.get("/v1/dead-letters", headers=ADMIN)).json()["items"]
        shown = (await client.get(f"/v1/deliveries/{delivery}", headers=ADMIN)).json()
        replayed = await client.post(f"/v1/deliveries/{delivery}/replay", headers=ADMIN)
    assert [item["id"] for item in dead] == [delivery]
    assert (shown["state"], shown["reason"], shown["attempts"][0]["status"]) == (
        "dead", "rejected", 422,
    )  # fmt: skip
    assert replayed.status_code in (200, 202)
    found = await house.store.deliveries.get(delivery)
    assert found is not None
    assert found.state == "pending"


async def test_a_destination_is_paused_and_resumed(house: WebGateway) -> None:
    async with browse(house) as client:
        await client.post("/v1/destinations/crm/pause", headers=ADMIN)
        paused = (await client.get("/v1/destinations", headers=ADMIN)).json()["items"]
        await client.post("/v1/destinations/crm/resume", headers=ADMIN)
        resumed = (await client.get("/v1/destinations", headers=ADMIN)).json()["items"]
        unknown = await client.post("/v1/destinations/nobody/pause", headers=ADMIN)
    states = [next(item for item in items if item["name"] == "crm") for items in (paused, resumed)]
    assert [item["state"] for item in states] == ["paused", "up"]
    assert unknown.status_code == 404


async def test_metrics_have_the_contracts_names(house: WebGateway) -> None:
    await house.accept(a_lead())
    await house.end(delivery_id("seloger", "lead-1", "crm"), "crm", "delivered", health="up")
    async with browse(house) as client:
        refused = await client.get("/metrics")
        text = (await client.get("/metrics", headers=ADMIN)).text
    assert refused.status_code == 401
    for name in (
        "leads_received_total", "leads_duplicate_total", "leads_rejected_total",
        "deliveries_total", "attempt_duration_seconds_bucket", "time_to_deliver_seconds_bucket",
        "time_from_portal_seconds_bucket", "queue_depth", "dead_letters",
        "oldest_pending_seconds", "destination_up",
    ):  # fmt: skip
        assert f"lead_gateway_{name}" in text


async def test_pages_are_behind_sign_in_and_a_wrong_token_does_not_open(house: WebGateway) -> None:
    async with browse(house) as client:
        away = await client.get("/")
        wrong = await client.post("/signin", data={"token": "wrong"})
        right = await client.post("/signin", data={"token": TOKEN})
        page = await client.get("/")
    assert away.status_code in (302, 303, 307)
    assert wrong.status_code in (401, 403)
    cookie = right.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite" in cookie
    assert page.status_code == 200


async def test_pages_carry_strict_headers(house: WebGateway) -> None:
    async with browse(house, signed_in=True) as client:
        headers = (await client.get("/")).headers
    policy = headers["content-security-policy"]
    assert "unsafe-inline" not in policy
    assert "unsafe-eval" not in policy
    assert headers["x-content-type-options"] == "nosniff"


async def test_no_page_repeats_a_leads_markup(house: WebGateway) -> None:
    lead = a_hostile_lead("hostile-1")
    await house.accept(lead)
    async with browse(house, signed_in=True) as client:
        pages = [
            (await client.get(path)).text
            for path in ("/", "/leads", "/leads/seloger/hostile-1", "/dead-letters")
        ]
    for page in pages:
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "<svg onload" not in page
        assert 'href="javascript:' not in page
    assert "Éloïse 🏡" in pages[0]


async def test_a_form_without_its_token_changes_nothing(house: WebGateway) -> None:
    await house.accept(a_lead())
    delivery = delivery_id("seloger", "lead-1", "crm")
    await house.end(delivery, "crm", "refused")
    async with browse(house, signed_in=True) as client:
        page = (await client.get("/leads/seloger/lead-1")).text
        action = page.partition('action="')[2]
        assert form_token(page)
        assert action
        forged = await client.post(f"/deliveries/{delivery}/replay", data={"form_token": "forged"})
    assert forged.status_code in (400, 403, 404)
    found = await house.store.deliveries.get(delivery)
    assert found is not None
    assert found.state == "dead"


@pytest.mark.parametrize("language", ["fr", "en"])
async def test_every_page_speaks_both_languages(house: WebGateway, language: str) -> None:
    await house.accept(a_lead())
    async with browse(house, signed_in=True) as client:
        await client.get(f"/?lang={language}")
        page = (await client.get("/")).text
    assert f'<html lang="{language}"' in page
