"""Serves an ASGI application on loopback inside the running loop, and stops it cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import uvicorn


@contextlib.asynccontextmanager
async def serve(app: Any, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """The server's URL while it runs. Port 0 takes any free one."""
    listener = socket.create_server((host, port), backlog=1024)
    config = uvicorn.Config(
        app, log_config=None, lifespan="off", access_log=False, server_header=False,
        log_level="critical",  # answers that break off on purpose are no news
        date_header=False, timeout_graceful_shutdown=1, timeout_keep_alive=30,
    )  # fmt: skip
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(_run(server, listener))
    try:
        async with asyncio.timeout(10):
            while not server.started:
                await asyncio.sleep(0.005)
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await task
        listener.close()


async def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    # Not serve(): that one takes over the process's signals.
    await server._serve(sockets=[listener])
