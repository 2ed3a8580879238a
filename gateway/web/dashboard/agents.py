"""Agents: who is on duty, what each has open, what nobody claimed; and how fast leads are."""

from __future__ import annotations

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.duty import promise_of
from gateway.spans import format_span
from gateway.store.speed import STAGES
from gateway.web.api.agents import read_agents
from gateway.web.chart import speed_chart
from gateway.web.context import web_of
from gateway.web.dashboard.frame import LIST_ROWS, frame
from gateway.web.pages import language_of, page
from gateway.web.signin import signed_in


@signed_in
async def agents(request: Request, session: str) -> Response:
    """Every agent, and the leads that wait, those first that should not any more."""
    web = web_of(request)
    _, shared = await frame(web)
    uids = await web.store.ladders.unclaimed(LIST_ROWS)
    promise = await web.store.ladders.promise(web.store.counts)
    values = {
        "agents": await read_agents(web),
        "many": bool(web.config.agencies),
        "waiting": [lead for lead in await web.store.leads.get_many(uids) if lead],
        "promise": promise,
        "claim": promise_of(web.config),
        "now": web.clock(),
    }
    return page(request, "agents.html", {**shared, **values})


@signed_in
async def speed(request: Request, session: str) -> Response:
    """From the portal to received, delivered and claimed, within the last day."""
    web = web_of(request)
    _, shared = await frame(web)
    day = await web.store.speed.day()
    promise = await web.store.ladders.promise(web.store.counts)
    claim, language = promise_of(web.config), language_of(request)
    named = {
        "source": list(web.config.sources),
        "destination": await web.destination_names(),
        # Of thousands of agents those are shown that anything is known of.
        "agent": day.names("agent")[:200],
    }
    this = web.clock().astimezone(web.config.zone)
    words = web.pages.words(language)["speed_page"]
    labels = [f"{this - timedelta(hours=23 - index):%H} h" for index in range(len(day.hours))]
    values = {
        "whole": {stage: day.times(stage) for stage in STAGES},
        "tables": {
            kind: [
                (name, {stage: day.times(stage, f"{kind}={name}") for stage in STAGES})
                for name in names
            ]
            for kind, names in named.items()
        },
        "chart": speed_chart(
            day.by_hour("delivered"),
            day.by_hour("claimed"),
            labels,
            lambda seconds: format_span(seconds, language),
            title=words["chart"],
            within=claim.within.total_seconds() if claim else None,
        ),
        "promise": promise,
        "claim": claim,
        "within": claim.within.total_seconds() if claim else None,
    }
    return page(request, "speed.html", {**shared, **values})


ROUTES = (Route("/agents", agents), Route("/speed", speed))
