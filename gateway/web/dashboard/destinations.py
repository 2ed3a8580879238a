"""Destinations: how each is, what it gets, and the buttons to pause, resume, preview, test it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.config.model import GatewayConfig
from gateway.destinations.protocol import Preview
from gateway.render import TemplateError
from gateway.store import DestinationState
from gateway.store.counts import DestinationCounts
from gateway.trying import CATEGORIES, Tried, render, sample_lead
from gateway.units import format_duration
from gateway.web import acting
from gateway.web.context import Web, web_of
from gateway.web.dashboard.frame import action, back, frame
from gateway.web.pages import page
from gateway.web.problems import Problem
from gateway.web.security import read_form
from gateway.web.shapes import held_destinations, kind_of
from gateway.web.signin import signed_in
from gateway.web.views import chip

RECENT = 20


@dataclass(frozen=True, slots=True)
class Figures:
    """A destination in numbers. ``by_hour`` are deliveries in each of the last 24 hours."""

    state: DestinationState
    kind: str | None
    by_hour: Sequence[int]
    counts: DestinationCounts
    dead_reasons: Mapping[str, int]

    @property
    def shown(self) -> str:
        """Its state as a page shows it: ``gone`` when the configuration does not have it."""
        return self.state.state if self.kind is not None else "gone"

    @property
    def success(self) -> float | None:
        """The share of attempts that delivered, of all that ever ended."""
        outcomes = self.counts.outcomes
        ended = sum(outcomes.get(word, 0) for word in ("delivered", "deferred", "refused"))
        return outcomes.get("delivered", 0) / ended if ended else None


async def figures(web: Web, states: Sequence[DestinationState]) -> list[Figures]:
    """The numbers of each, in a handful of round trips."""
    names = [state.name for state in states]
    by_hour = await web.store.counts.delivered_by_hour(names)
    counts = await web.store.counts.destinations(names)
    reasons = await web.store.counts.dead_reasons(names)
    return [
        Figures(
            state,
            kind_of(web.config.destinations[state.name])
            if state.name in web.config.destinations
            else None,
            by_hour[state.name],
            counts[state.name],
            reasons[state.name],
        )
        for state in states
    ]


@signed_in
async def destinations(request: Request, session: str) -> Response:
    """All of them."""
    web = web_of(request)
    health, shared = await frame(web)
    values = {"items": await figures(web, health.destinations)}
    return page(request, "destinations.html", {**shared, **values})


@signed_in
async def destination(request: Request, session: str) -> Response:
    """One of them."""
    category = request.query_params.get("preview")
    if category is not None and category not in CATEGORIES:
        raise Problem(400, "there is no sample of this category")
    return await _page(request, request.path_params["name"], category)


async def _page(
    request: Request, name: str, category: str | None, tried: Tried | None = None
) -> Response:
    web = web_of(request)
    health, shared = await frame(web)
    states = [state for state in health.destinations if state.name == name]
    if not states:
        raise Problem(404, "there is no such destination")
    (found,) = await figures(web, states)
    recent = await web.store.deliveries.page(None, RECENT, destinations=[name])
    held = held_destinations(web.config, health.destinations)
    preview, fault = _preview(web, name, category) if category else (None, None)
    values = {
        "item": found,
        "settings": settings(web.config, name),
        "recent": [(delivery, chip(delivery, held)) for delivery in recent.items],
        "categories": CATEGORIES,
        "category": category,
        "preview": preview,
        "fault": fault,
        "tried": tried,
        "can_try": name in web.gateway.destinations,
        "here": f"/destinations/{name}",
    }
    return page(request, "destination.html", {**shared, **values})


def _preview(web: Web, name: str, category: str) -> tuple[Preview | None, str | None]:
    """What would be sent of a sample, or why nothing can be."""
    target = web.gateway.destinations.get(name)
    if target is None:
        raise Problem(404, "this destination is not in the configuration any more")
    try:
        return render(target, sample_lead(web.config, category)).preview(), None
    except TemplateError as error:
        return None, str(error)


def settings(config: GatewayConfig, name: str) -> dict[str, str]:
    """How it is delivered to, in the configuration's own words. Pure; no secret is among them."""
    part: Any = config.destinations.get(name)
    if part is None:
        return {}
    schedule = " ".join(format_duration(wait) for wait in part.retry.schedule)
    return {
        "timeout": format_duration(part.timeout),
        "retry": schedule or "–",
        "rate_limit": str(part.rate_limit) if part.rate_limit else "–",
        "concurrency": str(part.concurrency),
        "host": part.host[1] or "–",
    }


@signed_in
async def drawing(request: Request, session: str) -> Response:
    """What a person would see of a sample: a mail's page, a Slack message. For a frame alone.

    It runs no script and loads nothing: what a template makes is not ours to trust.
    """
    category = request.path_params["category"]
    if category not in CATEGORIES:
        raise Problem(404, "there is no sample of this category")
    preview, _ = _preview(web_of(request), request.path_params["name"], category)
    if preview is None or "html" not in preview.files:
        raise Problem(404, "there is nothing to draw")
    headers = {
        "content-security-policy": (
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
            "frame-ancestors 'self'; sandbox"
        ),
        "x-frame-options": "SAMEORIGIN",
    }
    return Response(preview.files["html"], media_type="text/html; charset=utf-8", headers=headers)


@signed_in
async def test(request: Request, session: str) -> Response:
    """Send one invented lead, and show what was answered."""
    fields = await read_form(request, session)
    name, category = request.path_params["name"], fields.get("category", CATEGORIES[0])
    tried = await acting.try_destination(web_of(request), name, category)
    return await _page(request, name, None, tried)


@signed_in
async def steer(request: Request, session: str) -> Response:
    """Pause or resume a destination."""
    fields = await read_form(request, session)
    what = action(request)
    await acting.steer_destination(web_of(request), request.path_params["name"], what)
    return back(fields.get("back", "/destinations"), f"{what}d")


ROUTES = (
    Route("/destinations", destinations),
    Route("/destinations/{name}", destination),
    Route("/destinations/{name}/drawing/{category}", drawing),
    Route("/destinations/{name}/test", test, methods=["POST"]),
    Route("/destinations/{name}/pause", steer, methods=["POST"]),
    Route("/destinations/{name}/resume", steer, methods=["POST"]),
)
