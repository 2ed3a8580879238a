"""Reads out of the store what pages and API show alike: a lead by its name, deliveries whole."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.delivery import Delivery, Reason, State, lead_uid
from gateway.store import Page, StoredLead
from gateway.web.context import Web
from gateway.web.problems import Problem
from gateway.web.shapes import DeliveryShape, delivery_shape, held_destinations

_AT_ONCE = 16
"""Deliveries read side by side: a share of the store's connections, never all of them."""


async def find_lead(web: Web, source: str, lead_id: str) -> StoredLead:
    """The lead that a source names so, under whatever identity. Raises a 404 problem."""
    configured = web.config.sources.get(source)
    likely = [configured.identity or source] if configured else [source]
    others = [name for name in await web.store.leads.identities() if name not in likely]
    uids = [lead_uid(identity, lead_id) for identity in [*likely, *others]]
    for found in await web.store.leads.get_many(uids):
        if found is not None and source in (found.lead.source, *found.sources):
            return found
    raise Problem(404, "there is no such lead, or it is not kept any more")


@dataclass(frozen=True, slots=True)
class Looked:
    """What somebody looks for among the leads. ``text`` excludes the others."""

    text: str = ""
    source: str | None = None
    category: str | None = None
    unrouted: bool = False


async def leads(web: Web, looked: Looked, cursor: str | None, limit: int) -> Page[StoredLead]:
    """Leads that are looked for, newest first. Raises BadCursor."""
    store = web.store
    if looked.text.strip():
        identities = await store.leads.identities()
        found = await store.search.text(looked.text, identities, cursor, limit)
    elif looked.source or looked.category:
        found = await store.search.filtered(
            cursor, limit, source=looked.source, category=looked.category, unrouted=looked.unrouted
        )
    else:
        return await store.leads.page(cursor, limit, unrouted=looked.unrouted)
    stored = await store.leads.get_many(found.items)
    return Page([lead for lead in stored if lead is not None], found.next_cursor)


async def whole(web: Web, ids: Sequence[str]) -> list[Delivery]:
    """Deliveries with every attempt; unknown ids fall out."""
    found: list[Delivery | None] = []
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        found += await asyncio.gather(*(web.store.deliveries.get(item) for item in some))
    return [delivery for delivery in found if delivery is not None]


async def shapes(web: Web, ids: Sequence[str]) -> list[DeliveryShape]:
    """Deliveries with every attempt, in the API's shape; unknown ids fall out."""
    waiting = await held(web)
    return [delivery_shape(item, waiting) for item in await whole(web, ids)]


async def held(web: Web) -> frozenset[str]:
    """Names of destinations that keep their deliveries waiting."""
    return held_destinations(
        web.config, await web.store.destinations.describe(await web.destination_names())
    )


async def dead_ids(
    web: Web,
    destination: str | None,
    reason: str | None,
    limit: int,
    *,
    since: datetime | None = None,
) -> tuple[list[str], bool]:
    """Ids of dead letters that match, at most ``limit``, and whether there are more."""
    names = [destination] if destination else None
    wanted = Reason(reason) if reason else None
    ids: list[str] = []
    cursor: str | None = None
    while True:
        page = await web.store.deliveries.page(
            cursor, min(500, limit), destinations=names, states=[State.DEAD], reason=wanted
        )
        ids += [item.id for item in page.items if since is None or item.created_at >= since]
        cursor = page.next_cursor
        if cursor is None or len(ids) >= limit:
            return ids[:limit], cursor is not None or len(ids) > limit
