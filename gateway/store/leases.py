"""Leases: who is the one poller of a source, the one sweeper, and which workers are alive."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.store.connection import Connection

WORKER_LEASE = 10.0
"""Seconds a worker lives without renewing; it renews every two."""


class LeaseLost(Exception):
    """A worker's lease ran out; others may have taken over what it held."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """``owned`` deliveries are the worker's by the store's word. ``late``: its lease had run out,
    and part of what it held may be somebody else's by now.
    """

    owned: int
    late: bool


class Leases:
    """Named leases with fencing tokens, and the workers' own."""

    def __init__(self, connection: Connection) -> None:
        self._c = connection

    async def take(self, name: str, owner: str, seconds: float) -> int:
        """Take or renew a lease: its fencing token, or 0 while somebody else holds it."""
        return int(await self._c.run("lease", name, owner, round(seconds * 1000)))

    async def give_up(self, name: str, owner: str) -> None:
        """End a lease early, so that the next one need not wait for it to run out."""
        if await self.take(name, owner, 0.001):
            return

    async def holder(self, name: str) -> str | None:
        """Who took the lease last, whether or not it still runs."""
        found = await self._c.command("HGET", self._c.key("lease", name), "owner")
        return found.decode() if found else None

    async def start_worker(self, worker: str) -> None:
        """Begin a worker's lease."""
        await self._c.run("worker", worker, round(WORKER_LEASE * 1000), 1)

    async def renew_worker(self, worker: str) -> Renewal:
        """Renew it. Raises :class:`LeaseLost` when all that it held was taken back meanwhile."""
        owned, late = await self._c.run("worker", worker, round(WORKER_LEASE * 1000), 0)
        if owned < 0:
            raise LeaseLost(worker)
        return Renewal(owned, bool(late))

    async def end_worker(self, worker: str) -> None:
        """End it. What it still holds is reaped at once."""
        await self._c.run("worker", worker, 0, 0)

    async def workers(self) -> list[str]:
        """Workers whose lease runs."""
        now = await self._c.now_ms()
        found = await self._c.command("ZRANGEBYSCORE", self._c.key("workers"), f"({now}", "+inf")
        return [item.decode() for item in found]

    async def dead_workers(self) -> list[str]:
        """Workers whose lease ran out and whose deliveries wait to be taken back."""
        now = await self._c.now_ms()
        found = await self._c.command("ZRANGEBYSCORE", self._c.key("workers"), "-inf", now)
        return [item.decode() for item in found]
