"""Deliveries as operators see them: one with its attempts, several, pages of a listing.

Reads and never moves anything.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gateway.delivery import Attempt, Delivery, Lane, Reason, State
from gateway.store.connection import Connection
from gateway.store.paging import Page, check_cursor, cursor_at, pages_of
from gateway.store.sealing import Seal, Unreadable

_FIELDS = (
    "lead", "lead_id", "source", "destination", "occasion", "state", "reason", "created",
    "made", "due", "done", "remote", "lane",
)  # fmt: skip


async def one(connection: Connection, seal: Seal, delivery_id: str) -> Delivery | None:
    """One delivery with every attempt."""
    pipeline = connection.redis.pipeline(transaction=False)
    pipeline.hmget(connection.key("delivery", delivery_id), *_FIELDS)
    pipeline.lrange(connection.key("attempts", delivery_id), 0, -1)
    fields, attempts = await connection.execute(pipeline)
    found = _delivery(delivery_id, fields)
    if found is None:
        return None
    return replace(found, attempts=tuple(_attempt(item, seal) for item in attempts))


async def many(connection: Connection, ids: Sequence[str]) -> list[Delivery]:
    """Deliveries without their attempts, in one round trip; unknown ids fall out."""
    pipeline = connection.redis.pipeline(transaction=False)
    for item in ids:
        pipeline.hmget(connection.key("delivery", item), *_FIELDS)
    answers = await connection.execute(pipeline) if ids else []
    found = [_delivery(item, fields) for item, fields in zip(ids, answers, strict=True)]
    return [delivery for delivery in found if delivery is not None]


async def page_of(
    connection: Connection,
    cursor: str | None = None,
    limit: int = 50,
    *,
    destinations: Sequence[str] | None = None,
    states: Sequence[State] = (),
    reason: Reason | None = None,
) -> Page[Delivery]:
    """Deliveries, newest first. Dead ones come by the time they died.

    With filters a page may be shorter than ``limit`` and still have a next one: a listing reads
    at most ten pages' worth of entries for one page.
    """
    check_cursor(cursor)
    names = destinations if destinations is not None else await destination_names(connection)
    dead_only = tuple(states) == (State.DEAD,)
    keys = [connection.key("dead" if dead_only else "deliveries", name) for name in names]
    items: list[Delivery] = []
    for _ in range(10):
        ids, cursor = await _merged(connection, keys, cursor, limit)
        items += [
            delivery
            for delivery in await many(connection, ids)
            if (not states or delivery.state in states)
            and (reason is None or delivery.reason is reason)
        ]
        if len(items) >= limit or cursor is None:
            break
    return Page(items, cursor)


async def destination_names(connection: Connection) -> list[str]:
    """Every destination that ever had a delivery."""
    found = await connection.command("SMEMBERS", connection.key("destinations"))
    return sorted(item.decode() for item in found)


async def _merged(
    connection: Connection, keys: Sequence[str], cursor: str | None, limit: int
) -> tuple[list[str], str | None]:
    if len(keys) == 1:
        return await pages_of(connection, keys[0], cursor, limit)
    streams = []
    more = False
    for key in keys:
        names, rest = await pages_of(connection, key, cursor, limit)
        more = more or rest is not None
        scores = await _scores(connection, key, names)
        streams.append([(-score, name) for name, score in zip(names, scores, strict=True)])
    # Within one score, names fall, as pages_of gives them.
    merged = list(heapq.merge(*streams, key=lambda pair: (pair[0], [-ord(c) for c in pair[1]])))
    kept = merged[:limit]
    if not kept or (len(merged) <= limit and not more):
        return [name for _, name in kept], None
    return [name for _, name in kept], cursor_at(kept[-1][1], -kept[-1][0])


async def _scores(connection: Connection, key: str, names: Sequence[str]) -> list[float]:
    if not names:
        return []
    return [float(score) for score in await connection.command("ZMSCORE", key, *names)]


def _delivery(identifier: str, fields: Any) -> Delivery | None:
    if isinstance(fields, BaseException) or fields[0] is None:
        return None
    value = {name: (raw or b"").decode() for name, raw in zip(_FIELDS, fields, strict=True)}
    return Delivery(
        id=identifier,
        lead_uid=value["lead"],
        lead_id=value["lead_id"],
        source=value["source"],
        destination=value["destination"],
        occasion=value["occasion"],
        state=State(value["state"]),
        reason=Reason(value["reason"]) if value["reason"] else None,
        created_at=_moment(value["created"]) or datetime.fromtimestamp(0, UTC),
        attempts_made=int(value["made"] or 0),
        next_attempt_at=_moment(value["due"]),
        delivered_at=_moment(value["done"]),
        remote_id=value["remote"] or None,
        lane=Lane(value["lane"]),
    )


def _attempt(raw: bytes, seal: Seal) -> Attempt:
    number, at, duration, outcome, reason, status, uncertain, answer = json.loads(raw)
    return Attempt(
        number=int(number),
        at=datetime.fromtimestamp(int(at) / 1000, UTC),
        duration_ms=int(duration),
        outcome=outcome,
        reason=Reason(reason),
        status=int(status) if status != "" else None,
        answer=_opened(answer, seal),
        uncertain=bool(int(uncertain)),
    )


def _opened(answer: str, seal: Seal) -> str:
    """An answer is worth less than the rest of its delivery: without its key only it is missing."""
    try:
        return seal.open_text(answer)
    except Unreadable:
        return "(sealed with another key)"


def _moment(text: str) -> datetime | None:
    return datetime.fromtimestamp(int(text) / 1000, UTC) if text else None
