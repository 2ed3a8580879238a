"""What just happened, as server-sent events: every event for programs, a nudge for open pages.

Streams are bounded in number and length, and read the store only while somebody listens. Events
carry ids, never a lead's content.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gateway.store import Event, StoreUnavailable
from gateway.web.context import Web, web_of
from gateway.web.operation import SESSION_TOO, operation
from gateway.web.problems import Problem
from gateway.web.security import require_admin, session_of

LOOK_EVERY = 0.25
"""Seconds between two looks at the store."""
NUDGE_EVERY = 1.0
"""Seconds at least between two nudges of a page, however much happens."""
BEAT_EVERY = 10.0
"""Seconds after which a silent stream says that it lives; pages refresh what no event tells."""
LASTS = 3600.0
"""Seconds after which a stream ends and the client opens another."""

T = TypeVar("T")
_PLACE = re.compile(r"^\d{1,20}-\d{1,20}$")


@operation(
    "GET", "/v1/events", tag="Events", who=SESSION_TOO, answers={200: "text/event-stream"}
)  # fmt: skip
async def events(request: Request, web: Web) -> Response:
    """Follow what happens as server-sent events.

    Each has its place as its id: a client that reconnects with Last-Event-ID misses nothing of the
    last 10,000. Events carry ids, never a lead's content.
    """
    if await session_of(request) is None:
        await require_admin(request)
    place = request.headers.get("last-event-id", "")
    if place and not _PLACE.match(place):
        raise Problem(400, "Last-Event-ID: send the id of an event of this stream")
    return await _stream(web, _each(web, place or await web.store.events.latest()))


async def live(request: Request) -> Response:
    """``GET /live``: tells an open page that something changed, at most once a second."""
    if await session_of(request) is None:
        raise Problem(401, "sign in first")
    web = web_of(request)
    return await _stream(web, _nudges(web, await web.store.events.latest()))


async def _each(web: Web, place: str) -> AsyncIterator[str]:
    quiet_since = time.monotonic()

    async def look() -> Sequence[Event]:
        return await web.store.events.after(place)

    async for found in _looks(web, look):
        for event in found or ():
            content = asdict(event)
            place = content.pop("id")
            yield encode(event.type, content, place)
        if found:
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since > BEAT_EVERY:
            quiet_since = time.monotonic()
            yield ": still here\n\n"


async def _nudges(web: Web, place: str) -> AsyncIterator[str]:
    """A word whenever something is new. A page wants to know that, not what: the newest place is
    enough, and costs the same however much happens.
    """
    yield encode("hello", {})
    last = time.monotonic()
    async for newest in _looks(web, web.store.events.latest):
        pause = time.monotonic() - last
        changed = newest is not None and newest != place
        if (changed and pause >= NUDGE_EVERY) or pause >= BEAT_EVERY:
            yield encode("changed" if changed else "beat", {})
            place, last = newest or place, time.monotonic()


async def _looks(web: Web, look: Callable[[], Awaitable[T]]) -> AsyncIterator[T | None]:
    """Look again and again, some times a second; None while the store is away."""
    ends = time.monotonic() + LASTS
    while not web.closing.is_set() and time.monotonic() < ends:
        found: T | None = None
        try:
            found = await look()
        except StoreUnavailable:
            await _rest(web, NUDGE_EVERY)
        yield found
        await _rest(web, LOOK_EVERY)


async def _rest(web: Web, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await web.closing.wait()
    except TimeoutError:
        return


async def _stream(web: Web, content: AsyncIterator[str]) -> Response:
    if web.streams.locked():
        raise Problem(503, "too many open streams: try again later", headers={"retry-after": "30"})

    async def counted() -> AsyncIterator[str]:
        async with web.streams:
            yield "retry: 2000\n\n"
            async for piece in content:
                yield piece

    return StreamingResponse(
        counted(), media_type="text/event-stream", headers={"x-accel-buffering": "no"}
    )


def encode(kind: str, content: object, place: str | None = None) -> str:
    """One event on the wire (HTML Living Standard, 9.2.6); JSON has no line breaks of its own."""
    head = f"id: {place}\n" if place else ""
    return f"{head}event: {kind}\ndata: {json.dumps(content)}\n\n"


OPERATIONS = (events,)
