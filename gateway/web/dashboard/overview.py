"""The first page: how fast, how many, what needs somebody, leads as they arrive, who is how."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.polling import is_silent
from gateway.sources import PushConfig
from gateway.web.context import web_of
from gateway.web.dashboard.frame import frame
from gateway.web.pages import page
from gateway.web.shapes import held_destinations
from gateway.web.signin import signed_in
from gateway.web.views import rows, together

STREAM_ROWS = 25


@signed_in
async def overview(request: Request, session: str) -> Response:
    """The numbers, leads as they arrive, destinations, sources."""
    web = web_of(request)
    health, shared = await frame(web)
    names = [destination.name for destination in health.destinations]
    counts = await web.store.counts.destinations(names)
    by_hour = await web.store.counts.delivered_by_hour(names)
    speed = await web.store.counts.speed()
    day = together(speed)
    recent = await web.store.leads.page(None, STREAM_ROWS)
    ids = [item for lead in recent.items for item in lead.delivery_ids]
    held = held_destinations(web.config, health.destinations)
    values = {
        "rows": rows(recent.items, await web.store.deliveries.get_many(ids), held),
        "total": await web.store.leads.count(),
        "received": await web.store.counts.received_by_hour(),
        "delivered": [sum(hour) for hour in zip(*by_hour.values(), strict=True)],
        "by_hour": by_hour,
        "counts": counts,
        "source_counts": await web.store.counts.sources(list(web.config.sources)),
        "p50": day.quantile(0.5),
        "p90": day.quantile(0.9),
        "speed": [hour.quantile(0.5) for hour in speed],
        "dead": [destination for destination in health.destinations if destination.dead],
        "silent": {
            name
            for name, state in health.sources.items()
            if is_silent(web.config, state, web.clock())
        },
        "config": web.config,
        "unsealed": not web.gateway.settings.encryption_keys,
        "push_source": next(
            (name for name, part in web.config.sources.items() if isinstance(part, PushConfig)),
            None,
        ),
        "address": (web.gateway.settings.public_url or str(request.base_url)).rstrip("/"),
    }
    return page(request, "overview.html", {**shared, **values})


ROUTES = (Route("/", overview),)
