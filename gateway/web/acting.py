"""What an operator may do from API and pages alike: replay, discard, erase, pause, resume, poll."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from gateway.delivery import State
from gateway.sources import PushConfig
from gateway.trying import Tried, sample_lead, send
from gateway.web import audited, reading
from gateway.web.context import Web
from gateway.web.problems import Problem

ACT_AT_ONCE = 500
"""Deliveries acted on in one round trip."""


@dataclass(frozen=True, slots=True)
class Acted:
    """How many deliveries did what was asked, and which did not, with the state that forbids it."""

    done: int
    refused: list[tuple[str, str]]


async def replay(
    web: Web, ids: Sequence[str], *, force: bool = False, dead_only: bool = False
) -> Acted:
    """Try deliveries again now, with their schedule restarted."""

    async def change(some: Sequence[str]) -> list[str]:
        return [what for what, _ in await web.gateway.pipeline.replay(some, force=force)]

    return await _act(web, ids, change, "replayed", dead_only)


async def discard(web: Web, ids: Sequence[str], *, dead_only: bool = False) -> Acted:
    """Give deliveries up for good."""
    return await _act(web, ids, web.store.deliveries.discard, "discarded", dead_only)


async def _act(
    web: Web,
    ids: Sequence[str],
    change: Callable[[Sequence[str]], Awaitable[list[str]]],
    done: str,
    dead_only: bool,
) -> Acted:
    """Change deliveries in batches; ``dead_only`` leaves alone what is no dead letter."""
    count, refused = 0, []
    for start in range(0, len(ids), ACT_AT_ONCE):
        some = ids[start : start + ACT_AT_ONCE]
        if dead_only:
            states = {item.id: item.state for item in await web.store.deliveries.get_many(some)}
            alive = [(item, states[item].value) for item in some if item in states]
            refused += [(item, state) for item, state in alive if state != State.DEAD]
            some = [item for item in some if states.get(item, State.DEAD) is State.DEAD]
        for item, what in zip(some, await change(some), strict=True):
            if what == done:
                count += 1
            else:
                refused.append((item, what))
    audited.counted(count)
    return Acted(count, refused)


async def erase(web: Web, source: str, lead_id: str) -> None:
    """Forget one lead for good. Raises a 404 problem for one that is not kept (any more)."""
    found = await reading.find_lead(web, source, lead_id)
    await web.store.leads.erase([found.uid])


async def try_destination(web: Web, name: str, category: str | None = None) -> Tried:
    """Send one invented lead. Raises problems: 404 unknown, 400 no sample of this category."""
    target = web.gateway.destinations.get(name)
    if target is None:
        raise Problem(404, "there is no such destination")
    try:
        lead = sample_lead(web.config, category)
    except ValueError as error:
        raise Problem(400, f"sample: {error}") from None
    return await send(target, lead)


async def reload(web: Web) -> int:
    """Ask every process to take over gateway.yaml as it is now; the number of this wish."""
    return await web.store.processes.ask_reload()


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
