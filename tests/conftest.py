"""What every test may ask for. Real parts are started here and ended by their own id."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from gateway.embedded import find_server
from gateway.queue import Queue
from gateway.store import Store, connect
from tests.servers import listening

# How long one example takes says how busy the machine is; pytest's own timeout ends what hangs.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Put a line under the run's results, whether the test passes or not."""
    return lambda text: request.node.user_properties.append(("said", text))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for found in terminalreporter.stats.values() for report in found]
    lines = {
        value
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == "said"
    }
    for line in sorted(lines):
        terminalreporter.write_line(line)


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
def store_url(valkey_url: str) -> str:
    """The same server, once it listens: for tests that run no event loop of ours."""
    asyncio.run(listening(Path(valkey_url.removeprefix("unix://"))))
    return valkey_url


@pytest.fixture
async def store(valkey_url: str) -> AsyncIterator[Store]:
    """An empty store on the real server, under a namespace of the test's own."""
    await listening(Path(valkey_url.removeprefix("unix://")))
    opened = Store(connect(valkey_url), f"t{uuid.uuid4().hex[:12]}")
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def queue(store: Store) -> Queue:
    """RQ's queues on the same server, under the same namespace."""
    return Queue(store.connection.redis, store.namespace)
