"""Sources: how each is, polled now, paused and resumed."""

from __future__ import annotations

from gateway.web import acting
from gateway.web.context import Web
from gateway.web.operation import operation
from gateway.web.shapes import Listing, SourceShape, source_shape

TAG = "Sources"
_PROBLEMS = {404: "there is no such source", 409: "this source pushes: it is never polled"}


@operation("GET", "/v1/sources", tag=TAG)
async def list_sources(web: Web) -> Listing[SourceShape]:
    """List every configured source."""
    items = [await _shape(web, name) for name in web.config.sources]
    return Listing[SourceShape](items=items, next_cursor=None)


@operation("POST", "/v1/sources/{name}/poll", tag=TAG, problems=_PROBLEMS)
async def poll_source(web: Web, name: str) -> SourceShape:
    """Read a source now instead of at its next turn."""
    await acting.steer_source(web, name, "poll")
    return await _shape(web, name)


@operation("POST", "/v1/sources/{name}/pause", tag=TAG, problems=_PROBLEMS)
async def pause_source(web: Web, name: str) -> SourceShape:
    """Stop reading a source; once resumed it goes on where it was."""
    await acting.steer_source(web, name, "pause")
    return await _shape(web, name)


@operation("POST", "/v1/sources/{name}/resume", tag=TAG, problems=_PROBLEMS)
async def resume_source(web: Web, name: str) -> SourceShape:
    """Read a source again, from where it was."""
    await acting.steer_source(web, name, "resume")
    return await _shape(web, name)


async def _shape(web: Web, name: str) -> SourceShape:
    return source_shape(await web.store.sources.get(name), web.config, web.clock())


OPERATIONS = (list_sources, poll_source, pause_source, resume_source)
