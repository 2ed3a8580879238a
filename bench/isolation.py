"""Whether destinations that hang hold up the others."""

from __future__ import annotations

import asyncio
import time

from bench.entry import Rounds, Run
from bench.meters import quantile
from bench.rig import Rig, accept, fresh, leads, rig, worker
from gateway.delivery import State

DESTINATIONS = tuple(f"crm{number:02}" for number in range(20))
HANGING = DESTINATIONS[::4]
HEALTHY = tuple(name for name in DESTINATIONS if name not in HANGING)
PACE = 10
"""Leads per second, each for all the destinations."""
TIMEOUT = "4s"
"""Shorter than a run: it is watched before the first exchange times out and after it."""
SHARE, MORE_MS = 1.5, 5.0
"""How far the healthy ones' p99 may rise."""


async def isolation(run: Run) -> Rounds:
    """Accepted to delivered of 15 healthy destinations while 5 others hang, and while none does."""
    async with rig(*DESTINATIONS, timeout=TIMEOUT, in_flight=None) as bench:
        for number in run.rounds(5):
            found = {}
            for hanging in ((), HANGING) if number % 2 else (HANGING, ()):
                found[bool(hanging)] = await _healthy_ms(bench, hanging, run.size(8, 5))
            calm, hung = (quantile(found[key], 0.99) for key in (False, True))
            yield {
                "calm_p50_ms": quantile(found[False], 0.5),
                "calm_p99_ms": calm,
                "hanging_p50_ms": quantile(found[True], 0.5),
                "hanging_p99_ms": hung,
                "share_of_bound": hung / (calm * SHARE + MORE_MS),
            }


async def _healthy_ms(rig: Rig, hanging: tuple[str, ...], seconds: int) -> list[float]:
    """Milliseconds from accepted to delivered of each delivery to a healthy destination."""
    await rig.sink.hang(*hanging)
    async with fresh(rig) as bench, worker(bench):
        made: list[str] = []
        started = time.monotonic()
        for index, lead in enumerate(leads(seconds * PACE)):
            await asyncio.sleep(max(0.0, started + index / PACE - time.monotonic()))
            made += await accept(bench.gateway, [lead])
        waits = await _waits(bench, made)
        await rig.sink.hang()
        return waits


async def _waits(bench: Rig, made: list[str]) -> list[float]:
    async with asyncio.timeout(60):
        while True:
            found = await bench.gateway.store.deliveries.get_many(made)
            healthy = [item for item in found if item.destination in HEALTHY]
            if all(item.state is State.DELIVERED for item in healthy):
                return [
                    (item.delivered_at - item.created_at).total_seconds() * 1000
                    for item in healthy
                    if item.delivered_at
                ]
            await asyncio.sleep(0.2)
