"""What people do through the web, written into the audit log: every change, and what is exported.

Owns how an address becomes a deed (``POST /v1/destinations/crm/pause`` is ``destinations.pause`` of
``crm``), so that an endpoint made tomorrow is in the log without knowing of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import structlog
from starlette.requests import Request

from gateway.store import StoreUnavailable
from gateway.web.context import web_of

_counted: ContextVar[list[int] | None] = ContextVar("counted", default=None)

log = structlog.get_logger()


@contextmanager
def deed() -> Iterator[list[int]]:
    """Whatever is counted while this lasts belongs to one request."""
    counts: list[int] = []
    token = _counted.set(counts)
    try:
        yield counts
    finally:
        _counted.reset(token)


def counted(number: int) -> None:
    """Say how many were acted on, from wherever that is known."""
    counts = _counted.get()
    if counts is not None:
        counts.append(number)


def named(request: Request) -> tuple[str, str]:
    """What a request does and to which one, by its address alone."""
    path = request.url.path
    values = [str(value) for value in request.path_params.values()]
    for value in values:
        path = path.replace(f"/{value}", "", 1)
    words = [word for word in path.split("/") if word and word != "v1"]
    verb = {"DELETE": "erase", "GET": "read"}.get(request.method, words[-1])
    return f"{words[0]}.{verb}" if words[0] != verb else verb, "/".join(values)


async def note(
    request: Request,
    who: str,
    through: str,
    *,
    did: str | None = None,
    count: int | None = None,
) -> None:
    """Write down what this request did. A log that can not be written is no reason to fail: what
    was asked for is done already.
    """
    by_address, target = named(request)
    try:
        await web_of(request).store.audit.note(who, through, did or by_address, target, count)
    except StoreUnavailable:
        log.error("not in the audit log", who=who, did=did or by_address)
