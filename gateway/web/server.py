"""Runs the application in this process's loop, and ends it when told to, within seconds."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Callable, Iterator

import structlog
import uvicorn

from gateway.web.app import create_app
from gateway.web.context import Gateway

STOP_WITHIN = 5
"""Seconds that requests in progress get to end."""
CONNECTIONS = 512

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


async def serve(
    gateway: Gateway,
    stop: asyncio.Event,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until ``stop`` is set. ``ready`` is told the address once requests are answered.

    ``port`` 0 takes a free one. Raises :class:`CannotListen`.
    """
    if not is_loopback(host) and not gateway.settings.admin_token:
        raise CannotListen(
            f"to listen on {host}, set LEAD_GATEWAY_ADMIN_TOKEN: "
            "without a token of your own the web stays on 127.0.0.1"
        )
    app = create_app(gateway)
    listener = _listen(host, port)
    address = f"http://{_in_url(host)}:{listener.getsockname()[1]}"

    def started() -> None:
        log.info("web started", address=address)
        if ready is not None:
            ready(address)

    server = _Server(
        uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=CONNECTIONS,
            h11_max_incomplete_event_size=64_000,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=STOP_WITHIN,
        ),
        started,
    )

    async def watch() -> None:
        await stop.wait()
        app.state.web.closing.set()
        server.should_exit = True

    watcher = asyncio.create_task(watch())
    try:
        await server.serve(sockets=[listener])
    finally:
        watcher.cancel()
        listener.close()
    log.info("web stopped")


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
