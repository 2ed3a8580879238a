"""How fast the past of a portal is read into the store, and how much memory that takes."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from typing import Any

import psutil
from pydantic import SecretStr

from bench.entry import Rounds, Run
from bench.rig import rig
from gateway.http import HttpClient
from gateway.reading import Reader
from gateway.reading.backfill import Backfill, Progress, Taking, Wish
from gateway.sandbox.portal import Portal, portal_app
from gateway.sandbox.server import serve
from gateway.sources.gsl import GslConfig, GslSource
from gateway.wiring import OpenGuard

DAYS = 30
FIRST_SHARE = 0.3
"""The share of the leads after which memory is looked at first: what grows has begun to by then."""


async def backfill(run: Run) -> Rounds:
    """100,000 leads of 30 days from the simulated portal into the store, in one process.

    Asking, parsing, deciding and storing included; the portal is a process of its own.
    """
    count = run.size(100_000, 1500)
    async with _portal(count, run) as url:
        for _ in run.rounds(1):
            async with rig() as bench:
                yield await _read(bench.gateway, url, count)


async def _read(gateway: Any, url: str, count: int) -> dict[str, float]:
    http = HttpClient(OpenGuard(), connections=6)
    config = GslConfig(
        kind="gsl",
        base_url=url,
        token_url=f"{url}/oauth/token",
        client_id="sandbox",
        client_secret=SecretStr("sandbox"),
        requests_at_once=4,
    )
    source = GslSource(
        "web", config, http.conversation(), gateway.store.sources, lambda: datetime.now(UTC)
    )
    reader = Reader(source, gateway.store, gateway.pipeline)
    memory: list[int] = []
    here = psutil.Process()

    def tell(progress: Progress) -> None:
        if progress.read >= count * FIRST_SHARE:
            memory.append(here.memory_info().rss)

    wish = Wish("bench", datetime.now(UTC) - timedelta(days=DAYS + 1))
    taking = Taking(reader, source, gateway.store, deliver=True)
    token = await gateway.store.leases.take("backfill:web", "bench", 900.0)
    cpu, started = here.cpu_times(), time.perf_counter()
    progress = await Backfill(source, gateway.store, taking, wish, tell=tell).run(token)
    took, spent = time.perf_counter() - started, here.cpu_times()
    await source.close()
    await http.close()
    busy = spent.user + spent.system - cpu.user - cpu.system
    if progress.new != count:
        raise RuntimeError(f"{progress.problem or progress.counts}: {count} leads were there")
    return {
        "leads_per_s": count / took,
        "leads_per_cpu_s": count / busy,
        "memory_growth": (max(memory) / memory[0]) if memory else 1.0,
        "rss_mb": max(memory, default=0) / 1e6,
    }


@asynccontextmanager
async def _portal(count: int, run: Run) -> AsyncIterator[str]:
    """A portal in a process of its own, filled before it is asked."""
    run.say(f"making {count} leads")
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, count), daemon=True)
    process.start()
    try:
        url = await asyncio.to_thread(mine.recv)
        yield url
    finally:
        process.terminate()
        process.join(10)
        if process.is_alive():
            process.kill()


def _serve(pipe: Connection, count: int) -> None:
    async def serving() -> None:
        portal, now = Portal(seed=3), datetime.now(UTC)
        for n in range(DAYS * 24):
            share = count * (n + 1) // (DAYS * 24) - count * n // (DAYS * 24)
            portal.add(share, at=now - timedelta(hours=n + 0.5))
        async with serve(portal_app(portal)) as url:
            pipe.send(url)
            await asyncio.sleep(1800)

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serving())
