"""The API's endpoints (contract §8): JSON in, JSON out, for who holds the admin token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.delivery import Delivery, Reason, State
from gateway.web import acting, reading
from gateway.web.context import Web, web_of
from gateway.web.problems import Problem
from gateway.web.security import read_body, require_admin
from gateway.web.shapes import (
    HELD,
    WAITS,
    DeliveryShape,
    delivery_shape,
    destination_shape,
    lead_shape,
    source_shape,
)

BODY_CAP = 256_000
ACT_LIMIT = 10_000
"""Dead letters that one call replays or discards; ``more`` tells to call again."""
LIMIT, MOST = 50, 500

Endpoint = Callable[[Request, Web], Awaitable[Response]]
T = TypeVar("T", bound=BaseModel)


class Filter(BaseModel):
    """Dead letters of a destination, for a reason; both when both are given."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    destination: str | None = None
    reason: Reason | None = None


class Selection(BaseModel):
    """Which dead letters: some ids, or all that match a filter (an empty one: all)."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    ids: list[str] | None = Field(default=None, max_length=ACT_LIMIT)
    filter: Filter | None = None


class Wish(BaseModel):
    """How to replay one delivery; ``force`` repeats one that was delivered."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    force: bool = False


def admin(endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """Ask for the admin token before anything else."""

    @wraps(endpoint)
    async def guarded(request: Request) -> Response:
        require_admin(request)
        return await endpoint(request, web_of(request))

    return guarded


@admin
async def leads(request: Request, web: Web) -> Response:
    """Leads, newest first; ``unrouted=true`` only those that no route wanted."""
    cursor, limit = _paging(request)
    unrouted = _flag(request, "unrouted")
    page = await web.store.leads.page(cursor, limit, unrouted=unrouted)
    ids = [item for lead in page.items for item in lead.delivery_ids]
    by_id = {item.id: item for item in await _shapes(web, await reading.whole(web, ids))}
    return _listing(
        [
            lead_shape(lead, [by_id[item] for item in lead.delivery_ids if item in by_id])
            for lead in page.items
        ],
        page.next_cursor,
    )


@admin
async def lead(request: Request, web: Web) -> Response:
    """One lead with its deliveries and every attempt."""
    found = await reading.find_lead(web, request.path_params["source"], request.path_params["id"])
    deliveries = await _shapes(web, await reading.whole(web, found.delivery_ids))
    return JSONResponse(lead_shape(found, deliveries))


@admin
async def erase_lead(request: Request, web: Web) -> Response:
    """Forget one lead for good; what is unsent of it is discarded."""
    await acting.erase(web, request.path_params["source"], request.path_params["id"])
    return Response(status_code=204)


@admin
async def deliveries(request: Request, web: Web) -> Response:
    """Deliveries, newest first, filtered by state, destination, reason, lead (SOURCE/ID)."""
    return await _deliveries(request, web, _states(request))


@admin
async def dead_letters(request: Request, web: Web) -> Response:
    """Deliveries that were given up, the latest first."""
    return await _deliveries(request, web, ("dead",))


@admin
async def delivery(request: Request, web: Web) -> Response:
    """One delivery with every attempt."""
    return JSONResponse((await _one(web, request)).model_dump(mode="json"))


@admin
async def replay_delivery(request: Request, web: Web) -> Response:
    """Try one delivery again now; 409 when its state forbids it."""
    wish = await _body(request, Wish)
    item = (await _one(web, request)).id
    acted = await acting.replay(web, [item], force=wish.force)
    if acted.refused:
        what = acted.refused[0][1]
        hint = ': send {"force": true} to repeat it' if what == "delivered" else ""
        raise Problem(409, f"this delivery is {what}{hint}", extra={"state": what})
    return JSONResponse((await _one(web, request)).model_dump(mode="json"))


@admin
async def act_on_dead_letters(request: Request, web: Web) -> Response:
    """Replay or discard dead letters, by ids or by filter."""
    selection = await _body(request, Selection)
    if (selection.ids is None) == (selection.filter is None):
        raise Problem(400, 'send either {"ids": [...]} or {"filter": {...}}')
    more = False
    if selection.filter is not None:
        wanted = selection.filter
        ids, more = await reading.dead_ids(web, wanted.destination, wanted.reason, ACT_LIMIT)
    else:
        ids = list(dict.fromkeys(selection.ids or []))
    replays = _action(request) == "replay"
    act = acting.replay if replays else acting.discard
    acted = await act(web, ids)
    refused = [{"id": item, "state": what} for item, what in acted.refused]
    word = "replayed" if replays else "discarded"
    return JSONResponse({word: acted.done, "refused": refused, "more": more})


@admin
async def destinations(request: Request, web: Web) -> Response:
    """Every destination, configured or remembered."""
    return _listing(await _destinations(web, await web.destination_names()), None)


@admin
async def steer_destination(request: Request, web: Web) -> Response:
    """Pause or resume one destination."""
    name = request.path_params["name"]
    await acting.steer_destination(web, name, _action(request))
    return JSONResponse((await _destinations(web, [name]))[0])


@admin
async def sources(request: Request, web: Web) -> Response:
    """Every configured source."""
    return _listing([await _source(web, name) for name in web.config.sources], None)


@admin
async def steer_source(request: Request, web: Web) -> Response:
    """Poll a source now, pause or resume it."""
    name = request.path_params["name"]
    await acting.steer_source(web, name, _action(request))
    return JSONResponse(await _source(web, name))


async def _deliveries(request: Request, web: Web, states: tuple[str, ...]) -> Response:
    cursor, limit = _paging(request)
    destination = request.query_params.get("destination")
    reason = _reason(request)
    held = await reading.held(web)
    if name := request.query_params.get("lead"):
        source, _, lead_id = name.partition("/")
        found = await reading.find_lead(web, source, lead_id)
        some = await reading.whole(web, found.delivery_ids)
        shapes = [delivery_shape(item, held) for item in some]
        return _listing(
            [
                shape.model_dump(mode="json")
                for shape in shapes
                if (not states or shape.state in states)
                and (not destination or shape.destination == destination)
                and (not reason or shape.reason == reason.value)
            ],
            None,
        )
    page = await web.store.deliveries.page(
        cursor,
        limit,
        destinations=_where(states, destination, held),
        states=_stored(states),
        reason=reason,
    )
    whole = await reading.whole(web, [item.id for item in page.items])
    shapes = [delivery_shape(item, held) for item in whole]
    return _listing(
        [shape.model_dump(mode="json") for shape in shapes if not states or shape.state in states],
        page.next_cursor,
    )


def _where(
    states: tuple[str, ...], destination: str | None, held: frozenset[str]
) -> list[str] | None:
    """The destinations to look through: what is held alone lies with those that hold."""
    if destination:
        return [destination]
    return sorted(held) if states == (HELD,) else None


def _stored(states: tuple[str, ...]) -> list[State]:
    """The states as stored: held is one that waits."""
    wanted = {State(state) for state in states if state != HELD}
    return sorted(wanted | set(WAITS)) if HELD in states else sorted(wanted)


def _states(request: Request) -> tuple[str, ...]:
    known = (*(state.value for state in State), HELD)
    given = tuple(
        part for value in request.query_params.getlist("state") for part in value.split(",") if part
    )
    if unknown := [state for state in given if state not in known]:
        raise Problem(400, f"state: {unknown[0][:40]!r} is not one of {', '.join(known)}")
    return given


def _reason(request: Request) -> Reason | None:
    given = request.query_params.get("reason")
    try:
        return Reason(given) if given else None
    except ValueError:
        raise Problem(400, f"reason: not one of {', '.join(Reason)}") from None


def _flag(request: Request, name: str) -> bool:
    given = request.query_params.get(name, "false")
    if given not in ("true", "false"):
        raise Problem(400, f"{name}: write true or false")
    return given == "true"


def _paging(request: Request) -> tuple[str | None, int]:
    given = request.query_params.get("limit", str(LIMIT))
    if not (given.isascii() and given.isdigit() and 1 <= int(given[:6]) <= MOST):
        raise Problem(400, f"limit: write a whole number from 1 to {MOST}")
    return request.query_params.get("cursor") or None, int(given)


async def _body(request: Request, model: type[T]) -> T:
    raw = await read_body(request, BODY_CAP)
    try:
        return model.model_validate_json(raw or b"{}")
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Problem(400, f"{place}: {first['msg']}" if place else first["msg"]) from None


def _action(request: Request) -> str:
    """The last word of the address."""
    return request.url.path.rpartition("/")[2]


async def _one(web: Web, request: Request) -> DeliveryShape:
    found = await web.store.deliveries.get(request.path_params["id"])
    if found is None:
        raise Problem(404, "there is no such delivery, or it is not kept any more")
    return delivery_shape(found, await reading.held(web))


async def _shapes(web: Web, found: Sequence[Delivery]) -> list[DeliveryShape]:
    held = await reading.held(web)
    return [delivery_shape(item, held) for item in found]


async def _destinations(web: Web, names: Sequence[str]) -> list[dict[str, Any]]:
    by_hour = await web.store.counts.delivered_by_hour(names)
    return [
        destination_shape(state, web.config, by_hour[state.name]).model_dump(mode="json")
        for state in await web.store.destinations.describe(names)
    ]


async def _source(web: Web, name: str) -> dict[str, Any]:
    state = await web.store.sources.get(name)
    return source_shape(state, web.config, web.clock()).model_dump(mode="json")


def _listing(items: Sequence[Any], cursor: str | None) -> Response:
    return JSONResponse({"items": items, "next_cursor": cursor})


ROUTES = [
    Route("/v1/leads", leads),
    Route("/v1/leads/{source}/{id:path}", lead),
    Route("/v1/leads/{source}/{id:path}", erase_lead, methods=["DELETE"]),
    Route("/v1/deliveries", deliveries),
    Route("/v1/deliveries/{id}", delivery),
    Route("/v1/deliveries/{id}/replay", replay_delivery, methods=["POST"]),
    Route("/v1/dead-letters", dead_letters),
    Route("/v1/dead-letters/replay", act_on_dead_letters, methods=["POST"]),
    Route("/v1/dead-letters/discard", act_on_dead_letters, methods=["POST"]),
    Route("/v1/destinations", destinations),
    Route("/v1/destinations/{name}/pause", steer_destination, methods=["POST"]),
    Route("/v1/destinations/{name}/resume", steer_destination, methods=["POST"]),
    Route("/v1/sources", sources),
    Route("/v1/sources/{name}/poll", steer_source, methods=["POST"]),
    Route("/v1/sources/{name}/pause", steer_source, methods=["POST"]),
    Route("/v1/sources/{name}/resume", steer_source, methods=["POST"]),
]
