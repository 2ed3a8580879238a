"""How soon a lead is delivered when nothing else is going on."""

from __future__ import annotations

import asyncio

from bench.entry import Rounds, Run
from bench.meters import quantile
from bench.rig import accept, leads, rig, until_delivered, worker

APART = 0.03
"""Seconds between two leads: an idle gateway, not a busy one."""


async def idle_latency(run: Run) -> Rounds:
    """From accepted to delivered by the store's clock, one lead at a time, an instant sink."""
    count = run.size(300, 40)
    async with rig() as bench, worker(bench):
        store = bench.gateway.store
        await accept(bench.gateway, leads(20))
        await until_delivered(bench.gateway, 20)
        done = 20
        for _ in run.rounds():
            made: list[str] = []
            for lead in leads(count):
                made += await accept(bench.gateway, [lead])
                await asyncio.sleep(APART)
            done += count
            await until_delivered(bench.gateway, done)
            waits = [
                (item.delivered_at - item.created_at).total_seconds() * 1000
                for item in await store.deliveries.get_many(made)
                if item.delivered_at
            ]
            yield {
                "p50_ms": quantile(waits, 0.5),
                "p99_ms": quantile(waits, 0.99),
                "max_ms": max(waits),
            }
