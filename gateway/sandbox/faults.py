"""The ways in which a receiver can fail to answer, as one that broke in the middle of it does.

For receivers that :mod:`gateway.sandbox.server` serves: what is broken here is the connection,
which the application above it never sees.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response

BROKEN = {
    "hang": b"",
    "reset": b"",
    "half": b'HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"id": "c',
    "garbage": b"\x15\x03\x01\x00\x02 no HTTP here\r\n\r\n",
}
"""What goes over the wire, by the fault's name: ``hang`` sends nothing and waits for the caller to
give up, ``reset`` breaks the connection, ``half`` ends in the middle of its answer, ``garbage``
answers something else than HTTP.
"""


async def break_off(request: Request, fault: str) -> Response:
    """Fail in one of the ways of :data:`BROKEN`; returns when the caller is gone.

    The body must have been read: what comes after it is the caller's going away.
    """
    connection = _connection(request)
    if fault == "reset":
        place = connection.get_extra_info("socket")
        place.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.abort()
    elif fault != "hang":
        connection.write(BROKEN[fault])
        connection.close()
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response()  # nobody gets it


def _connection(request: Request) -> asyncio.Transport:
    # Starlette hands down uvicorn's own receive, which belongs to the exchange on its connection.
    exchange = cast(Any, request.receive).__self__
    return cast(asyncio.Transport, exchange.transport)
