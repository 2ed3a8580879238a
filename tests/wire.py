"""Real servers on loopback that behave as badly as the internet does.

``listening(script)`` runs a script per connection on a random port; the scripts below are the ways
in which a receiver can fail. ``answering`` is a small well-behaved one that remembers its requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

from gateway.addresses import AddressGuard

TLS = Path(__file__).parent / "data" / "tls"
AUTHORITY = TLS / "authority.pem"
"""The authority behind the other two: for these tests alone, and trusted by nobody else."""

DEADLINE = 10.0
"""Seconds after which a test that waits has failed."""

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Received:
    """One request as it came in. Header names are lower-case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """A listening server: where it is, and what reached it."""

    port: int
    scheme: str
    connections: int = 0
    requests: list[Received] = field(default_factory=list)
    connected: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"


def loopback() -> AddressGuard:
    """A guard that opens loopback, as ``network.allow`` would for these tests."""
    return AddressGuard([ip_network("127.0.0.0/8"), ip_network("::1/128")])


def server_tls(name: str = "localhost") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / f"{name}.pem")
    return context


@contextlib.asynccontextmanager
async def listening(script: Script, *, tls: str | None = None) -> AsyncIterator[Server]:
    """Run ``script`` for each connection; every connection ends with the block.

    ``tls`` names the certificate to show: ``localhost`` or ``elsewhere``.
    """
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        here.connections += 1
        here.connected.set()
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await script(reader, writer)
        finally:
            tasks.discard(task)
            writer.close()

    listener = await asyncio.start_server(
        serve, "127.0.0.1", 0, ssl=server_tls(tls) if tls else None
    )
    here = Server(listener.sockets[0].getsockname()[1], "https" if tls else "http")
    try:
        yield here
    finally:
        listener.close()
        for task in list(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(list(tasks), timeout=DEADLINE)


@contextlib.asynccontextmanager
async def answering(*answers: bytes, tls: str | None = None) -> AsyncIterator[Server]:
    """Give these raw answers in turn, the last one for ever, and keep the connection open."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            here.requests.append(await read_request(reader))
            writer.write(answers[min(len(here.requests), len(answers)) - 1])
            await writer.drain()

    async with listening(script, tls=tls) as here:
        yield here


async def read_request(reader: asyncio.StreamReader) -> Received:
    """One whole request; IncompleteReadError when the client goes away."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("utf-8", "replace")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method, target, headers, body)


def answer(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
    """The bytes of one HTTP answer."""
    given = {"content-length": str(len(body)), **(headers or {})}
    lines = [f"HTTP/1.1 {status} Any", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def unused_port() -> int:
    """A port that nobody listens on: bound once and given back."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# The ways to fail. Each reads the whole request first, unless it says otherwise.


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    await asyncio.Event().wait()


async def hang_before_reading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def close_silently(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.transport.abort()


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"\x15\x03\x01\x00\x02\x02\x50 no HTTP here\r\n\r\n")
    await writer.drain()


async def half_an_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nonly this")
    await writer.drain()


async def half_a_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-le")
    await writer.drain()


async def broken_chunks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nnonsense\r\n")
    await writer.drain()


async def endless_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
        await writer.drain()


async def endless_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nx-long: ")
    while True:
        writer.write(b"x" * 0x4000)
        await writer.drain()


async def slow_drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    while True:
        writer.write(b".")
        await writer.drain()
        # Not a wait for something: the dripping is what is tested.
        await asyncio.sleep(0.02)


async def garbage_greeting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
    await writer.drain()
    await reader.read()
