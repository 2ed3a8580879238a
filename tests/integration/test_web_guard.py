"""What stands before every page and endpoint: the name asked for, the headers, how many at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from gateway.queue import Queue
from gateway.store import Store
from gateway.web import context
from gateway.web.app import create_app
from gateway.web.throttle import WRONG_ALLOWED
from tests.web_house import ADMIN, PUSH, WebGateway, browse, make_gateway

pytestmark = pytest.mark.anyio


@pytest.fixture
def house(store: Store, queue: Queue, tmp_path: Path) -> WebGateway:
    return make_gateway(store, queue, tmp_path)


async def status_of(
    house: WebGateway, host: str, path: str = "/signin", **headers: str
) -> httpx.Response:
    async with browse(house) as client:
        return await client.get(path, headers={"host": host, **headers})


@pytest.mark.parametrize(
    "host",
    ["gateway.example", "gateway.example:443", "localhost", "127.0.0.1:8080", "[::1]:8080",
     "192.0.2.7", "GATEWAY.example.", "lead.localhost"],
)  # fmt: skip
async def test_a_name_of_its_own_is_answered(house: WebGateway, host: str) -> None:
    assert (await status_of(house, host)).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["attacker.example", "127.0.0.1.attacker.example", "localhost.attacker.example", "gateway",
     "gateway.example.attacker.example", "attacker.example:8080", "[::1", "", "0x7f000001", "@"],
)  # fmt: skip
async def test_another_name_is_answered_nothing(house: WebGateway, host: str) -> None:
    for path in ("/signin", "/", "/metrics", "/v1/leads", "/claim/x"):
        answer = await status_of(house, host, path)
        assert answer.status_code == 421
        assert "LEAD_GATEWAY_PUBLIC_URL" in answer.json()["detail"]


async def test_under_any_name_a_token_and_a_health_check_are_answered(house: WebGateway) -> None:
    other = "web.default.svc"
    assert (await status_of(house, other, "/v1/leads", **ADMIN)).status_code == 200
    assert (await status_of(house, other, "/metrics", **ADMIN)).status_code == 200
    assert (await status_of(house, other, "/healthz")).status_code == 200
    assert (await status_of(house, other, "/readyz")).status_code == 200


async def test_every_answer_has_the_headers(house: WebGateway) -> None:
    for path in ("/signin", "/", "/v1/leads", "/nothing", "/static/app.css"):
        headers = (await status_of(house, "gateway.example", path)).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "strict-transport-security" not in headers


async def test_behind_https_browsers_are_told_to_stay_there(
    store: Store, queue: Queue, tmp_path: Path
) -> None:
    house = make_gateway(store, queue, tmp_path, public_url="https://gateway.example")
    answer = await status_of(house, "gateway.example")
    assert int(answer.headers["strict-transport-security"].partition("=")[2]) > 10_000_000


async def test_wrong_push_tokens_lock_out_pushes_and_nobody_else(house: WebGateway) -> None:
    app = create_app(house)
    async with browse(app) as client:
        for _ in range(WRONG_ALLOWED):
            wrong = {"authorization": "Bearer a-guess"}
            answer = await client.post("/v1/sources/website/leads", headers=wrong, json={})
            assert answer.status_code == 401
        push = await client.post("/v1/sources/website/leads", headers=PUSH, json={"id": "1"})
        admin = await client.get("/v1/leads", headers=ADMIN)
    assert (push.status_code, admin.status_code) == (429, 200)
    assert int(push.headers["retry-after"]) > 0


async def test_more_pushes_at_once_than_memory_allows_are_told_to_come_back(
    house: WebGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "PUSHES_AT_ONCE", 1)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow_body() -> object:
        begun.set()
        yield b'{"id": "1"'
        await go_on.wait()
        yield b"}"

    app = create_app(house)
    async with browse(app) as client, browse(app) as other:
        first = asyncio.create_task(
            client.post("/v1/sources/website/leads", headers=PUSH, content=slow_body())  # type: ignore[arg-type]
        )
        await begun.wait()
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            while not app.state.web.pushes.locked():
                await asyncio.sleep(0.01)
        second = await other.post("/v1/sources/website/leads", headers=PUSH, json={"id": "2"})
        go_on.set()
        assert (await first).status_code == 202
    assert (second.status_code, second.headers["retry-after"]) == (429, "1")


async def test_without_a_token_no_name_of_a_source_is_learnt(house: WebGateway) -> None:
    async with browse(house) as client:
        answers = [
            await client.post(f"/v1/sources/{name}/leads", headers=headers, json={})
            for name in ("website", "seloger", "nobody")
            for headers in ({}, {"authorization": "Bearer a-guess"})
        ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
