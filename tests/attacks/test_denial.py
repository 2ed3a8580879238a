"""Keeping the gateway busy, waiting or full, so that leads no longer flow."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from gateway.delivery import Reason
from gateway.destinations import CONFIGS, Surroundings, build
from gateway.http import ConversationError, HttpClient, Request, WireError
from gateway.masking import mask
from gateway.oauth import OwnTokens
from gateway.queue import Queue
from gateway.render import Renderer
from gateway.store import Store
from gateway.trying import Tried, send
from tests import wire
from tests.attacks.conftest import Record
from tests.builders import a_lead
from tests.web_house import ADMIN, PUSH, WebGateway, browse, impatient, make_gateway

pytestmark = pytest.mark.anyio

DEADLINE = 15.0
SOON = 5.0


@pytest.fixture
def house(store: Store, queue: Queue, tmp_path: Path) -> WebGateway:
    return make_gateway(store, queue, tmp_path)


@pytest.fixture
async def address(house: WebGateway, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The real web at a real port, its patience shortened."""
    async with impatient(house, monkeypatch) as where:
        yield where


async def talk(address: str, *pieces: bytes, drip: bytes = b"") -> bytes:
    """Say these things, then drip for ever; all that was answered until the web hung up."""
    parts = urlsplit(address)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    said = b""

    async def dripping() -> None:
        while drip:
            writer.write(drip)
            await writer.drain()
            await asyncio.sleep(0.02)  # the dripping is what is tried

    task = asyncio.create_task(dripping())
    try:
        async with asyncio.timeout(DEADLINE):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            while piece := await reader.read(65536):
                said += piece
    except ConnectionError:
        pass
    finally:
        task.cancel()
        await asyncio.wait([task])
        writer.close()
    return said


async def is_answered(address: str) -> bool:
    async with httpx.AsyncClient(base_url=address, timeout=SOON) as client:
        return (await client.get("/healthz")).status_code == 200


HEAD = (
    b"POST /v1/sources/website/leads HTTP/1.1\r\nhost: localhost\r\nauthorization: "
    + PUSH["authorization"].encode()
    + b"\r\n"
)


async def test_a_huge_body(record: Record, house: WebGateway) -> None:
    async with browse(house) as client:
        answer = await client.post(
            "/v1/sources/website/leads", headers=PUSH, content=b"[" + b" " * 3_000_000 + b"]"
        )
    assert answer.status_code == 413
    record("A push of 3 MB", "413 by its declared length, before it is read")


async def test_a_body_that_does_not_say_its_length(record: Record, address: str) -> None:
    chunk = b"20000\r\n" + b" " * 0x20000 + b"\r\n"
    head = HEAD + b"transfer-encoding: chunked\r\n\r\n"
    said = await talk(address, head, *[chunk] * 20)
    assert b" 413 " in said.partition(b"\r\n")[0]
    assert await is_answered(address)
    record("A push without end, in chunks", "413 after 2 MB, and the connection is closed")


async def test_a_packed_body(record: Record, house: WebGateway) -> None:
    packed = gzip.compress(b"[" + b" " * 50_000_000 + b"]")
    async with browse(house) as client:
        answer = await client.post(
            "/v1/sources/website/leads",
            headers={**PUSH, "content-encoding": "gzip"},
            content=packed,
        )
    assert len(packed) < 60_000
    assert answer.status_code == 400
    record("A push of 50 kB that unpacks to 50 MB (gzip bomb)", "400: nothing is unpacked")


DEEP = {
    "Lists in lists, 100,000 deep": b"[" * 100_000 + b"]" * 100_000,
    "Objects in objects, 50,000 deep": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "A lead whose values are 5,000 deep": b'{"id":"1","original":'
    + b"[" * 5000
    + b"]" * 5000
    + b"}",
    "A number of a million digits": b'{"id":"1","property":{"price":' + b"9" * 1_000_000 + b"}}",
}


@pytest.mark.parametrize("what", DEEP, ids=range(len(DEEP)))
async def test_json_that_is_hard_to_read(record: Record, house: WebGateway, what: str) -> None:
    started = time.thread_time()
    async with browse(house) as client:
        answer = await client.post("/v1/sources/website/leads", headers=PUSH, content=DEEP[what])
        after = await client.post("/v1/sources/website/leads", headers=PUSH, json={"id": "2"})
    assert answer.status_code in (400, 422)
    assert after.status_code == 202
    assert time.thread_time() - started < SOON
    record(f"{what}, pushed", f"{answer.status_code}, and the next lead is taken")


async def test_a_list_too_long(record: Record, house: WebGateway) -> None:
    items = [{"id": str(number)} for number in range(1001)]
    async with browse(house) as client:
        answer = await client.post("/v1/sources/website/leads", headers=PUSH, json=items)
    assert answer.status_code == 413
    assert await house.store.leads.count() == 0
    record("1,001 leads in one push", "413: at most 1,000; none is taken")


async def test_a_head_that_drips(record: Record, address: str) -> None:
    started = time.monotonic()
    await talk(address, b"GET / HTTP/1.1\r\n", drip=b"x")
    assert time.monotonic() - started < SOON
    assert await is_answered(address)
    record("A request's head, a byte at a time (slowloris)", "closed at its deadline of 10 s")


async def test_a_body_that_drips(record: Record, address: str) -> None:
    said = await talk(address, HEAD + b"content-length: 100000\r\n\r\n", drip=b" ")
    assert b" 408 " in said.partition(b"\r\n")[0]
    record("A request's body, a byte at a time", "408 at its deadline of 30 s")


async def test_connections_that_say_nothing(record: Record, address: str) -> None:
    parts = urlsplit(address)
    opened = [await asyncio.open_connection(parts.hostname, parts.port) for _ in range(300)]
    try:
        assert await is_answered(address)
    finally:
        for _, writer in opened:
            writer.close()
    record("300 connections of one address that say nothing", "who is silent longest makes room")


async def test_a_head_too_large(record: Record, address: str) -> None:
    said = await talk(address, b"GET / HTTP/1.1\r\nx-long: " + b"x" * 100_000)
    assert b" 400 " in said.partition(b"\r\n")[0]
    record("A header of 100 kB", "400 and closed after 64 kB")


async def test_many_headers(record: Record, address: str) -> None:
    many = b"".join(b"x-%d: 1\r\n" % number for number in range(10_000))
    said = await talk(address, b"GET / HTTP/1.1\r\nhost: localhost\r\n" + many)
    assert b" 400 " in said.partition(b"\r\n")[0]
    record("10,000 headers", "400 and closed after 64 kB")


SMUGGLED = {
    "A request hidden by two lengths": b"content-length: 5\r\ncontent-length: 6\r\n\r\n",
    "A request hidden by a length and chunks": (
        b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n"
        b"0\r\n\r\nGET /leads HTTP/1.1\r\n\r\n"
    ),
    "A header folded over two lines": b"x-a: b\r\n c\r\nTransfer-Encoding : chunked\r\n\r\n",
}


@pytest.mark.parametrize("what", SMUGGLED, ids=range(len(SMUGGLED)))
async def test_a_hidden_request(record: Record, address: str, what: str) -> None:
    said = await talk(address, HEAD + SMUGGLED[what])
    statuses = [line.split(b" ")[1] for line in said.split(b"\r\n") if line.startswith(b"HTTP/1.1")]
    assert statuses[0] == b"400"
    assert len(statuses) == 1
    record(f"{what} (smuggling)", "400 and closed: nothing after it is read")


CURSORS = ("made-up", "MTpub3RoaW5n" * 500, "LTFlOTk5OTp4", "bmFuOng", "%00", "' OR 1=1 --")


@pytest.mark.parametrize("cursor", CURSORS, ids=range(len(CURSORS)))
async def test_a_cursor(record: Record, house: WebGateway, cursor: str) -> None:
    await house.accept(a_lead())
    async with browse(house) as client:
        query = {"cursor": cursor, "limit": "100"}
        answer = await client.get("/v1/leads", headers=ADMIN, params=query)
    assert answer.status_code == 400
    shown = cursor if len(cursor) < 40 else cursor[:12] + "…"
    record(f"A cursor that no page gave: `{shown}`", "400")


async def test_a_page_too_long(record: Record, house: WebGateway) -> None:
    await house.accept(*(a_lead(f"lead-{number}") for number in range(3)))
    async with browse(house) as client:
        answers = [
            await client.get("/v1/leads", headers=ADMIN, params={"limit": limit})
            for limit in ("1000000000", "-1", "1e9")
        ]
    assert [answer.status_code for answer in answers] == [400, 400, 400]
    record("A page of a billion leads", "400: at most 500")


async def test_a_form_of_many_fields(record: Record, house: WebGateway) -> None:
    async with browse(house) as client:
        answer = await client.post("/signin", content="&".join(f"a{n}=1" for n in range(5000)))
    assert answer.status_code == 400
    record("A form of 5,000 fields", "400: at most 1,000")


async def delivered_to(script: wire.Script) -> Tried:
    config = CONFIGS["webhook"].model_validate({"url": "http://x.example", "timeout": "500ms"})
    async with wire.listening(script) as server:
        config = config.model_copy(update={"url": server.url})
        made = build("crm", config, Surroundings(Renderer(), wire.loopback(), OwnTokens()))
        try:
            async with asyncio.timeout(wire.DEADLINE):
                return await send(made, a_lead())
        finally:
            await made.close()


ANSWERS = {
    "that has no end": (wire.endless_body, "its first 64 kB are read, 2 kB are kept"),
    "whose head has no end": (wire.endless_head, "`too_large`"),
    "that drips": (wire.slow_drip, "`timeout`: the deadline is over the whole exchange"),
    "that never comes": (wire.hang, "`timeout`"),
    "that is cut off": (wire.half_an_answer, "`connection`, marked as uncertain"),
    "that is no HTTP": (wire.garbage, "`protocol`"),
}


@pytest.mark.parametrize("what", ANSWERS, ids=range(len(ANSWERS)))
async def test_a_receivers_answer(record: Record, what: str) -> None:
    script, happened = ANSWERS[what]
    tried = await delivered_to(script)
    reason = happened.split("`")[1] if "`" in happened else "accepted"
    assert (tried.reason or Reason.ACCEPTED).value == reason
    assert tried.seconds < SOON
    record(f"A receiver's answer {what}", happened)


async def test_a_packed_answer_of_a_receiver(record: Record) -> None:
    bomb = wire.answer(200, gzip.compress(bytes(60_000_000)), {"content-encoding": "gzip"})
    client = HttpClient(wire.loopback())
    async with wire.answering(bomb) as server:
        try:
            answer = await client.exchange(Request("POST", server.url), SOON)
            assert len(answer.body) <= 64 * 1024
        except WireError:
            pass
        finally:
            await client.close()
    record("A receiver's answer of 60 kB that unpacks to 60 MB", "64 kB of it are read")


async def test_a_packed_answer_of_a_portal(record: Record) -> None:
    bomb = wire.answer(200, gzip.compress(bytes(60_000_000)), {"content-encoding": "gzip"})
    client = HttpClient(wire.loopback())
    async with wire.answering(bomb) as server:
        with pytest.raises(ConversationError) as raised:
            await client.conversation().get(server.url)
        await client.close()
    assert raised.value.reason is Reason.TOO_LARGE
    record("A portal's page of 60 kB that unpacks to 60 MB", "`too_large` at 20 MB, in small steps")


SLOW_TO_MATCH = {
    "Many @": "a@" * 100_000,
    "One long name of a host": "a" * 200_000 + "@" + "b." * 100_000,
    "Digits without end": "+1" + "1 " * 200_000,
    "Quotes that do not close": "password='" + "x" * 400_000,
    "Schemes": "http://" * 50_000,
    "Blanks": "token" + " " * 400_000 + "=x",
}


@pytest.mark.parametrize("what", SLOW_TO_MATCH, ids=range(len(SLOW_TO_MATCH)))
async def test_a_text_that_patterns_are_slow_on(record: Record, what: str) -> None:
    started = time.thread_time()
    mask(SLOW_TO_MATCH[what])
    assert time.thread_time() - started < SOON
    record(f"{what}, 200 kB and more, in an answer that is masked", "masked within a second or so")


async def test_a_rule_that_is_slow_to_match(record: Record) -> None:
    said = wire.answer(200, b"a" * 60_000 + b"!")
    async with wire.answering(said) as server:
        config = CONFIGS["webhook"].model_validate(
            {"url": server.url, "timeout": "5s", "duplicate": [{"text": "(a+)+$"}]}
        )
        made = build("crm", config, Surroundings(Renderer(), wire.loopback(), OwnTokens()))
        started = time.thread_time()
        tried = await send(made, a_lead())
        await made.close()
    assert tried.word == "delivered"
    assert time.thread_time() - started < SOON
    record(
        "An answer on which the rule `text: (a+)+$` would backtrack for years",
        "matched in linear time (RE2)",
    )


async def test_wrong_tokens_do_not_fill_the_log(record: Record, house: WebGateway) -> None:
    async with browse(house) as client:
        for _ in range(60):
            await client.get("/v1/leads", headers={"authorization": "Bearer a-guess"})
    page = await house.store.audit.page(None, 500)
    assert len([entry for entry in page.items if entry.did == "signin.failed"]) <= 2
    record("Filling the audit log with wrong tokens", "the first and the one that locks are noted")


async def test_rejected_items_do_not_fill_the_store(record: Record, house: WebGateway) -> None:
    items = [{"no": "id", "text": "x" * 1000}] * 900
    async with browse(house) as client:
        first = await client.post("/v1/sources/website/leads", headers=PUSH, json=items)
        again = await client.post("/v1/sources/website/leads", headers=PUSH, json=items)
    page = await house.store.rejects.page(None, 500)
    assert (first.status_code, again.status_code, len(page.items)) == (422, 422, 1)
    record("The same unusable item pushed 1,800 times", "kept once")
