"""What every page and endpoint may use: the gateway, the keys of sign-in, the templates, the clock.

Holds one process's state of the web and nothing of any request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol, cast

from starlette.requests import Request

from gateway.config.load import Loaded
from gateway.config.model import GatewayConfig
from gateway.destinations.protocol import Destination
from gateway.pipeline import Pipeline
from gateway.render import Renderer
from gateway.settings import Settings
from gateway.store import Store
from gateway.web.sessions import Sessions
from gateway.web.static import Static
from gateway.web.templating import Pages
from gateway.web.throttle import Throttles


class Gateway(Protocol):
    """What the web needs of :class:`gateway.wiring.Gateway`."""

    @property
    def settings(self) -> Settings: ...

    @property
    def config(self) -> GatewayConfig: ...

    @property
    def store(self) -> Store: ...

    @property
    def renderer(self) -> Renderer: ...

    @property
    def pipeline(self) -> Pipeline: ...

    @property
    def destinations(self) -> Mapping[str, Destination]: ...

    @property
    def loaded(self) -> Loaded: ...


@dataclass(frozen=True, slots=True)
class Web:
    """One web process. ``closing`` ends the streams that would otherwise never end."""

    gateway: Gateway
    sessions: Sessions
    static: Static
    pages: Pages
    throttles: Throttles
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    pushes: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PUSHES_AT_ONCE))
    streams: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(STREAMS_AT_ONCE))

    @property
    def store(self) -> Store:
        return self.gateway.store

    @property
    def config(self) -> GatewayConfig:
        return self.gateway.config

    async def destination_names(self) -> list[str]:
        """Configured destinations in the file's order, then those that only the store remembers."""
        known = list(self.config.destinations)
        remembered = await self.store.deliveries.destinations()
        return known + [name for name in remembered if name not in known]


PUSHES_AT_ONCE = 32
"""Pushes one process takes at a time: each may bring 2 MB; more are told to come back."""
STREAMS_AT_ONCE = 64
"""Open event streams one process serves; more are told to come back."""


def web_of(request: Request) -> Web:
    """The web that serves this request."""
    return cast(Web, request.app.state.web)
