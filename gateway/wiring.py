"""Configuration in, assembled objects out: the only place that builds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.addresses import AddressGuard
from gateway.agency import agencies
from gateway.config.check import check, make_renderer
from gateway.config.faults import ConfigError
from gateway.config.load import Loaded, load
from gateway.config.model import GatewayConfig
from gateway.destinations import Surroundings, build
from gateway.destinations.protocol import Destination
from gateway.embedded import Embedded
from gateway.http import HttpClient
from gateway.oauth import TokenStore
from gateway.pipeline import Pipeline
from gateway.queue import Queue
from gateway.render import Renderer
from gateway.settings import Settings
from gateway.sources import GslConfig, GslSource
from gateway.store import Seal, Store, StoreUnavailable, connect
from gateway.store.erasing import Told, nobody

OPEN_DEADLINE = 60.0
"""Seconds a role waits for its store at start before it gives up."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """Everything assembled for one process."""

    settings: Settings
    loaded: Loaded
    store: Store
    queue: Queue
    renderer: Renderer
    sources: Mapping[str, GslSource]
    destinations: Mapping[str, Destination]
    pipeline: Pipeline
    embedded: Embedded | None = None

    @property
    def config(self) -> GatewayConfig:
        """gateway.yaml."""
        return self.loaded.config

    async def revive(self) -> None:
        """While the store is away: start the embedded one again if it died. Harmless otherwise."""
        if self.embedded is not None:
            await self.embedded.attach()
        await self.store.open()


def load_checked(settings: Settings) -> Loaded:
    """Load gateway.yaml and refuse it on any fault. Raises ConfigError."""
    loaded = load(settings.config_path, settings.environ)
    if faults := [fault for fault in check(loaded) if not fault.warning]:
        raise ConfigError(faults)
    return loaded


@asynccontextmanager
async def open_store(
    settings: Settings, *, patience: float = OPEN_DEADLINE, told: Told = nobody
) -> AsyncIterator[tuple[Store, Embedded | None]]:
    """The store that the settings name, embedded unless ``REDIS_URL`` is set.

    Raises StoreUnavailable when it does not answer within ``patience`` seconds, EmbeddedError.
    """
    embedded = None if settings.redis_url else Embedded(settings.data_dir)
    if embedded is not None:
        await embedded.attach()
    store = Store(
        connect(settings.redis_url or (embedded.url if embedded else "")),
        settings.namespace,
        seal=Seal(settings.encryption_keys),
        told=told,
    )
    try:
        deadline = time.monotonic() + patience
        while True:
            try:
                await store.open()
                break
            except StoreUnavailable:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.5)
        yield store, embedded
    finally:
        await store.close()
        if embedded is not None:
            await embedded.detach()


@asynccontextmanager
async def open_gateway(
    settings: Settings, loaded: Loaded | None = None, *, patience: float = OPEN_DEADLINE
) -> AsyncIterator[Gateway]:
    """Assemble everything, and take it apart in the end. Raises ConfigError, StoreUnavailable."""
    loaded = loaded or load_checked(settings)
    config = loaded.config
    async with AsyncExitStack() as stack:
        store, embedded = await stack.enter_async_context(
            open_store(settings, patience=patience, told=told_by(config))
        )
        renderer = make_renderer(loaded, settings.public_url, store.threads.claim_links)
        around = surroundings(loaded, renderer, store.sources)
        destinations = {
            name: build(name, part, around) for name, part in config.destinations.items()
        }
        for destination in destinations.values():
            stack.push_async_callback(destination.close)
        sources = {}
        for name, part in config.sources.items():
            if isinstance(part, GslConfig):
                # A portal is the operator's own choice and not a lead's: it may be anywhere.
                http = HttpClient(OpenGuard(), connections=part.requests_at_once + 2)
                stack.push_async_callback(http.close)
                sources[name] = GslSource(name, part, http.conversation(), store.sources, _now)
        queue = Queue(store.connection.redis, settings.namespace)
        pipeline = Pipeline(
            store, queue, agencies(config, renderer), destinations, config.destinations,
            complete=renderer.complete, stale_after=config.stale_after,
        )  # fmt: skip
        yield Gateway(
            settings, loaded, store, queue, renderer, sources, destinations, pipeline, embedded
        )


def told_by(config: GatewayConfig) -> Told:
    """By a lead's source, the destinations that its rules want told of an erasure."""
    theirs = {
        name: agency.on_erasure for agency in config.agencies.values() for name in agency.sources
    }
    return lambda source: theirs.get(source, config.on_erasure)


def surroundings(loaded: Loaded, renderer: Renderer, tokens: TokenStore) -> Surroundings:
    """What the destinations of one configuration share."""
    guard = AddressGuard(loaded.config.network.allow)
    return Surroundings(renderer, guard, tokens, loaded.folder)


def _now() -> datetime:
    return datetime.now(UTC)


class OpenGuard(AddressGuard):
    """Lets every address through."""

    def check(self, host_ip: str) -> None:
        """Nothing is refused."""
