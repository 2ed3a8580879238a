"""Lets requests in, in this process's loop, and ends when told to, within seconds.

The door stays where it is while what is behind it changes: a new configuration, a new application.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections import Counter
from collections.abc import Callable, Iterator

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from gateway.settings import Settings
from gateway.web.app import create_app
from gateway.web.connections import AT_ONCE, allow_files, patient_protocol
from gateway.web.context import Gateway

STOP_WITHIN = 5
"""Seconds that requests in progress get to end."""

log = structlog.get_logger()


class CannotListen(Exception):
    """The web can not listen where it was told to; the text says what to change."""


class _Server(uvicorn.Server):
    """Uvicorn without signal handlers of its own: the process has one way to be stopped."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_start = started

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_start()


class Door:
    """Passes each request to the newest application; one that began ends where it began."""

    def __init__(self) -> None:
        self._app: Starlette | None = None
        self._inside: Counter[int] = Counter()
        self._left = asyncio.Event()
        self._opened = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        assert app is not None  # noqa: S101 - nobody is let in before
        self._inside[id(app)] += 1
        try:
            await app(scope, receive, send)
        finally:
            self._inside[id(app)] -= 1
            self._left.set()

    async def show(self, gateway: Gateway, stop: asyncio.Event) -> None:
        """Answer for one gateway until ``stop`` is set and its last request ended (bounded)."""
        before = self._app.state.web if self._app else None
        app = self._app = create_app(gateway, before=before)
        self._opened.set()
        await stop.wait()
        app.state.web.closing.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_WITHIN):
                while self._inside[id(app)]:
                    self._left.clear()
                    await self._left.wait()
        del self._inside[id(app)]

    def give_up(self) -> None:
        """There will be no application: whoever waits for one ends."""
        self._opened.set()

    async def listen(
        self,
        stop: asyncio.Event,
        settings: Settings,
        *,
        host: str = "127.0.0.1",
        port: int = 8080,
        ready: Callable[[str], None] | None = None,
    ) -> None:
        """Let requests in, once there is an application for them, until ``stop`` is set.

        ``ready`` is told the address when they are answered. ``port`` 0 takes a free one. Raises
        :class:`CannotListen`.
        """
        if not is_loopback(host) and not settings.has_own_token():
            raise CannotListen(
                f"to listen on {host}, set LEAD_GATEWAY_ADMIN_TOKEN: "
                "without a token of your own the web stays on 127.0.0.1"
            )
        await self._opened.wait()
        if stop.is_set() or self._app is None:
            return
        allow_files()
        listener = _listen(host, port)
        address = f"http://{_in_url(host)}:{listener.getsockname()[1]}"

        def started() -> None:
            log.info("web started", address=address)
            if ready is not None:
                ready(address)

        server = _Server(
            uvicorn.Config(
                self,
                http=patient_protocol(),
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=AT_ONCE,
                h11_max_incomplete_event_size=64_000,
                timeout_keep_alive=15,
                timeout_graceful_shutdown=STOP_WITHIN,
            ),
            started,
        )

        async def watch() -> None:
            await stop.wait()
            server.should_exit = True

        watcher = asyncio.create_task(watch())
        try:
            await server.serve(sockets=[listener])
        finally:
            watcher.cancel()
            listener.close()
        log.info("web stopped")


async def serve(
    gateway: Gateway,
    stop: asyncio.Event,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve one gateway until ``stop`` is set. Arguments and errors as of :meth:`Door.listen`."""
    door = Door()
    showing = asyncio.create_task(door.show(gateway, stop))
    try:
        await door.listen(stop, gateway.settings, host=host, port=port, ready=ready)
    finally:
        stop.set()
        await showing


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, number, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, number)
    except OSError as error:
        raise CannotListen(f"{host}:{port}: {error.strerror or error}") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(512)
    except OSError as error:
        listener.close()
        raise CannotListen(
            f"{host}:{port} can not be used ({error.strerror}): choose another --port"
        ) from None
    listener.setblocking(False)
    return listener


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
