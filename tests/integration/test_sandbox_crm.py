"""The sandbox's CRM fails in each way it can be told to, as the gateway's own client sees it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from gateway.delivery import Reason
from gateway.http import HttpClient, Request, WireError
from gateway.sandbox.server import serve
from gateway.sandbox.sinks import CrmSink
from tests.wire import loopback

pytestmark = pytest.mark.anyio

LEAD = json.dumps({"data": {"id": "1"}}).encode()


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    client = HttpClient(loopback())
    yield client
    await client.close()


async def outcome(http: HttpClient, url: str) -> int | Reason:
    """Post a lead: the status of the answer, or why there is none."""
    request = Request("POST", url, {"webhook-id": "dlv_1"}, LEAD)
    try:
        return (await http.exchange(request, 0.5)).status
    except WireError as error:
        return error.reason


@pytest.mark.parametrize(
    ("answer", "seen", "taken"),
    [
        ("hang", Reason.TIMEOUT, 0),
        ("reset", Reason.CONNECTION, 0),
        ("half", Reason.CONNECTION, 1),
        ("garbage", Reason.PROTOCOL, 0),
        ("redirect", 307, 0),
        (500, 500, 0),
        (201, 201, 1),
    ],
)
async def test_it_answers_as_it_is_told_and_then_well_again(
    answer: int | str, seen: int | Reason, taken: int, http: HttpClient
) -> None:
    sink = CrmSink()
    async with serve(sink.app()) as url:
        sink.answers.append(answer)
        assert await outcome(http, url) == seen
        assert len(sink.got.all) == taken
        assert await outcome(http, url) == 200


async def test_it_is_told_over_http_and_refuses_what_it_does_not_know() -> None:
    sink = CrmSink()
    async with serve(sink.app()) as url, httpx.AsyncClient(base_url=url) as client:
        told = await client.post("/__sink__/answers", json={"answers": [500, "reset"]})
        assert told.json() == {"answers": [500, "reset"], "always": 200}
        for wrong in ({"answers": ["explode"]}, {"always": 42}, ["hang"], {"answers": 5}):
            assert (await client.post("/__sink__/answers", json=wrong)).status_code == 422
        assert list(sink.answers) == [500, "reset"]
        assert (await client.post("/leads", content=LEAD)).status_code == 500


async def test_it_notices_one_delivery_sent_twice_at_once(http: HttpClient) -> None:
    sink = CrmSink(delay=0.05)
    async with serve(sink.app()) as url:
        await asyncio.gather(outcome(http, url), outcome(http, url))
        assert len(sink.overlaps) == 1
        assert await outcome(http, url) == 200
        assert len(sink.overlaps) == 1
