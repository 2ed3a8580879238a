"""The demo: a simulated portal and three receivers around the real gateway, for as long as it runs.

Owns the story and the reckoning at its end: what the receivers truly got, against what the portal
made. Never prints: a view is told what happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from gateway.delivery import State
from gateway.sandbox.demo_house import KINDS, SOURCE, DemoError, Gateway, around, configure
from gateway.sandbox.demo_watch import Watched, Watcher
from gateway.sandbox.pace import Pace
from gateway.sandbox.portal import Portal
from gateway.sandbox.sinks import KEPT, Kept
from gateway.store import Store
from gateway.web.sessions import signin_link
from gateway.wiring import open_store

__all__ = ["KINDS", "DemoError", "Summary", "View", "Watched", "run_demo"]

DRAIN_WITHIN = 15.0
"""Seconds that leads get to arrive after the last one was made."""
_LOOK_EVERY = 0.05
_WAITING = (State.PENDING, State.DELIVERING, State.RETRYING)


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of it."""

    seconds: float
    leads: int
    outcomes: Mapping[str, Mapping[str, int]]
    """Deliveries by destination and state."""
    times: Mapping[str, Sequence[float]]
    """Seconds from portal to delivery, by destination."""
    lost: int
    """Deliveries that no receiver got and that wait nowhere any more."""
    doubled: int
    """Arrivals beyond the first of each delivery."""
    waiting: int
    """Deliveries still on their way when the time was over."""

    @property
    def is_whole(self) -> bool:
        """Whether everything arrived, once."""
        return self.lost == self.doubled == self.waiting == 0


class View(Protocol):
    """Who is told what happens."""

    def starting(self) -> None:
        """The pieces are being started."""

    def ready(self, address: str, link: str, taken: int | None) -> None:
        """The dashboard answers; ``taken`` is the port that was wanted and not free, if any."""

    def delivered(self, lead: Watched) -> None:
        """One lead reached everybody, or waited too long for somebody."""

    def draining(self, waiting: int) -> None:
        """No more leads are made; so many deliveries are still on their way."""

    def ended(self, summary: Summary) -> None:
        """It is over."""


async def run_demo(
    view: View, *, leads_per_minute: float, seed: int, port: int, seconds: float | None
) -> Summary:
    """Run until ``seconds`` are over or somebody stops it. Raises :class:`DemoError`.

    The first signal (Ctrl-C, SIGTERM, SIGHUP) lets what is on its way arrive, a second does not.
    """
    stop, hurry = asyncio.Event(), asyncio.Event()
    _listen(stop, hurry)
    view.starting()
    async with AsyncExitStack() as stack:
        folder = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="lead-gateway-demo-", ignore_cleanup_errors=True)
            )
        )
        house = await stack.enter_async_context(around(seed))
        settings, listens = configure(folder, house, port)
        gateway = await stack.enter_async_context(Gateway.running(folder, settings, listens))
        store, _ = await stack.enter_async_context(open_store(settings))
        await gateway.wait(store, stop)
        address = f"http://127.0.0.1:{listens}"
        link = signin_link(address, settings.token(), datetime.now(UTC))
        view.ready(address, link, None if listens == port else port)

        watcher = Watcher(store, SOURCE, tuple(KINDS), view.delivered)
        await watcher.start()
        began = time.monotonic()
        pace = Pace(leads_per_minute, seed, began)
        await _make_leads(house.portal, watcher, gateway, pace, stop, seconds)
        lasted = time.monotonic() - began
        if watcher.waiting:
            view.draining(watcher.waiting)
        await _drain(watcher, gateway, hurry)
        summary = await _reckon(store, house.received, watcher, lasted)
        view.ended(summary)
    return summary


def _listen(stop: asyncio.Event, hurry: asyncio.Event) -> None:
    def on_signal() -> None:
        (hurry if stop.is_set() else stop).set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, on_signal)


async def _make_leads(
    portal: Portal,
    watcher: Watcher,
    gateway: Gateway,
    pace: Pace,
    stop: asyncio.Event,
    seconds: float | None,
) -> None:
    """Make leads until the time is over or somebody stops it."""
    began = time.monotonic()
    while not stop.is_set() and (seconds is None or time.monotonic() - began < seconds):
        for lead in portal.add(pace.due(time.monotonic())):
            watcher.add(lead)
        await watcher.look()
        gateway.must_run()
        await _pause(stop)


async def _drain(watcher: Watcher, gateway: Gateway, hurry: asyncio.Event) -> None:
    deadline = time.monotonic() + DRAIN_WITHIN
    while watcher.waiting and time.monotonic() < deadline and not hurry.is_set():
        await watcher.look()
        gateway.must_run()
        await _pause(hurry)
    watcher.give_up()


async def _pause(unless: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LOOK_EVERY):
            await unless.wait()


async def _reckon(
    store: Store, received: Mapping[str, Kept[Any]], watcher: Watcher, seconds: float
) -> Summary:
    """Hold what arrived against what was made."""
    outcomes: dict[str, dict[str, int]] = {name: {} for name in KINDS}
    on_their_way: set[tuple[str, str]] = set()
    for name in KINDS:
        cursor: str | None = None
        while True:
            page = await store.deliveries.page(cursor, 500, destinations=[name])
            for delivery in page.items:
                counts = outcomes[name]
                counts[delivery.state.value] = counts.get(delivery.state.value, 0) + 1
                if delivery.state in _WAITING:
                    on_their_way.add((name, delivery.lead_id))
            cursor = page.next_cursor
            if cursor is None:
                break
    # A receiver remembers its first so many; later ones can not be held against it.
    made = watcher.made[:KEPT]
    missing = [
        (name, lead_id)
        for name, got in received.items()
        for lead_id in made
        if watcher.arrival_id(name, lead_id) not in got.by_id
    ]
    return Summary(
        seconds=seconds,
        leads=len(watcher.made),
        outcomes=outcomes,
        times=watcher.times,
        lost=sum(1 for pair in missing if pair not in on_their_way),
        doubled=sum(got.repeated for got in received.values()),
        waiting=len(on_their_way),
    )
