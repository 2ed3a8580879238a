"""What the entries share: a store, a sink and worker processes around one gateway."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.meters import cpu_seconds, round_trips
from gateway.lead import Lead
from gateway.sandbox.leads import LeadFactory
from gateway.settings import Settings
from gateway.sources.gsl_lead import normalise
from gateway.wiring import Gateway, load_checked, open_gateway
from workers.processes import run_role

IN_FLIGHT = 200
"""Exchanges a worker has on the wire at once, and the bare loop it is compared with."""

SECRET = "whsec_YmVuY2gtYmVuY2gtYmVuY2gtYmVuY2g="

_HEAD = """
version: 1
sources: {web: {kind: push, token: bench-token}}
network: {allow: [127.0.0.0/8]}
destinations:
"""
_DESTINATION = """
  %(name)s:
    kind: webhook
    url: %(url)s
    sign: {standard_webhooks: %(secret)s}
    %(bound)s
    timeout: %(timeout)s
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a sink got: when the first request came, when each was answered (Unix seconds)."""

    began: float
    times: list[float]
    most: int
    """Exchanges that were open at once."""

    @property
    def rate(self) -> float:
        """Answers per second, from the first request to the last answer."""
        return len(self.times) / (max(self.times) - self.began)


@dataclass(frozen=True, slots=True)
class Sink:
    """A receiver in a process of its own."""

    port: int

    def url(self, path: str) -> str:
        """Where one path of it is."""
        return f"http://127.0.0.1:{self.port}/{path}"

    async def taken(self) -> Taken:
        """What came in since the last question."""
        found = await self._ask("state")
        return Taken(found["began"] or 0.0, found["times"], int(found["most"]))

    async def hang(self, *paths: str) -> None:
        """Let these paths hang, and no other."""
        await self._ask("hang?" + ",".join(f"/{path}" for path in paths))

    async def _ask(self, path: str) -> dict[str, Any]:
        return await asyncio.to_thread(_get, self.url(path))


def _get(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - our own sink
        found: dict[str, Any] = json.load(answer)
        return found


@dataclass(frozen=True, slots=True)
class Rig:
    """One data directory, one sink, one configuration, and a gateway over them."""

    folder: Path
    settings: Settings
    sink: Sink
    gateway: Gateway
    destinations: tuple[str, ...]


@asynccontextmanager
async def rig(
    *destinations: str,
    delay: float = 0.0,
    timeout: str = "15s",
    in_flight: int | None = IN_FLIGHT,
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[Rig]:
    """Everything but the worker, taken apart in the end. ``crm`` unless destinations are named.

    ``in_flight`` is each destination's own bound; None leaves it at what it is by default.
    """
    names = destinations or ("crm",)
    bound = f"concurrency: {in_flight}" if in_flight else ""
    with _folder() as folder, sink(delay) as receiver:
        config = folder / "gateway.yaml"
        parts = (
            _DESTINATION
            % {
                "name": name, "url": receiver.url(name), "secret": SECRET, "timeout": timeout,
                "bound": bound,
            }
            for name in names
        )  # fmt: skip
        config.write_text(_HEAD + "".join(parts))
        settings = Settings.read(
            {
                "LEAD_GATEWAY_DATA_DIR": str(folder / "data"),
                "LEAD_GATEWAY_LOG_LEVEL": "error",
                **(environ or {}),
            },
            config=config,
        )
        async with open_gateway(settings, load_checked(settings)) as gateway:
            yield Rig(folder, settings, receiver, gateway, names)


@asynccontextmanager
async def fresh(bench: Rig) -> AsyncIterator[Rig]:
    """The same rig on an empty store: a namespace of its own, on the same server."""
    settings = replace(bench.settings, namespace=f"b{uuid.uuid4().hex[:8]}")
    async with open_gateway(settings, load_checked(settings)) as gateway:
        yield replace(bench, settings=settings, gateway=gateway)


@contextmanager
def _folder() -> Any:
    folder = Path(tempfile.mkdtemp(prefix="lg-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def sink(delay: float) -> Any:
    """A receiver that answers after ``delay`` seconds."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.sink", str(delay)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield Sink(int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process with its meters."""

    pid: int
    _trips: Any

    def cpu_s(self) -> float:
        """CPU seconds it has used."""
        return cpu_seconds([self.pid])

    def round_trips(self) -> int:
        """Packets of commands it has sent to Redis."""
        return int(self._trips.value)


@asynccontextmanager
async def worker(bench: Rig, concurrency: int = IN_FLIGHT) -> AsyncIterator[Worker]:
    """A worker process, warm: its code is loaded and it has registered itself."""
    context = multiprocessing.get_context("spawn")
    trips = context.Value("Q", 0, lock=False)
    process = context.Process(target=_work, args=(bench.settings, concurrency, trips))
    before = set(await bench.gateway.store.leases.workers())
    process.start()
    assert process.pid is not None
    try:
        async with asyncio.timeout(30):
            while not set(await bench.gateway.store.leases.workers()) - before:
                assert process.is_alive(), "the worker ended at once"
                await asyncio.sleep(0.02)
        yield Worker(process.pid, trips)
    finally:
        process.terminate()
        await asyncio.to_thread(process.join, 30)
        if process.is_alive():
            process.kill()
            process.join()


def _work(settings: Settings, concurrency: int, trips: Any) -> None:
    with round_trips(trips):
        raise SystemExit(
            run_role("worker", settings, load_checked(settings), concurrency=concurrency)
        )


def leads(count: int, seed: int | None = None) -> list[Lead]:
    """Fresh leads, about a kilobyte of JSON each; no two calls without a seed give the same."""
    factory = LeadFactory(uuid.uuid4().int if seed is None else seed)
    now = datetime.now(UTC)
    return [
        normalise(
            {"leads": factory.make("CLASSIFIED", now).feeds["leads"]},
            source="web",
            identity="web",
            received_at=now,
        )
        for _ in range(count)
    ]


async def accept(gateway: Gateway, some: Sequence[Lead]) -> list[str]:
    """Take leads in; the ids of the deliveries made of them."""
    made: list[str] = []
    for result in await gateway.pipeline.accept(some):
        if isinstance(result, Exception):
            raise result
        made += result.deliveries
    return made


async def delivered(gateway: Gateway, names: Sequence[str]) -> int:
    """How many deliveries were ever made to some destinations."""
    counts = await gateway.store.counts.destinations(names)
    return sum(counts[name].outcomes.get("delivered", 0) for name in names)


async def until_delivered(
    gateway: Gateway, count: int, names: Sequence[str] = ("crm",), seconds: float = 120.0
) -> None:
    """Wait until so many deliveries were ever made."""
    async with asyncio.timeout(seconds):
        while await delivered(gateway, names) < count:
            await asyncio.sleep(0.05)


async def hold(bench: Rig, some: Sequence[Lead], name: str = "crm") -> list[str]:
    """Take leads in while their destination is paused; ``release`` lets the worker have them."""
    await bench.gateway.store.destinations.pause(name)
    return await accept(bench.gateway, some)


async def release(bench: Rig, name: str = "crm") -> None:
    """Let a paused destination go on."""
    await bench.gateway.store.destinations.resume(name)
    await bench.gateway.queue.ring()
