"""A process that may die at any step: before a request or a store call, or after it unanswered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from tests.reading_house import ReadingHouse


class Death(BaseException):
    """The process is gone from here on."""


class Fuse:
    """Burns down with each step that leaves the process, and then ends it."""

    def __init__(self) -> None:
        self.left: int | None = None

    def step(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Death

    def around(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """The call, with a chance to die before it, and after it but before its answer."""

        async def burning(*args: Any, **kwargs: Any) -> Any:
            self.step()
            answer = await call(*args, **kwargs)
            self.step()
            return answer

        return burning

    def lay(self, house: ReadingHouse) -> None:
        """Put the fuse through all that a poller of this house asks of others."""
        for connection in (house.store.connection, house.queue._c):
            for name in ("execute", "command"):
                setattr(connection, name, self.around(getattr(connection, name)))

        def transport(app: Any) -> httpx.ASGITransport:
            made = httpx.ASGITransport(app=app)
            made.handle_async_request = self.around(made.handle_async_request)  # type: ignore[method-assign]
            return made

        house.transport = transport

    async def burns(self, work: Awaitable[Any], steps: int | None, house: ReadingHouse) -> bool:
        """Do ``work`` for at most so many steps; whether the process lived.

        What a dead process held runs out by itself; here nobody waits for it.
        """
        self.left = steps
        try:
            async with asyncio.timeout(20):
                await work
            return True
        except Death:
            self.left = None
            await self._let_locks_run_out(house)
            return False
        finally:
            self.left = None

    async def _let_locks_run_out(self, house: ReadingHouse) -> None:
        redis, key = house.store.connection.redis, house.store.connection.key
        for lock in await redis.keys(key("token:*:lock")):
            await redis.delete(lock)
        for lease in await redis.keys(key("lease:*")):
            await redis.hset(lease, "until", 0)  # type: ignore[misc]
