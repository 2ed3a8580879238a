"""A receiver of leads in a process of its own: prints its port, then serves until it is killed.

Speaks just enough HTTP to cost next to nothing, so that what is measured is the gateway. Answers
200 after the delay given as its argument. ``GET /state`` tells when the first request came, when
each was answered and how many exchanges were open at once, and starts counting anew;
``GET /hang?a,b`` names the paths that shall hang from now on (none: ``GET /hang?``).
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from typing import cast

import uvloop

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_OK = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"id":"42"}'
LIFETIME = 1800.0
"""Seconds after which a sink that nobody killed ends by itself."""


class Sink:
    """What all connections share."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.hanging: frozenset[bytes] = frozenset()
        self.began: float | None = None
        self.times: list[float] = []
        self.open = 0
        self.most = 0

    def state(self) -> bytes:
        """What came in since the last question."""
        found = json.dumps({"began": self.began, "times": self.times, "most": self.most}).encode()
        self.began, self.times, self.most = None, [], self.open
        return found


class Connection(asyncio.Protocol):
    """One connection: requests one after the other, as long as the other side likes."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.waiting = bytearray()
        self.transport: asyncio.Transport | None = None
        self.exchanges = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.sink.open -= self.exchanges
        self.transport = None

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        while (end := self.waiting.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.waiting[:end])
            found = _LENGTH.search(head)
            size = end + 4 + (int(found[1]) if found else 0)
            if len(self.waiting) < size:
                return
            del self.waiting[:size]
            self.exchange(head.partition(b"\r\n")[0].split(b" ")[:2])

    def exchange(self, line: list[bytes]) -> None:
        method, target = line
        if method == b"GET":
            self.control(target)
            return
        sink = self.sink
        if sink.began is None:
            sink.began = time.time()
        sink.open += 1
        self.exchanges += 1
        sink.most = max(sink.most, sink.open)
        if target in sink.hanging:
            return
        if sink.delay:
            asyncio.get_running_loop().call_later(sink.delay, self.answer)
        else:
            self.answer()

    def answer(self) -> None:
        if self.transport is None:
            return
        self.transport.write(_OK)
        self.sink.times.append(time.time())
        self.sink.open -= 1
        self.exchanges -= 1

    def control(self, target: bytes) -> None:
        assert self.transport is not None
        path, _, query = target.partition(b"?")
        if path == b"/hang":
            self.sink.hanging = frozenset(name for name in query.split(b",") if name)
        body = self.sink.state() if path == b"/state" else b"{}"
        self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))


async def main() -> None:
    sink = Sink(float(sys.argv[1]))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(sink), "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.sleep(LIFETIME)


if __name__ == "__main__":
    uvloop.run(main())
