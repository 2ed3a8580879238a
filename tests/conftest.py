"""What every test may ask for. Real parts are started here and ended by their own id."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.embedded import find_server
from gateway.queue import Queue
from gateway.store import Store, connect


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """A real server of this test process's own, without persistence, on a Unix socket."""
    with tempfile.TemporaryDirectory(prefix="lg-test-") as folder:
        place = Path(folder) / "v.sock"
        server = subprocess.Popen(
            [
                find_server(),
                "--port",
                "0",
                "--unixsocket",
                str(place),
                "--save",
                "",
                "--dir",
                folder,
            ],
            stdout=subprocess.DEVNULL,
        )
        try:
            yield f"unix://{place}"
        finally:
            os.kill(server.pid, signal.SIGKILL)
            server.wait(10)


@pytest.fixture
async def store(valkey_url: str) -> AsyncIterator[Store]:
    """An empty store on the real server, under a namespace of the test's own."""
    path = Path(valkey_url.removeprefix("unix://"))
    async with asyncio.timeout(20):
        while not path.exists():
            await asyncio.sleep(0.01)
        opened = Store(connect(valkey_url), f"t{uuid.uuid4().hex[:12]}")
        await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def queue(store: Store) -> Queue:
    """RQ's queues on the same server, under the same namespace."""
    return Queue(store.connection.redis, store.namespace)
