"""The alerter: looks at what is wrong every few seconds, says what is new, pings while leads flow.

One at a time, by a lease of its own, beside any worker: bringing a notice out may take longer than
the sweeper can wait. Its own failures are a line in the log and nothing more.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from gateway.addresses import AddressGuard
from gateway.alerts.conditions import STOPS_LEADS, Condition, Readings, find
from gateway.alerts.config import AlertsConfig
from gateway.alerts.judge import Memory, judge
from gateway.alerts.outbox import Entry, entry, for_destination
from gateway.alerts.words import notice
from gateway.delivery import Deferred, Delivered, Outcome, Reason
from gateway.http import USER_AGENT, HttpClient, Request, WireError
from gateway.store import StoreUnavailable
from gateway.wiring import Gateway

LEASE = 60.0
EVERY = 5.0
"""Seconds between two looks."""
PING_WITHIN = 10.0

log = structlog.get_logger()


class Alerter:
    """Looks, judges, says. One per worker; at work while it holds the lease."""

    def __init__(
        self,
        gateway: Gateway,
        owner: str,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._gateway = gateway
        self._clock = clock
        self._store = gateway.store
        self._owner = owner
        self._pinged = 0.0
        self._ping_failed = False
        self._http: HttpClient | None = None

    async def round(self) -> bool:
        """One look; False when there is nothing to do here. Raises StoreUnavailable."""
        config = self._gateway.config.alerts
        if config is None or not await self._store.leases.take("alerts", self._owner, LEASE):
            return False
        now = self._clock()
        conditions = find(self._gateway.config, await self._read(), now)
        kept = await self._say(config, conditions, now)
        await self._bring_out(now.timestamp())
        if config.heartbeat_url and not _stopped(conditions, kept, now.timestamp()):
            await self._ping(config, now.timestamp())
        return True

    async def close(self) -> None:
        """Let another worker take over at once."""
        if self._http is not None:
            await self._http.close()
        if self._gateway.config.alerts is not None:
            await self._store.leases.give_up("alerts", self._owner)

    async def _read(self) -> Readings:
        config = self._gateway.config
        remembered = await self._store.deliveries.destinations()
        names = list(dict.fromkeys([*config.destinations, *remembered]))
        states = await self._store.destinations.describe(names)
        dying = [state.name for state in states if state.dead]
        return Readings(
            sources={name: await self._store.sources.get(name) for name in config.sources},
            destinations=states,
            dead_reasons=await self._store.counts.dead_reasons(dying),
            processes=await self._store.processes.running(),
            unrouted=await self._store.leads.count(unrouted=True),
            memory=await self._store.upkeep.memory(),
            disk=await self._disk(),
        )

    async def _disk(self) -> tuple[int, int]:
        """Of the embedded store's disk: free and whole; another server's is not ours to see."""
        if self._gateway.embedded is None:
            return (0, 0)
        found = await asyncio.to_thread(shutil.disk_usage, self._gateway.settings.data_dir)
        return found.free, found.total

    async def _say(
        self, config: AlertsConfig, conditions: list[Condition], now: datetime
    ) -> Mapping[str, Memory]:
        raw, last, outbox = await self._store.alerts.recall()
        memory = {key: Memory(**item) for key, item in raw.items()}
        changes, kept = judge(conditions, memory, now.timestamp(), last)
        if changes and config.to:
            link = self._gateway.settings.public_url or ""
            made = notice(changes, now, self._gateway.config.language, link)
            outbox.append(entry(made, config.to).as_json())
            last = now.timestamp()
            for change in changes:
                log.warning("alert", what=change.what, about=change.key, level=change.level)
        written = {key: item.as_json() for key, item in kept.items()}
        if changes or written != raw:
            await self._store.alerts.remember(written, last, outbox)
        return kept

    async def _bring_out(self, now: float) -> None:
        _, _, outbox = await self._store.alerts.recall()
        left: list[dict[str, Any]] = []
        tried = False
        for kept in outbox:
            item = Entry.from_json(kept)
            for name in item.due(now):
                tried = True
                item = await self._one(item, name, now)
            if item.to:
                left.append(item.as_json())
        if tried:
            await self._store.alerts.empty(left)

    async def _one(self, item: Entry, name: str, now: float) -> Entry:
        target = self._gateway.destinations.get(name)
        told = for_destination(item.notice, name)
        if target is None or told is None:
            return item.delivered(name)
        outcome: Outcome
        try:
            outcome = await target.announce(told)
        except Exception as error:
            # Whatever a kind does wrong here must not keep the others from being told.
            log.exception("alert failed unexpectedly", destination=name)
            outcome = Deferred(Reason.CONFIGURATION, answer=type(error).__name__)
        if isinstance(outcome, Delivered):
            log.info("alert delivered", destination=name, alert=told.id)
            return item.delivered(name)
        log.warning(
            "alert not delivered",
            destination=name,
            alert=told.id,
            reason=getattr(outcome, "reason", None),
            status=outcome.status,
        )
        return item.failed(name, now, getattr(outcome, "retry_after", None))

    async def _ping(self, config: AlertsConfig, now: float) -> None:
        """Tell the outside service that leads flow; it alarms when this stops."""
        if now - self._pinged < config.heartbeat_every.total_seconds() or not config.heartbeat_url:
            return
        if self._http is None:
            guard = AddressGuard(self._gateway.config.network.allow)
            self._http = HttpClient(guard, connections=2)
        self._pinged = now
        try:
            request = Request("GET", config.heartbeat_url, {"user-agent": USER_AGENT})
            answer = await self._http.exchange(request, PING_WITHIN)
            problem = "" if answer.status < 400 else f"HTTP {answer.status}"
        except WireError as error:
            problem = error.text
        if problem and not self._ping_failed:
            log.warning("heartbeat not taken", problem=problem)
        elif self._ping_failed and not problem:
            log.info("heartbeat taken again")
        self._ping_failed = bool(problem)


async def run(gateway: Gateway, stop: asyncio.Event) -> None:
    """Look again and again until told to stop."""
    owner = f"{socket.gethostname()}-{os.getpid()}-{random.randbytes(3).hex()}"  # noqa: S311
    alerter = Alerter(gateway, owner)
    away = False
    try:
        while not stop.is_set():
            try:
                await alerter.round()
                away = False
            except StoreUnavailable as error:
                # Whoever waits for the store says so already; nobody can be told by it either.
                if not away:
                    log.info("alerts wait for the store", problem=str(error))
                away = True
            except Exception:
                log.exception("alerts failed unexpectedly")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await stop.wait()
    finally:
        with contextlib.suppress(StoreUnavailable):
            await alerter.close()


def _stopped(conditions: list[Condition], memory: Mapping[str, Memory], now: float) -> bool:
    """Whether something that keeps leads from flowing has lasted."""
    return any(
        now - memory[condition.key].since >= condition.settles
        for condition in conditions
        if condition.kind in STOPS_LEADS and condition.key in memory
    )
