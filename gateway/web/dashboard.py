"""The dashboard: what is happening, every lead, one lead, dead letters, and the buttons on them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from gateway.delivery import Message, Reason, State
from gateway.render import TemplateError
from gateway.sources import PushConfig
from gateway.store import StoredLead
from gateway.web import acting, reading
from gateway.web.context import Web, web_of
from gateway.web.health import Health, is_silent, read_health
from gateway.web.pages import page
from gateway.web.problems import Problem
from gateway.web.security import read_form
from gateway.web.shapes import attempt_shape, held_destinations
from gateway.web.signin import local_path, signed_in
from gateway.web.views import chip, facts, portal_seconds, rows, together

STREAM_ROWS = 25
LIST_ROWS = 50
ACT_LIMIT = 10_000

_SECTIONS = ("property", "estimation", "project", "financing", "person_status")


async def _frame(web: Web) -> tuple[Health, dict[str, object]]:
    """What every page's header shows."""
    health = await read_health(web)
    dead = sum(destination.dead for destination in health.destinations)
    return health, {"health": health, "dead_count": dead}


@signed_in
async def overview(request: Request, session: str) -> Response:
    """The first page: the numbers, leads as they arrive, destinations, sources."""
    web = web_of(request)
    health, frame = await _frame(web)
    names = [destination.name for destination in health.destinations]
    counts = await web.store.counts.destinations(names)
    source_counts = await web.store.counts.sources(list(web.config.sources))
    by_hour = await web.store.counts.delivered_by_hour(names)
    recent = await web.store.leads.page(None, STREAM_ROWS)
    ids = [item for lead in recent.items for item in lead.delivery_ids]
    held = held_destinations(web.config, health.destinations)
    from_portal = together(item.portal_to_delivered for item in counts.values())
    values = {
        "rows": rows(recent.items, await web.store.deliveries.get_many(ids), held),
        "more": recent.next_cursor is not None,
        "total": await web.store.leads.count(),
        "received": await web.store.counts.received_by_hour(),
        "delivered": [sum(hour) for hour in zip(*by_hour.values(), strict=True)],
        "by_hour": by_hour,
        "counts": counts,
        "source_counts": source_counts,
        "p50": from_portal.quantile(0.5),
        "p95": from_portal.quantile(0.95),
        "silent": {
            name
            for name, state in health.sources.items()
            if is_silent(web.config, state, web.clock())
        },
        "config": web.config,
        "push_source": next(
            (name for name, part in web.config.sources.items() if isinstance(part, PushConfig)),
            None,
        ),
        "address": (web.gateway.settings.public_url or str(request.base_url)).rstrip("/"),
    }
    return page(request, "overview.html", {**frame, **values})


@signed_in
async def leads(request: Request, session: str) -> Response:
    """Every lead, newest first, page by page."""
    web = web_of(request)
    health, frame = await _frame(web)
    unrouted = request.query_params.get("unrouted") == "true"
    found = await web.store.leads.page(
        request.query_params.get("cursor") or None, LIST_ROWS, unrouted=unrouted
    )
    ids = [item for lead in found.items for item in lead.delivery_ids]
    held = held_destinations(web.config, health.destinations)
    values = {
        "rows": rows(found.items, await web.store.deliveries.get_many(ids), held),
        "next_cursor": found.next_cursor,
        "first": "cursor" not in request.query_params,
        "unrouted": unrouted,
    }
    return page(request, "leads.html", {**frame, **values})


@signed_in
async def lead(request: Request, session: str) -> Response:
    """One lead: who, what, what was sent where, and what came of it."""
    web = web_of(request)
    health, frame = await _frame(web)
    found = await reading.find_lead(web, request.path_params["source"], request.path_params["id"])
    held = held_destinations(web.config, health.destinations)
    deliveries = await reading.whole(web, found.delivery_ids)
    values = {
        "stored": found,
        "lead": found.lead,
        "seconds": portal_seconds(found.lead, deliveries),
        "sections": {name: facts(found.lead, name, frozenset({"message"})) for name in _SECTIONS},
        "deliveries": [
            {
                "delivery": delivery,
                "chip": chip(delivery, held),
                "attempts": [attempt_shape(attempt) for attempt in delivery.attempts],
                "can_replay": delivery.state in (State.DEAD, State.RETRYING),
                "can_discard": delivery.state is State.DEAD,
            }
            for delivery in deliveries
        ],
        "classified": _classified(web, found),
    }
    return page(request, "lead.html", {**frame, **values})


def _classified(web: Web, found: StoredLead) -> str | None:
    """The property's page at the portal, if the configuration knows how to name it."""
    message = Message(id="", destination="", accepted_at=found.received_at)
    try:
        links = web.gateway.renderer.context(found.lead, message)["links"]
    except TemplateError:
        return None
    url = links["classified"]
    return url if isinstance(url, str) and url.startswith(("https://", "http://")) else None


@signed_in
async def dead_letters(request: Request, session: str) -> Response:
    """Deliveries that were given up, the latest first, of all destinations or one."""
    web = web_of(request)
    health, frame = await _frame(web)
    wanted = request.query_params.get("destination")
    found = await web.store.deliveries.page(
        request.query_params.get("cursor") or None,
        LIST_ROWS,
        destinations=[wanted] if wanted else None,
        states=[State.DEAD],
    )
    uids = list(dict.fromkeys(item.lead_uid for item in found.items))
    stored = await web.store.leads.get_many(uids)
    values = {
        "letters": await reading.whole(web, [item.id for item in found.items]),
        "leads": {uid: lead for uid, lead in zip(uids, stored, strict=True) if lead},
        "groups": [item for item in health.destinations if item.dead],
        "wanted": wanted,
        "next_cursor": found.next_cursor,
    }
    return page(request, "dead_letters.html", {**frame, **values})


@signed_in
async def rejected(request: Request, session: str) -> Response:
    """What portals sent that could not become a lead, and why."""
    web = web_of(request)
    _, frame = await _frame(web)
    cursor = request.query_params.get("cursor", "")
    if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 7):
        raise Problem(400, "cursor: this page was not given out by this list")
    found = await web.store.leads.rejected(cursor or None, LIST_ROWS)
    values = {"items": found.items, "next_cursor": found.next_cursor}
    return page(request, "rejected.html", {**frame, **values})


@signed_in
async def act_on_delivery(request: Request, session: str) -> Response:
    """Replay or discard one delivery, and back to where the button was."""
    fields = await read_form(request, session)
    act = acting.replay if _action(request) == "replay" else acting.discard
    await act(web_of(request), [request.path_params["id"]])
    return _back(fields.get("back", "/"))


@signed_in
async def act_on_dead_letters(request: Request, session: str) -> Response:
    """Replay or discard every dead letter, or those of one destination."""
    fields = await read_form(request, session)
    web = web_of(request)
    reason = fields.get("reason") or None
    if reason is not None and reason not in set(Reason):
        raise Problem(400, "there is no such reason")
    ids, _ = await reading.dead_ids(web, fields.get("destination") or None, reason, ACT_LIMIT)
    act = acting.replay if _action(request) == "replay" else acting.discard
    await act(web, ids)
    return _back("/dead-letters")


@signed_in
async def steer_destination(request: Request, session: str) -> Response:
    """Pause or resume a destination."""
    fields = await read_form(request, session)
    await acting.steer_destination(web_of(request), request.path_params["name"], _action(request))
    return _back(fields.get("back", "/"))


@signed_in
async def steer_source(request: Request, session: str) -> Response:
    """Poll a source now, pause or resume it."""
    fields = await read_form(request, session)
    await acting.steer_source(web_of(request), request.path_params["name"], _action(request))
    return _back(fields.get("back", "/"))


def _action(request: Request) -> str:
    return request.url.path.rpartition("/")[2]


def _back(place: str) -> Response:
    return RedirectResponse(local_path(place), 303)


ROUTES = [
    Route("/", overview),
    Route("/leads", leads),
    Route("/leads/{source}/{id:path}", lead),
    Route("/dead-letters", dead_letters),
    Route("/rejected", rejected),
    Route("/deliveries/{id}/replay", act_on_delivery, methods=["POST"]),
    Route("/deliveries/{id}/discard", act_on_delivery, methods=["POST"]),
    Route("/dead-letters/replay", act_on_dead_letters, methods=["POST"]),
    Route("/dead-letters/discard", act_on_dead_letters, methods=["POST"]),
    Route("/destinations/{name}/pause", steer_destination, methods=["POST"]),
    Route("/destinations/{name}/resume", steer_destination, methods=["POST"]),
    Route("/sources/{name}/poll", steer_source, methods=["POST"]),
    Route("/sources/{name}/pause", steer_source, methods=["POST"]),
    Route("/sources/{name}/resume", steer_source, methods=["POST"]),
]
