"""Waiting while the store is away: growing pauses, and one word about it however many wait.

Owns the pauses and what is said. What is waited for comes in as a function.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog

from gateway.embedded import EmbeddedError
from gateway.store import StoreUnavailable

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0
AFTER_A_FAULT = 1.0
"""Seconds until a loop of ours that failed for no reason of the store's goes on."""

T = TypeVar("T")
log = structlog.get_logger()


class Patience:
    """One per process and role. ``revive`` is tried between two attempts; ``stop`` ends waiting."""

    def __init__(self, revive: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
        self._revive = revive
        self._stop = stop
        self._away: set[str] = set()
        self._said = ""

    async def run(self, name: str, step: Callable[[], Awaitable[T]]) -> T | None:
        """Run a step until the store lets it end; None when told to stop while it does not."""
        pause = FIRST_PAUSE
        while True:
            try:
                result = await step()
            except StoreUnavailable as error:
                self._is_away(name, str(error))
                if self._stop.is_set() and pause > 1.0:
                    return None
                await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311
                pause = min(LONGEST_PAUSE, pause * 2)
                await self._try_to_revive()
            else:
                self._is_back(name)
                return result

    async def survive(self, name: str, step: Callable[[], Awaitable[T]]) -> T | None:
        """The same, and not even a fault of ours gets out: it is said, and None after a pause."""
        try:
            return await self.run(name, step)
        except Exception as error:
            # The text of an error may quote a lead: its kind must do.
            log.error("a loop failed, going on", loop=name, error=type(error).__name__)
            log.debug("a loop failed", loop=name, exc_info=True)
            await asyncio.sleep(AFTER_A_FAULT)
            return None

    async def forever(self, name: str, step: Callable[[], Awaitable[Any]]) -> None:
        """Run a step again and again; nothing but a cancellation ends it."""
        while True:
            await self.survive(name, step)

    async def _try_to_revive(self) -> None:
        try:
            await self._revive()
        except StoreUnavailable:
            return
        except EmbeddedError as error:
            self._is_away("revive", str(error))

    def _is_away(self, name: str, problem: str) -> None:
        if not self._away or problem != self._said:
            log.warning("store unavailable, waiting", problem=problem)
            self._said = problem
        self._away.add(name)

    def _is_back(self, name: str) -> None:
        if self._away:
            self._away -= {name, "revive"}
            if not self._away:
                self._said = ""
                log.info("store is back")
