"""Leads: the list, one lead with everything that became of it, what could not become a lead."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.delivery import Message, State
from gateway.render import TemplateError
from gateway.store import StoredLead
from gateway.web import acting, reading
from gateway.web.context import Web, web_of
from gateway.web.dashboard.frame import LIST_ROWS, action, back, frame
from gateway.web.decided import chosen_by
from gateway.web.pages import page
from gateway.web.security import read_form
from gateway.web.shapes import attempt_shape, held_destinations
from gateway.web.signin import signed_in
from gateway.web.views import chip, facts, portal_seconds, rows

CATEGORIES = (
    "CLASSIFIED", "AGENCY", "ESTIMATION", "PROJECT", "PROPERTY_SEARCH", "CALL_TRACKING",
)  # fmt: skip
_SECTIONS = ("property", "estimation", "project", "financing", "person_status")


@signed_in
async def leads(request: Request, session: str) -> Response:
    """Every lead, newest first, page by page."""
    web = web_of(request)
    health, shared = await frame(web)
    looked = reading.Looked(
        request.query_params.get("q", "")[:320].strip(),
        request.query_params.get("source") or None,
        request.query_params.get("category") or None,
        request.query_params.get("unrouted") == "true",
    )
    cursor = request.query_params.get("cursor") or None
    found = await reading.leads(web, looked, cursor, LIST_ROWS)
    ids = [item for lead in found.items for item in lead.delivery_ids]
    held = held_destinations(web.config, health.destinations)
    values = {
        "rows": rows(found.items, await web.store.deliveries.get_many(ids), held),
        "next_cursor": found.next_cursor,
        "first": cursor is None,
        "looked": looked,
        "here": _address(looked),
        "sources": list(web.config.sources),
        "categories": CATEGORIES,
        "keep": not looked.text and cursor is None,
    }
    return page(request, "leads.html", {**shared, **values})


def _address(looked: reading.Looked) -> str:
    """The first page of what is looked for."""
    unrouted = "true" if looked.unrouted else ""
    query = {
        "q": looked.text, "source": looked.source, "category": looked.category,
        "unrouted": unrouted,
    }  # fmt: skip
    said = urlencode({name: value for name, value in query.items() if value})
    return f"/leads?{said}" if said else "/leads"


@signed_in
async def lead(request: Request, session: str) -> Response:
    """One lead: who, what, what was sent where, and what came of it."""
    web = web_of(request)
    health, shared = await frame(web)
    found = await reading.find_lead(web, request.path_params["source"], request.path_params["id"])
    held = held_destinations(web.config, health.destinations)
    deliveries = await reading.whole(web, found.delivery_ids)
    values = {
        "stored": found,
        "lead": found.lead,
        "now": web.clock(),
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
        "chosen": chosen_by(found.decision, web.config) if found.decision else [],
    }
    return page(request, "lead.html", {**shared, **values})


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
async def erase(request: Request, session: str) -> Response:
    """Erase one lead for good, and back to the list: its page is gone with it."""
    await read_form(request, session)
    await acting.erase(web_of(request), request.path_params["source"], request.path_params["id"])
    return back("/leads", "erased")


@signed_in
async def act_on_delivery(request: Request, session: str) -> Response:
    """Replay or discard one delivery, and back to where the button was."""
    fields = await read_form(request, session)
    replays = action(request) == "replay"
    act = acting.replay if replays else acting.discard
    acted = await act(web_of(request), [request.path_params["id"]])
    return back(fields.get("back", "/"), "replayed" if replays else "discarded", acted)


@signed_in
async def rejected(request: Request, session: str) -> Response:
    """What portals sent that could not become a lead, and why."""
    web = web_of(request)
    _, shared = await frame(web)
    found = await web.store.rejects.page(request.query_params.get("cursor") or None, LIST_ROWS)
    values = {"items": found.items, "next_cursor": found.next_cursor}
    return page(request, "rejected.html", {**shared, **values})


ROUTES = (
    Route("/leads", leads),
    Route("/leads/{source}/{id:path}/erase", erase, methods=["POST"]),
    Route("/leads/{source}/{id:path}", lead),
    Route("/deliveries/{id}/replay", act_on_delivery, methods=["POST"]),
    Route("/deliveries/{id}/discard", act_on_delivery, methods=["POST"]),
    Route("/rejected", rejected),
)
