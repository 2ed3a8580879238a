"""Real processes that may be killed: roles of the real program, a real store, a watching sink."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gateway.sandbox.portal import Portal, portal_app
from gateway.sandbox.server import serve
from gateway.sandbox.sinks import CrmSink
from gateway.settings import Settings
from gateway.store import Store
from gateway.wiring import open_store

PROGRAM = Path(sys.executable).parent / "lead-gateway"
SECRET = "whsec_c2FuZGJveC1zYW5kYm94LXNhbmRib3gtc2FuZGJveC0="
YAML = """
version: 1
sources:
  seloger:
    kind: gsl
    base_url: {portal}
    token_url: {portal}/oauth/token
    client_id: sandbox
    client_secret: sandbox
    poll_every: 200ms
    start: 1h
destinations:
  crm:
    kind: webhook
    url: {crm}/leads
    sign: {{standard_webhooks: "{secret}"}}
    timeout: 5s
    retry: {{schedule: [500ms, 1s, 1s, 2s, 2s, 2s, 2s, 2s], jitter: 0.2}}
network: {{allow: [127.0.0.0/8]}}
"""


class Doors:
    """A server that can be closed, and opened again at the same address."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._open = AsyncExitStack()
        self.url = ""

    async def open(self) -> str:
        port = int(self.url.rpartition(":")[2]) if self.url else 0
        self.url = await self._open.enter_async_context(serve(self._app, port=port))
        return self.url

    async def close(self) -> None:
        await self._open.aclose()


@dataclass
class Town:
    """A portal and a sink in this process, and the roles as processes of their own."""

    portal: Portal
    crm: CrmSink
    doors: Doors
    config: Path
    settings: Settings
    environ: dict[str, str]
    roles: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, *roles: str, options: tuple[str, ...] = ()) -> None:
        for role in roles:
            log = (self.config.parent / f"{role}.log").open("ab")
            kind = role.rstrip("0123456789")
            self.roles[role] = subprocess.Popen(
                [str(PROGRAM), kind, "--config", str(self.config), *options],
                env=self.environ,
                stdout=log,
                stderr=log,
            )
            log.close()

    def kill(self, role: str, number: int = signal.SIGKILL) -> None:
        self.roles[role].send_signal(number)
        if number == signal.SIGKILL:
            self.roles[role].wait(10)

    def kill_store(self, number: int = signal.SIGKILL) -> None:
        pid = int((self.settings.data_dir / "store.pid").read_text())
        os.kill(pid, number)

    def stop_all(self) -> None:
        for process in self.roles.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self.roles.values():
            try:
                process.wait(25)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)

    def received(self) -> set[str]:
        return {item.content["data"]["id"] for item in self.crm.got.all}

    async def all_arrived(self, count: int, seconds: float) -> None:
        """Wait until the CRM has so many different leads."""
        await self.crm.got.wait_for(count, seconds)


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    portal, crm = Portal(), CrmSink(SECRET, delay=0.05)
    doors = Doors(crm.app())
    async with AsyncExitStack() as stack:
        stack.push_async_callback(doors.close)
        urls = {
            "portal": await stack.enter_async_context(serve(portal_app(portal))),
            "crm": await doors.open(),
        }
        config = tmp_path / "gateway.yaml"
        config.write_text(YAML.format(secret=SECRET, **urls))
        environ = {
            **os.environ,
            "LEAD_GATEWAY_DATA_DIR": str(tmp_path / "data"),
            "LEAD_GATEWAY_LOG_LEVEL": "warning",
        }
        environ.pop("REDIS_URL", None)
        settings = Settings.read(environ, config=config)
        built = Town(portal, crm, doors, config, settings, environ)
        try:
            yield built
        finally:
            await asyncio.to_thread(built.stop_all)


@pytest.fixture
async def town_store(town: Town) -> AsyncIterator[Store]:
    """The town's store, attached to as any role does."""
    async with open_store(town.settings) as (store, _):
        yield store
