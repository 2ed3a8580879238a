"""What one delivered lead costs: round trips, commands, CPU of the worker and of the store."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from bench.entry import Rounds, Run
from bench.meters import round_trips, server_meter
from bench.rig import Rig, Worker, accept, leads, rig, until_delivered, worker

PAGE = 100
"""Leads of one page, as a poller brings them."""


async def cost(run: Run) -> Rounds:
    """Per delivered lead, one destination: page by page, and one at a time on an idle gateway."""
    async with rig() as bench, worker(bench) as process:
        done = 0
        for _ in run.rounds():
            for name, count, page in (
                ("busy", run.size(3000, 500), PAGE),
                ("alone", run.size(150, 40), 1),
            ):
                found = await _spent(bench, process, done, count, page)
                done += count
                figures = {f"{name}_{key}": value / count for key, value in found.items()}
                if name == "busy":
                    busy = figures
            yield {**busy, **figures}


async def _spent(bench: Rig, process: Worker, done: int, count: int, page: int) -> dict[str, float]:
    """Everything that ``count`` leads cost, from taken in to delivered, in pages of one size."""
    gateway, some, mine = bench.gateway, leads(count), SimpleNamespace(value=0)
    trips, cpu = process.round_trips(), process.cpu_s()
    async with server_meter(gateway.store) as server:
        for start in range(0, count, page):
            with round_trips(mine):
                await accept(gateway, some[start : start + page])
            if page == 1:
                await asyncio.sleep(0.02)
        await until_delivered(gateway, done + count)
    return {
        "round_trips_to_accept": mine.value,
        "round_trips_to_deliver": process.round_trips() - trips,
        "commands": server.commands,
        "worker_cpu_ms": (process.cpu_s() - cpu) * 1000,
        "store_cpu_ms": server.cpu_s * 1000,
    }
