"""One role through every configuration it is given: the next takes over while the one before ends.

A new configuration is checked and assembled beside the running one; only then does the role change
over. One that can not be used changes nothing, and why is said in the log and kept in the store,
where ``status``, ``readyz`` and the dashboard find it. Knows no role: what one does comes in as a
function.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

import structlog

from gateway import __version__
from gateway.config.faults import ConfigError
from gateway.config.load import Loaded
from gateway.settings import Settings, SettingsError
from gateway.store import KeyMissing, Process, StoreUnavailable
from gateway.wiring import Gateway, load_checked, open_gateway
from workers.tasks import end

SAY_EVERY = 2.0
"""Seconds between two words to the store: how soon a wish to reload is heard."""
OPEN_WITHIN = 15.0
"""Seconds that the store may take to answer the next generation."""
FAULTS_SAID = 3

log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class Generation:
    """One configuration at work in one role. ``hurry``: the process ends, not only this one."""

    gateway: Gateway
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    hurry: bool = False
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    task: asyncio.Task[None] | None = None


Work = Callable[[Generation], Awaitable[None]]


class RefusedError(Exception):
    """A configuration that is not taken over; the text says why."""


class Generations:
    """Runs one role. ``together``: old and new work side by side while the old one ends.

    A source has one reader and so its poller changes over; workers may be as many as they like.
    """

    def __init__(
        self,
        role: str,
        settings: Settings,
        work: Work,
        *,
        together: bool,
        reread: Callable[[], Settings],
    ) -> None:
        self._role = role
        self._settings = settings
        self._work = work
        self._together = together
        self._reread = reread
        self._wish = asyncio.Event()
        self._before: list[Generation] = []
        self._ending: set[asyncio.Task[None]] = set()
        self._process = Process(
            id=f"{socket.gethostname()}-{os.getpid()}-{random.randbytes(3).hex()}",  # noqa: S311
            role=role,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=__version__,
            digest="",
            loaded_at=time.time(),
        )
        self._said = asyncio.Event()
        self._asked: int | None = None

    def reload(self) -> None:
        """Read the configuration again, soon."""
        self._wish.set()

    async def run(self, loaded: Loaded, stop: asyncio.Event) -> None:
        """Work until told to stop, or until the role is done by itself."""
        current = await self._open(self._settings, loaded)
        self._gateway = current.gateway
        self._begin(current)
        speaker = asyncio.create_task(self._speak())
        try:
            while not await self._over(current, stop):
                self._wish.clear()
                current = await self._next(current)
        finally:
            await end(speaker)
            current.stop.set()
            for generation in (current, *self._before):
                generation.hurry = True
            await asyncio.gather(*self._ending, return_exceptions=True)
            await self._finish(current)

    async def _over(self, current: Generation, stop: asyncio.Event) -> bool:
        """Wait for the end or for a wish to reload; True at the end."""
        assert current.task is not None  # noqa: S101 - begun before
        waits = [asyncio.create_task(event.wait()) for event in (stop, self._wish)]
        try:
            await asyncio.wait({current.task, *waits}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end(*waits)
        return stop.is_set() or current.task.done()

    async def _next(self, current: Generation) -> Generation:
        """The generation that goes on: the next one, or the same when that can not be had."""
        try:
            settings, loaded = self._read()
            following = await self._open(settings, loaded)
        except RefusedError as refused:
            log.error("configuration not taken over, the old one stays", problem=str(refused))
            self._note(problem=str(refused))
            return current
        self._settings, self._gateway = settings, following.gateway
        if self._together:
            self._begin(following)
        current.stop.set()
        ending = asyncio.create_task(self._finish(current))
        self._before.append(current)
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        if not self._together:
            await asyncio.wait({ending})
            self._begin(following)
        log.info("configuration taken over", digest=loaded.digest)
        return following

    def _read(self) -> tuple[Settings, Loaded]:
        try:
            settings = self._reread()
            loaded = load_checked(settings)
        except SettingsError as error:
            raise RefusedError(str(error)) from None
        except ConfigError as error:
            faults = [str(fault) for fault in error.faults[:FAULTS_SAID]]
            more = len(error.faults) - len(faults)
            raise RefusedError("; ".join(faults) + (f"; and {more} more" if more else "")) from None
        for name in ("redis_url", "namespace", "data_dir"):
            if getattr(settings, name) != getattr(self._settings, name):
                raise RefusedError("another store (REDIS_URL, namespace, data directory): restart")
        return settings, loaded

    async def _open(self, settings: Settings, loaded: Loaded) -> Generation:
        stack = AsyncExitStack()
        first = not self._process.digest
        try:
            # A role waits for its store at start; the next generation has one that works.
            opening = (
                open_gateway(settings, loaded)
                if first
                else open_gateway(settings, loaded, patience=OPEN_WITHIN)
            )
            gateway = await stack.enter_async_context(opening)
        except StoreUnavailable as error:
            if first:
                raise
            raise RefusedError(str(error)) from None
        except KeyMissing as error:
            if first:
                raise
            raise RefusedError(str(error)) from None
        return Generation(gateway, stack=stack)

    def _begin(self, generation: Generation) -> None:
        generation.task = asyncio.create_task(self._at_work(generation))
        gateway = generation.gateway
        self._note(digest=gateway.loaded.digest, key=gateway.store.seal.newest)

    async def _at_work(self, generation: Generation) -> None:
        await self._work(generation)

    async def _finish(self, generation: Generation) -> None:
        assert generation.task is not None  # noqa: S101 - begun before
        try:
            await generation.task
        finally:
            await generation.stack.aclose()
            if generation in self._before:
                self._before.remove(generation)

    # -- what others may know of it -------------------------------------------------------------

    def _note(
        self, *, digest: str | None = None, key: str | None = None, problem: str = ""
    ) -> None:
        self._process = replace(
            self._process,
            digest=digest or self._process.digest,
            loaded_at=time.time() if digest else self._process.loaded_at,
            problem=problem,
            key=self._process.key if key is None else key,
            reloads=self._asked or 0,
        )
        self._said.set()

    async def _speak(self) -> None:
        """Say how it is, now and then and after each change; hear a wish that came meanwhile."""
        try:
            while True:
                self._said.clear()
                with contextlib.suppress(StoreUnavailable):
                    asked = await self._gateway.store.processes.here(self._process)
                    if self._asked is None:
                        self._asked = asked
                        self._process = replace(self._process, reloads=asked)
                    elif asked != self._asked:
                        self._asked = asked
                        self._wish.set()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(SAY_EVERY):
                        await self._said.wait()
        finally:
            with contextlib.suppress(Exception):
                await self._gateway.store.processes.gone(self._process.id)
