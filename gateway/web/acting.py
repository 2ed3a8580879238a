"""What an operator may do from API and pages alike: replay, discard, erase, pause, resume, poll."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.sources import PushConfig
from gateway.web import reading
from gateway.web.context import Web
from gateway.web.problems import Problem

ACT_AT_ONCE = 500
"""Deliveries acted on in one round trip."""


@dataclass(frozen=True, slots=True)
class Acted:
    """How many deliveries did what was asked, and which did not, with the state that forbids it."""

    done: int
    refused: list[tuple[str, str]]


async def replay(web: Web, ids: Sequence[str], *, force: bool = False) -> Acted:
    """Try deliveries again now, with their schedule restarted."""
    done, refused = 0, []
    for start in range(0, len(ids), ACT_AT_ONCE):
        some = ids[start : start + ACT_AT_ONCE]
        results = await web.gateway.pipeline.replay(some, force=force)
        for item, (what, _) in zip(some, results, strict=True):
            if what == "replayed":
                done += 1
            else:
                refused.append((item, what))
    return Acted(done, refused)


async def discard(web: Web, ids: Sequence[str]) -> Acted:
    """Give deliveries up for good."""
    done, refused = 0, []
    for start in range(0, len(ids), ACT_AT_ONCE):
        some = ids[start : start + ACT_AT_ONCE]
        for item, what in zip(some, await web.store.deliveries.discard(some), strict=True):
            if what == "discarded":
                done += 1
            else:
                refused.append((item, what))
    return Acted(done, refused)


async def erase(web: Web, source: str, lead_id: str) -> None:
    """Forget one lead for good. Raises a 404 problem for one that is not kept (any more)."""
    found = await reading.find_lead(web, source, lead_id)
    await web.store.leads.erase([found.uid])


async def steer_destination(web: Web, name: str, action: str) -> None:
    """``pause`` or ``resume``. Raises a 404 problem for a name that nobody knows."""
    if name not in await web.destination_names():
        raise Problem(404, "there is no such destination")
    if action == "pause":
        await web.store.destinations.pause(name)
    else:
        await web.store.destinations.resume(name)


async def steer_source(web: Web, name: str, action: str) -> None:
    """``poll``, ``pause`` or ``resume``. Raises problems: 404 unknown, 409 not a polled one."""
    configured = web.config.sources.get(name)
    if configured is None:
        raise Problem(404, "there is no such source")
    if isinstance(configured, PushConfig):
        raise Problem(409, "this source pushes: it is never polled and can not be paused here")
    sources = web.store.sources
    await {"poll": sources.wake, "pause": sources.pause, "resume": sources.resume}[action](name)
