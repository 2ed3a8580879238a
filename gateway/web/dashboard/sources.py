"""Sources: whether each can be read, how far it is, and the buttons to poll, pause, resume it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.polling import is_silent
from gateway.sources import PushConfig
from gateway.web import acting
from gateway.web.context import web_of
from gateway.web.dashboard.frame import action, back, frame
from gateway.web.pages import page
from gateway.web.security import read_form
from gateway.web.shapes import kind_of
from gateway.web.signin import signed_in

_SAID = {"poll": "polled", "pause": "paused", "resume": "resumed"}


@signed_in
async def sources(request: Request, session: str) -> Response:
    """All of them, each whole: there are few."""
    web = web_of(request)
    health, shared = await frame(web)
    counts = await web.store.counts.sources(list(web.config.sources))
    now = web.clock()
    items = []
    for name, state in health.sources.items():
        part = web.config.sources[name]
        pushes = isinstance(part, PushConfig)
        silent = not pushes and bool(state.last_success_at) and is_silent(web.config, state, now)
        shown = "up" if pushes else state.state
        items.append(
            {
                "name": name,
                "kind": kind_of(part),
                "pushes": pushes,
                "state": state,
                "shown": "silent" if silent and shown in ("up", "new") else shown,
                "counts": counts[name],
                "feeds": sorted({*getattr(part, "feeds", ()), *state.checkpoints}),
            }
        )
    address = (web.gateway.settings.public_url or str(request.base_url)).rstrip("/")
    return page(request, "sources.html", {**shared, "items": items, "address": address})


@signed_in
async def steer(request: Request, session: str) -> Response:
    """Poll a source now, pause or resume it."""
    fields = await read_form(request, session)
    what = action(request)
    await acting.steer_source(web_of(request), request.path_params["name"], what)
    return back(fields.get("back", "/sources"), _SAID[what])


ROUTES = (
    Route("/sources", sources),
    Route("/sources/{name}/poll", steer, methods=["POST"]),
    Route("/sources/{name}/pause", steer, methods=["POST"]),
    Route("/sources/{name}/resume", steer, methods=["POST"]),
)
