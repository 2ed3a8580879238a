"""The page behind a claim link: the lead, and one button that says who takes it.

Opening it changes nothing, because mail scanners open links; only the form claims. Whoever has the
link may use it: it is signed, names one delivery, and ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from gateway.claims import LinkError, promised_by
from gateway.config.model import Rules
from gateway.delivery import Delivery
from gateway.store import StoredLead
from gateway.web.context import Web, web_of
from gateway.web.pages import page
from gateway.web.security import came_from, read_form

NAME_CAP = 100


@dataclass(frozen=True, slots=True)
class Linked:
    """What a link leads to."""

    delivery: Delivery
    stored: StoredLead
    rules: Rules

    @property
    def names(self) -> list[str]:
        """Who may be asked to take it."""
        return [agent.name for agent in self.rules.agents]


async def show(request: Request) -> Response:
    """The lead and its button; or what became of it."""
    linked = await _linked(request)
    return linked if isinstance(linked, Response) else _page(request, linked)


async def take(request: Request) -> Response:
    """Claim it for the agent the form names."""
    linked = await _linked(request)
    if isinstance(linked, Response):
        return linked
    form = await read_form(request)
    name = " ".join(form.get("agent", "").split())
    if not name or len(name) > NAME_CAP or (linked.names and name not in linked.names):
        return _page(request, linked, wrong=True)
    web = web_of(request)
    kind = getattr(web.config.destinations.get(linked.delivery.destination), "kind", "link")
    await web.gateway.pipeline.claim(linked.stored, name, kind)
    return RedirectResponse(request.url.path, 303)


async def _linked(request: Request) -> Linked | Response:
    web = web_of(request)
    throttle = web.throttles.claim
    address = came_from(request)
    if wait := throttle.wait(address):
        return _nothing(request, "often", 429, {"retry-after": str(ceil(wait))})
    try:
        name = web.store.threads.claim_links.read(request.path_params["token"], web.clock())
    except LinkError as error:
        if error.what == "unknown":
            throttle.wrong(address)
        return _nothing(request, error.what, 410 if error.what == "expired" else 404)
    delivery = await web.store.deliveries.get(name)
    stored = await web.store.leads.get(delivery.lead_uid) if delivery else None
    if delivery is None or stored is None:
        return _nothing(request, "gone", 410)
    return Linked(delivery, stored, rules_of(web, stored.lead.source))


def rules_of(web: Web, source: str) -> Rules:
    """The rules that decide for a source's leads: its agency's, or the whole's."""
    for rules in web.config.agencies.values():
        if source in rules.sources:
            return rules
    return web.config


def _page(request: Request, linked: Linked, *, wrong: bool = False) -> Response:
    web = web_of(request)
    stored, claim = linked.stored, linked.rules.claim
    until = promised_by(claim, stored.received_at, web.config.zone) if claim else None
    mine = stored.lead.agent.name if linked.delivery.occasion == "new" else None
    values = {
        "lead": stored.lead,
        "stored": stored,
        "names": linked.names,
        "mine": mine if mine in linked.names else None,
        "until": until,
        "now": web.clock(),
        "wrong": wrong,
        "nothing": None,
    }
    return page(request, "claim.html", values, status=422 if wrong else 200)


def _nothing(
    request: Request, what: str, status: int, headers: dict[str, str] | None = None
) -> Response:
    values = {"nothing": what, "lead": None}
    return page(request, "claim.html", values, status=status, headers=headers)


ROUTES = [
    Route("/claim/{token}", show),
    Route("/claim/{token}", take, methods=["POST"]),
]
"""``GET`` shows, ``POST`` claims."""
