"""The entries of the benchmark. Each gives figures by name; every one is bounded in
count and time.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import aiohttp

from bench.rig import (
    cpu_seconds,
    family,
    free_port,
    leads,
    pss_mb,
    quantile,
    rig,
    until_delivered,
    worker,
)
from gateway.sandbox.portal import Portal, portal_app
from gateway.sandbox.server import serve

Figures = dict[str, float]


async def _bare(port: int, count: int, in_flight: int, body: bytes) -> float:
    """Posts per second of a bare aiohttp loop against the same sink."""
    gate = asyncio.Semaphore(in_flight)
    connector = aiohttp.TCPConnector(limit=in_flight)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def one() -> None:
            async with gate, session.post(f"http://127.0.0.1:{port}/leads", data=body) as answer:
                await answer.read()

        started = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(count)))
        return count / (time.perf_counter() - started)


async def _throughput(delay: float, count: int) -> Figures:
    async with rig(delay) as (bench, gateway):
        bare = await _bare(bench.sink_port, count, 200, b"x" * 2500)
        made = leads(count)
        await gateway.pipeline.accept(made[:50])
        async with worker(bench) as process:
            await until_delivered(gateway, 50)  # warm: connections open, code loaded
            bench.sink_state()
            await gateway.store.destinations.pause("crm")
            await gateway.pipeline.accept(made[50:])
            before = cpu_seconds(process)
            await gateway.store.destinations.resume("crm")
            await gateway.queue.ring()
            await until_delivered(gateway, count)
            after = cpu_seconds(process)
        state = bench.sink_state()
        times = sorted(state["times"])
        # The middle 90 %: the ramp up and the tail are not what is asked.
        low, high = times[len(times) // 20], times[-len(times) // 20 - 1]
        rate = (len(times) * 0.9) / (high - low)
        return {
            "deliveries_per_s": rate,
            "bare_aiohttp_per_s": bare,
            "ratio_to_bare": rate / bare,
            "most_in_flight": state["most"],
            "cpu_ms_per_delivery": (after - before) / (count - 50) * 1000,
        }


async def throughput_200ms() -> Figures:
    """One worker process, 200 in flight, a sink that takes 200 ms: the bound is 1,000/s."""
    return await _throughput(0.2, 6000)


async def throughput_instant() -> Figures:
    """One worker process, 200 in flight, a sink that answers at once."""
    return await _throughput(0.0, 6000)


async def idle_latency() -> Figures:
    """From accepted to delivered, one lead at a time on an idle gateway, in milliseconds."""
    async with rig(0.0) as (bench, gateway), worker(bench):
        await gateway.pipeline.accept(leads(5))
        await until_delivered(gateway, 5)
        bench.sink_state()
        waits = []
        for lead in leads(200, seed=8):
            started = time.time()
            await gateway.pipeline.accept([lead])
            async with asyncio.timeout(10):
                while not (times := bench.sink_state()["times"]):
                    await asyncio.sleep(0.002)
            waits.append((times[0] - started) * 1000)
            await asyncio.sleep(0.01)
        return {"p50_ms": quantile(waits, 0.5), "p99_ms": quantile(waits, 0.99)}


async def intake() -> Figures:
    """Leads per second from raw JSON into the store, parsing and routing included."""
    from datetime import UTC, datetime

    from gateway.sandbox.leads import LeadFactory
    from gateway.sources.gsl_lead import normalise

    async with rig(0.0) as (_, gateway):
        factory = LeadFactory(3)
        now = datetime.now(UTC)
        raw = [factory.make("CLASSIFIED", now).feeds["leads"] for _ in range(5000)]
        started = time.perf_counter()
        for start in range(0, len(raw), 100):
            batch = [
                normalise({"leads": item}, source="web", identity="web", received_at=now)
                for item in raw[start : start + 100]
            ]
            await gateway.pipeline.accept(batch)
        took = time.perf_counter() - started
        return {"leads_per_s": len(raw) / took}


async def memory() -> Figures:
    """``run`` with all its processes, idle: proportional memory and share of a core."""
    async with rig(0.0) as (bench, _), serve(portal_app(Portal())) as portal:
        text = bench.loaded.path.read_text()
        source = (
            f'base_url: "{portal}", token_url: "{portal}/oauth/token", '
            "client_id: sandbox, client_secret: sandbox"
        )
        text = text.replace(
            "web: {kind: push, token: bench-token}", f"web: {{kind: gsl, {source}}}"
        )
        config = bench.folder / "run.yaml"
        config.write_text(text)
        environ = {**os.environ, "LEAD_GATEWAY_DATA_DIR": str(bench.folder / "run-data")}
        environ["LEAD_GATEWAY_LOG_LEVEL"] = "error"
        program = Path(sys.executable).parent / "lead-gateway"
        process = subprocess.Popen(
            [str(program), "run", "--config", str(config), "--port", str(free_port())],
            env=environ, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            await asyncio.sleep(6)
            pids = family(process.pid)
            store_pid = int((bench.folder / "run-data" / "store.pid").read_text())
            pids = list(dict.fromkeys([*pids, store_pid]))
            before = sum(_ticks(item) for item in pids)
            await asyncio.sleep(10)
            after = sum(_ticks(item) for item in pids)
            figures = {
                "pss_mb": pss_mb(pids),
                "processes": float(len(pids)),
                "share_of_a_core": (after - before) / 10,
            }
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        return figures


def _ticks(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


ENTRIES = {
    "throughput_200ms": throughput_200ms,
    "throughput_instant": throughput_instant,
    "idle_latency": idle_latency,
    "intake": intake,
    "memory": memory,
}
