"""Reading meters: CPU, memory, round trips, the server's own counters, quantiles."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from redis.asyncio.connection import AbstractConnection

from gateway.store import Store


@contextmanager
def round_trips(counter: Any) -> Iterator[None]:
    """Count each packet of commands that this process sends to Redis in ``counter.value``."""
    sends = AbstractConnection.send_packed_command

    async def counting(self: Any, *arguments: Any, **options: Any) -> None:
        counter.value += 1
        await sends(self, *arguments, **options)

    AbstractConnection.send_packed_command = counting  # type: ignore[method-assign]
    try:
        yield
    finally:
        AbstractConnection.send_packed_command = sends  # type: ignore[method-assign]


@dataclass(slots=True)
class Spent:
    """What the server did within a block: commands (those inside scripts too), CPU, calls."""

    commands: int = 0
    scripts: int = 0
    cpu_s: float = 0.0


@asynccontextmanager
async def server_meter(store: Store) -> AsyncIterator[Spent]:
    """Read the server's counters before and after a block; the result is filled in at its end."""
    spent = Spent()
    before = await _counters(store)
    yield spent
    after = await _counters(store)
    spent.commands, spent.scripts = (int(after[i] - before[i]) for i in (0, 1))
    spent.cpu_s = after[2] - before[2]


async def _counters(store: Store) -> tuple[float, float, float]:
    stats = await store.connection.redis.info("commandstats")
    cpu = await store.connection.redis.info("cpu")
    calls = {name: row["calls"] for name, row in stats.items()}
    scripts = calls.get("cmdstat_evalsha", 0)
    used = cpu["used_cpu_user"] + cpu["used_cpu_sys"]
    return sum(calls.values()), scripts, used


async def used_memory(store: Store) -> int:
    """Bytes the server has allocated."""
    return int((await store.connection.redis.info("memory"))["used_memory"])


def cpu_seconds(pids: Sequence[int]) -> float:
    """CPU seconds that processes have used."""
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(float(item.user + item.system) for item in times)


def pss_mb(pids: Sequence[int]) -> float:
    """Proportional memory of processes, in MB: what they share is shared out among them."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


def quantile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of the others do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def yardstick_ms() -> float:
    """How long a fixed calculation takes right now: it varies with what else the machine does."""
    started = time.perf_counter()
    block = b"x" * 65536
    for _ in range(400):
        hashlib.sha256(block).digest()
    return (time.perf_counter() - started) * 1000
