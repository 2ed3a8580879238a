"""How fast one worker process delivers, in turns with a bare aiohttp loop, and what that costs."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime

from bench.entry import Rounds, Run
from bench.meters import server_meter
from bench.rig import (
    IN_FLIGHT,
    Rig,
    accept,
    hold,
    leads,
    release,
    rig,
    until_delivered,
    worker,
)
from gateway.delivery import Message
from gateway.destinations.webhook_body import envelope

WARM = 50
"""Deliveries made before anything is measured: connections are open then, and code is loaded."""


async def throughput_200ms(run: Run) -> Rounds:
    """One worker process, 200 exchanges on the wire, a sink that takes 200 ms (bound: 1,000/s)."""
    async for figures in _throughput(run, 0.2, run.size(6000, 1000)):
        yield figures


async def throughput_instant(run: Run) -> Rounds:
    """One worker process, 200 exchanges on the wire, a sink that answers at once."""
    async for figures in _throughput(run, 0.0, run.size(8000, 1000)):
        yield figures


async def _throughput(run: Run, delay: float, count: int) -> Rounds:
    async with rig(delay=delay) as bench, worker(bench) as process:
        gateway = bench.gateway
        await accept(gateway, leads(WARM))
        await until_delivered(gateway, WARM)
        done = WARM
        for _ in run.rounds():
            bare, bare_cpu = await _bare(bench, count)
            await hold(bench, leads(count))
            await bench.sink.taken()
            before = process.cpu_s()
            async with server_meter(gateway.store) as server:
                await release(bench)
                done += count
                await until_delivered(gateway, done)
            cpu = process.cpu_s() - before
            taken = await bench.sink.taken()
            yield {
                "deliveries_per_s": taken.rate,
                "bare_aiohttp_per_s": bare,
                "ratio_to_bare": taken.rate / bare,
                "most_in_flight": taken.most,
                "cpu_ms_per_delivery": cpu / count * 1000,
                "bare_cpu_ms_per_post": bare_cpu / count * 1000,
                "store_cpu_ms_per_delivery": server.cpu_s / count * 1000,
            }


async def _bare(bench: Rig, count: int) -> tuple[float, float]:
    """Posts per second of the bare loop against the same sink, and its CPU seconds."""
    (lead,) = leads(1)
    size = len(envelope(lead, Message("x", "crm", datetime.now(UTC))))
    await bench.sink.taken()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.bare", bench.sink.url("crm"),
        str(count), str(IN_FLIGHT), str(size),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(120):
        output, _ = await process.communicate()
    return (await bench.sink.taken()).rate, float(output)
