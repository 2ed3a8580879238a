"""What the entries share: a store, a sink, a worker process, and the reading of their meters."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from gateway.config.load import Loaded
from gateway.lead import Lead
from gateway.sandbox.leads import LeadFactory
from gateway.settings import Settings
from gateway.sources.gsl_lead import normalise
from gateway.wiring import Gateway, load_checked, open_gateway
from workers.processes import run_role

_YAML = """
version: 1
sources: {{web: {{kind: push, token: bench-token}}}}
destinations:
  crm:
    kind: webhook
    url: http://127.0.0.1:{port}/leads
    sign: {{standard_webhooks: whsec_YmVuY2gtYmVuY2gtYmVuY2gtYmVuY2g=}}
    concurrency: 1000
network: {{allow: [127.0.0.0/8]}}
"""


@dataclass
class Rig:
    """One data directory, one sink, one configuration."""

    folder: Path
    settings: Settings
    loaded: Loaded
    sink_port: int

    def sink_state(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.sink_port}/state") as answer:
            found: dict[str, Any] = json.load(answer)
            return found


@asynccontextmanager
async def rig(delay: float) -> AsyncIterator[tuple[Rig, Gateway]]:
    """Everything but the worker, taken apart in the end."""
    folder = Path(tempfile.mkdtemp(prefix="lg-bench-"))
    sink = subprocess.Popen(
        [sys.executable, "-m", "bench.sink", str(delay)], stdout=subprocess.PIPE, text=True
    )
    assert sink.stdout is not None
    try:
        port = int(sink.stdout.readline())
        (folder / "gateway.yaml").write_text(_YAML.format(port=port))
        settings = Settings.read(
            {"LEAD_GATEWAY_DATA_DIR": str(folder / "data"), "LEAD_GATEWAY_LOG_LEVEL": "error"},
            config=folder / "gateway.yaml",
        )
        loaded = load_checked(settings)
        async with open_gateway(settings, loaded) as gateway:
            yield Rig(folder, settings, loaded, port), gateway
    finally:
        sink.kill()
        sink.wait()
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def worker(rig: Rig, concurrency: int = 200) -> AsyncIterator[psutil.Process]:
    """A worker process."""
    process = multiprocessing.get_context("spawn").Process(
        target=_work, args=(rig.settings, rig.loaded.path, concurrency)
    )
    process.start()
    assert process.pid is not None
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.join(30)
        if process.is_alive():
            process.kill()
            process.join()


def _work(settings: Settings, path: Path, concurrency: int) -> None:
    raise SystemExit(run_role("worker", settings, load_checked(settings), concurrency=concurrency))


def leads(count: int, seed: int = 7) -> list[Lead]:
    """Fresh leads, about a kilobyte of JSON each."""
    factory = LeadFactory(seed)
    now = datetime.now(UTC)
    made = []
    for _ in range(count):
        lead = factory.make("CLASSIFIED", now)
        item = {
            **lead.feeds["leads"],
            "leadMetaInfos": {**lead.feeds["leads"]["leadMetaInfos"], "leadId": str(uuid.uuid4())},
        }
        made.append(normalise({"leads": item}, source="web", identity="web", received_at=now))
    return made


async def until_delivered(gateway: Gateway, count: int, seconds: float = 120.0) -> None:
    """Wait until so many deliveries were ever made."""
    async with asyncio.timeout(seconds):
        while True:
            counts = await gateway.store.counts.destinations(["crm"])
            if counts["crm"].outcomes.get("delivered", 0) >= count:
                return
            await asyncio.sleep(0.05)


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def pss_mb(pids: list[int]) -> float:
    """Proportional memory of processes, in MB."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def family(pid: int) -> list[int]:
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
