"""Deliveries and dead letters: listed by filters, replayed, discarded."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue

from gateway.delivery import State
from gateway.store import StoredLead
from gateway.web import acting, reading
from gateway.web.answers import Discarded, Replayed, Unchanged
from gateway.web.asking import Paging, ReasonWord, StateWord, Told, When
from gateway.web.context import Web
from gateway.web.operation import operation
from gateway.web.problems import Problem
from gateway.web.shapes import HELD, WAITS, DeliveryShape, Listing, delivery_shape

TAG, DEAD_TAG = "Deliveries", "Dead letters"
ACT_LIMIT = 10_000
"""Dead letters that one call replays or discards; ``more`` tells to call again."""

ONE_OF: list[JsonValue] = [{"required": ["ids"]}, {"required": ["filter"]}]

_GONE = "there is no such delivery, or it is not kept any more"
_NOT_NOW = "its state forbids it; the member state says which"


class Which(Paging):
    """Which dead letters."""

    destination: str | None = None
    """Of this destination."""
    reason: ReasonWord | None = None
    """That ended for this reason."""
    lead: Annotated[str, Field(examples=["seloger/4711"])] | None = None
    """Of one lead: SOURCE/ID."""
    since: When | None = None
    """Made since: a duration ago, or a moment (ISO 8601)."""


class DeliveryQuery(Which):
    """Which deliveries."""

    state: tuple[StateWord, ...] = ()
    """In one of these states."""


class Filter(Told):
    """Dead letters of a destination, for a reason, made since; all of what is given must hold."""

    destination: str | None = None
    reason: ReasonWord | None = None
    since: When | None = None
    """Made since: a duration ago, or a moment (ISO 8601)."""


class Selection(Told):
    """Which dead letters: some ids, or all that match a filter (an empty one: all)."""

    model_config = ConfigDict(json_schema_extra={"oneOf": ONE_OF})

    ids: Annotated[list[str], Field(max_length=ACT_LIMIT)] | None = None
    filter: Filter | None = None


class Wish(Told):
    """How to replay one delivery."""

    force: bool = False
    """Repeat one that was delivered."""


@operation("GET", "/v1/deliveries", tag=TAG, problems={404: "no such lead is kept"})
async def list_deliveries(web: Web, query: DeliveryQuery) -> Listing[DeliveryShape]:
    """List deliveries, newest first, with every attempt."""
    return await _list(web, query, query.state)


@operation("GET", "/v1/deliveries/{id}", tag=TAG, problems={404: _GONE})
async def show_delivery(web: Web, id: str) -> DeliveryShape:
    """Show one delivery with every attempt."""
    return await _one(web, id)


@operation(
    "POST", "/v1/deliveries/{id}/replay", tag=TAG, problems={404: _GONE, 409: _NOT_NOW}
)  # fmt: skip
async def replay_delivery(web: Web, id: str, body: Wish) -> DeliveryShape:
    """Try one delivery again now, on a new schedule.

    One that waits is tried at once; one that was delivered wants force.
    """
    item = (await _one(web, id)).id
    acted = await acting.replay(web, [item], force=body.force)
    if acted.refused:
        what = acted.refused[0][1]
        hint = ': send {"force": true} to repeat it' if what == "delivered" else ""
        raise Problem(409, f"this delivery is {what}{hint}", extra={"state": what})
    return await _one(web, id)


@operation("GET", "/v1/dead-letters", tag=DEAD_TAG, problems={404: "no such lead is kept"})
async def list_dead_letters(web: Web, query: Which) -> Listing[DeliveryShape]:
    """List deliveries that were given up, the latest first."""
    return await _list(web, query, ("dead",))


@operation("POST", "/v1/dead-letters/replay", tag=DEAD_TAG)
async def replay_dead_letters(web: Web, body: Selection) -> Replayed:
    """Replay dead letters, by ids or by filter.

    At most 10,000 at once: call again while more is true. What is no dead letter is left alone.
    """
    ids, more = await _selected(web, body)
    acted = await acting.replay(web, ids, dead_only=True)
    return Replayed(replayed=acted.done, refused=_unchanged(acted), more=more)


@operation("POST", "/v1/dead-letters/discard", tag=DEAD_TAG)
async def discard_dead_letters(web: Web, body: Selection) -> Discarded:
    """Discard dead letters for good, by ids or by filter.

    At most 10,000 at once: call again while more is true. What is no dead letter is left alone.
    """
    ids, more = await _selected(web, body)
    acted = await acting.discard(web, ids, dead_only=True)
    return Discarded(discarded=acted.done, refused=_unchanged(acted), more=more)


async def _selected(web: Web, selection: Selection) -> tuple[list[str], bool]:
    if (selection.ids is None) == (selection.filter is None):
        raise Problem(400, 'send either {"ids": [...]} or {"filter": {...}}')
    if selection.filter is None:
        return list(dict.fromkeys(selection.ids or ())), False
    wanted = selection.filter
    return await reading.dead_ids(
        web, wanted.destination, wanted.reason, ACT_LIMIT, since=wanted.since
    )


def _unchanged(acted: acting.Acted) -> list[Unchanged]:
    return [Unchanged(id=item, state=what) for item, what in acted.refused]


async def _one(web: Web, item: str) -> DeliveryShape:
    found = await web.store.deliveries.get(item)
    if found is None:
        raise Problem(404, _GONE)
    return delivery_shape(found, await reading.held(web))


async def _list(web: Web, query: Which, states: tuple[str, ...]) -> Listing[DeliveryShape]:
    if query.lead:
        source, _, lead_id = query.lead.partition("/")
        found = await reading.find_lead(web, source, lead_id)
        return await _of_lead(web, found, query, states)
    held = await reading.held(web)
    page = await web.store.deliveries.page(
        query.cursor,
        query.limit,
        destinations=where(states, query.destination, held),
        states=stored_states(states),
        reason=query.reason,
    )
    items = [item for item in page.items if not query.since or item.created_at >= query.since]
    # By creation, what follows an entry that is too old is older still; dead ones lie by death.
    over = len(items) < len(page.items) and states != ("dead",)
    shapes = await reading.shapes(web, [item.id for item in items])
    return Listing[DeliveryShape](
        items=[shape for shape in shapes if not states or shape.state in states],
        next_cursor=None if over else page.next_cursor,
    )


async def _of_lead(
    web: Web, lead: StoredLead, query: Which, states: tuple[str, ...]
) -> Listing[DeliveryShape]:
    """A lead's own deliveries are few: one page has them all."""
    shapes = await reading.shapes(web, lead.delivery_ids)
    return Listing[DeliveryShape](
        items=[
            shape
            for shape in shapes
            if (not states or shape.state in states)
            and (not query.destination or shape.destination == query.destination)
            and (not query.reason or shape.reason == query.reason)
            and (not query.since or shape.created_at >= query.since)
        ],
        next_cursor=None,
    )


def where(
    states: tuple[str, ...], destination: str | None, held: frozenset[str]
) -> list[str] | None:
    """The destinations to look through: what is held alone lies with those that hold."""
    if destination:
        return [destination]
    return sorted(held) if states == (HELD,) else None


def stored_states(states: tuple[str, ...]) -> list[State]:
    """The states as stored: held is one that waits."""
    wanted = {State(state) for state in states if state != HELD}
    return sorted(wanted | set(WAITS)) if HELD in states else sorted(wanted)


OPERATIONS = (
    list_deliveries,
    show_delivery,
    replay_delivery,
    list_dead_letters,
    replay_dead_letters,
    discard_dead_letters,
)
