"""What the whole gateway takes while nothing happens."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from bench.entry import Rounds, Run
from bench.meters import cpu_seconds, family, pss_mb
from bench.rig import Rig, rig
from gateway.sandbox.portal import Portal, portal_app
from gateway.sandbox.server import serve

SETTLED = 5.0
"""Seconds after the start that are not counted: what is loaded once is loaded then."""


async def footprint(run: Run) -> Rounds:
    """``run`` with all its processes, polling an empty portal: memory (PSS), share of a core."""
    seconds = run.size(15, 5)
    async with rig() as bench, serve(portal_app(Portal())) as portal:
        for number in run.rounds(2):
            folder = bench.folder / f"run-{number}"
            async with _whole_gateway(bench, portal, folder) as pid:
                await asyncio.sleep(SETTLED)
                store = int((folder / "store.pid").read_text())
                pids = list(dict.fromkeys([*family(pid), store]))
                before, started = cpu_seconds(pids), time.monotonic()
                await asyncio.sleep(seconds)
                yield {
                    "pss_mb": pss_mb(pids),
                    "processes": len(pids),
                    "share_of_a_core": (cpu_seconds(pids) - before) / (time.monotonic() - started),
                }


@asynccontextmanager
async def _whole_gateway(bench: Rig, portal: str, folder: Path) -> AsyncIterator[int]:
    """The program itself, ready; its process id."""
    source = (
        f'base_url: "{portal}", token_url: "{portal}/oauth/token", '
        "client_id: sandbox, client_secret: sandbox"
    )
    config = bench.folder / "run.yaml"
    config.write_text(
        bench.settings.config_path.read_text().replace(
            "web: {kind: push, token: bench-token}", f"web: {{kind: gsl, {source}}}"
        )
    )
    environ = {
        **os.environ, "LEAD_GATEWAY_DATA_DIR": str(folder), "LEAD_GATEWAY_LOG_LEVEL": "error"
    }  # fmt: skip
    environ.pop("REDIS_URL", None)
    port, program = _free_port(), Path(sys.executable).parent / "lead-gateway"
    process = subprocess.Popen(
        [str(program), "run", "--config", str(config), "--port", str(port)],
        env=environ, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await _until_ready(f"http://127.0.0.1:{port}/readyz")
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait, 40)


async def _until_ready(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(40):
        while True:
            try:
                if (await client.get(url)).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
