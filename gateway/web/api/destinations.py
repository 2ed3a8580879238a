"""Destinations: how each is, paused and resumed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from gateway.delivery import ANSWER_LIMIT
from gateway.trying import CATEGORIES
from gateway.web import acting
from gateway.web.answers import TriedShape
from gateway.web.asking import Told
from gateway.web.context import Web
from gateway.web.operation import operation
from gateway.web.shapes import DestinationShape, Listing, destination_shape

TAG = "Destinations"


class Sample(Told):
    """Which lead to invent."""

    sample: Literal[CATEGORIES] | None = None  # type: ignore[valid-type]
    """Its category."""


_UNKNOWN = {404: "there is no such destination"}


@operation("GET", "/v1/destinations", tag=TAG)
async def list_destinations(web: Web) -> Listing[DestinationShape]:
    """List every destination, configured or remembered."""
    names = await web.destination_names()
    return Listing[DestinationShape](items=await _shapes(web, names), next_cursor=None)


@operation("POST", "/v1/destinations/{name}/pause", tag=TAG, problems=_UNKNOWN)
async def pause_destination(web: Web, name: str) -> DestinationShape:
    """Pause a destination: what comes for it is held."""
    await acting.steer_destination(web, name, "pause")
    return (await _shapes(web, [name]))[0]


@operation("POST", "/v1/destinations/{name}/resume", tag=TAG, problems=_UNKNOWN)
async def resume_destination(web: Web, name: str) -> DestinationShape:
    """Resume a destination, and forget past trouble."""
    await acting.steer_destination(web, name, "resume")
    return (await _shapes(web, [name]))[0]


@operation("POST", "/v1/destinations/{name}/test", tag=TAG, problems=_UNKNOWN)
async def test_destination(web: Web, name: str, body: Sample) -> TriedShape:
    """Send one invented lead, marked as a test, and give the answer.

    Nothing is stored, and nothing is tried again.
    """
    tried = await acting.try_destination(web, name, body.sample)
    return TriedShape(
        destination=name,
        outcome=tried.word,
        reason=tried.reason.value if tried.reason else None,
        status=tried.outcome.status,
        answer=tried.outcome.answer[:ANSWER_LIMIT],
        duration_ms=round(tried.seconds * 1000),
    )


async def _shapes(web: Web, names: Sequence[str]) -> list[DestinationShape]:
    by_hour = await web.store.counts.delivered_by_hour(names)
    return [
        destination_shape(state, web.config, by_hour[state.name])
        for state in await web.store.destinations.describe(names)
    ]


OPERATIONS = (list_destinations, pause_destination, resume_destination, test_destination)
