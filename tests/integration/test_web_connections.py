"""Clients that are slow on purpose: each is let go in time, and keeps nobody else out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from gateway.queue import Queue
from gateway.store import Store
from gateway.web import connections
from gateway.web.connections import Silent
from tests.web_house import ADMIN, impatient, make_gateway

pytestmark = pytest.mark.anyio

DEADLINE = 15.0
SOON = 5.0
"""Seconds within which a connection must have ended that is let go after 0.3 s."""


@pytest.fixture
async def address(
    store: Store, queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[str]:
    """A web whose patience is short."""
    async with impatient(make_gateway(store, queue, tmp_path), monkeypatch) as where:
        yield where


@asynccontextmanager
async def connected(
    address: str,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    parts = urlsplit(address)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def ended(reader: asyncio.StreamReader) -> tuple[bytes, float]:
    """All that comes until the other side ends, and after how many seconds that was."""
    started = time.monotonic()
    said = b""
    async with asyncio.timeout(DEADLINE):
        try:
            while piece := await reader.read(65536):
                said += piece
        except ConnectionError:
            pass
    return said, time.monotonic() - started


async def drip(writer: asyncio.StreamWriter, text: bytes) -> None:
    """One byte at a time, forever."""
    try:
        while True:
            for index in range(len(text)):
                writer.write(text[index : index + 1])
                await writer.drain()
                await asyncio.sleep(0.02)
    except ConnectionError:
        return


async def is_answered(address: str) -> bool:
    async with httpx.AsyncClient(base_url=address, timeout=SOON) as client:
        return (await client.get("/healthz")).status_code == 200


async def test_a_connection_that_says_nothing_is_let_go(address: str) -> None:
    async with connected(address) as (reader, _):
        assert (await ended(reader))[1] < SOON


async def test_a_head_that_drips_is_let_go(address: str) -> None:
    async with connected(address) as (reader, writer):
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-slow: ")
        dripping = asyncio.create_task(drip(writer, b"x"))
        assert (await ended(reader))[1] < SOON
        dripping.cancel()


async def test_the_next_head_on_a_kept_connection_may_not_drip_either(address: str) -> None:
    async with connected(address) as (reader, writer):
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert b"200 OK" in await reader.read(200)
        dripping = asyncio.create_task(drip(writer, b"GET /healthz HTTP/1.1\r\nx: "))
        assert (await ended(reader))[1] < SOON
        dripping.cancel()


async def test_a_body_that_drips_is_answered_and_let_go(address: str) -> None:
    async with connected(address) as (reader, writer):
        writer.write(
            b"POST /v1/dead-letters/replay HTTP/1.1\r\nhost: localhost\r\n"
            b"authorization: " + ADMIN["authorization"].encode() + b"\r\n"
            b"content-length: 100000\r\n\r\n"
        )
        dripping = asyncio.create_task(drip(writer, b" "))
        said, took = await ended(reader)
        dripping.cancel()
    assert b" 408 " in said.partition(b"\r\n")[0]
    assert took < SOON


async def test_a_body_that_nobody_asked_for_is_not_taken_for_long(address: str) -> None:
    async with connected(address) as (reader, writer):
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n")
        dripping = asyncio.create_task(drip(writer, b"x"))
        said, took = await ended(reader)
        dripping.cancel()
    assert b"200 OK" in said
    assert took < SOON


async def test_who_does_not_take_the_answer_is_let_go(address: str) -> None:
    parts = urlsplit(address)
    loop = asyncio.get_running_loop()
    lost = loop.create_future()

    class Deaf(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            transport.write(b"GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n" * 200)
            transport.pause_reading()

        def connection_lost(self, exc: Exception | None) -> None:
            if not lost.done():
                lost.set_result(None)

    transport, _ = await loop.create_connection(Deaf, parts.hostname, parts.port)
    async with asyncio.timeout(SOON):
        while not lost.done():
            transport.write(b"x")  # who does not read learns of the end by writing
            await asyncio.sleep(0.05)


async def test_two_hundred_that_drip_keep_nobody_out(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_WITHIN", DEADLINE)
    parts = urlsplit(address)
    opened = [await asyncio.open_connection(parts.hostname, parts.port) for _ in range(200)]
    try:
        for _, writer in opened:
            writer.write(b"GET / HTTP/1.1\r\nx: ")
        assert await is_answered(address)
    finally:
        for _, writer in opened:
            writer.close()


# -- who makes room (pure) ------------------------------------------------------------------------


async def test_the_longest_silent_one_of_an_address_makes_room_first() -> None:
    silent = Silent(most=10, each=2)
    assert silent.add("a1", "a") == silent.add("b1", "b") == silent.add("a2", "a") == []
    assert silent.add("a3", "a") == ["a1"]
    assert len(silent) == 3


async def test_of_many_addresses_the_longest_silent_one_makes_room() -> None:
    silent = Silent(most=3, each=2)
    for name in ("a", "b", "c"):
        assert silent.add(f"{name}1", name) == []
    assert silent.add("d1", "d") == ["a1"]
    assert len(silent) == 3


async def test_who_spoke_is_silent_anew() -> None:
    silent = Silent(most=2, each=2)
    silent.add("a1", "a")
    silent.add("b1", "b")
    silent.add("a1", "a")
    assert silent.add("c1", "c") == ["b1"]
    silent.drop("a1")
    silent.drop("never there")
    assert len(silent) == 1
