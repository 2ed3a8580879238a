"""What stands around the gateway in the demo, and the gateway itself as a process.

Portal, CRM, inbox and Slack live in this process, on free ports of loopback. The gateway is started
as anybody starts it, ``lead-gateway run``, in a directory of its own that goes with the demo.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import secrets
import socket
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.sandbox.portal import Portal, portal_app
from gateway.sandbox.server import serve
from gateway.sandbox.sinks import CrmSink, Kept, MailInbox, SlackSink, serve_mail
from gateway.settings import Settings
from gateway.store import Store

KINDS = {"crm": "webhook", "inbox": "email", "team": "slack"}
"""The demo's destinations and their kinds."""
SOURCE = "portal"

START_WITHIN = 60.0
"""Seconds the gateway may take until it reads, delivers and shows its dashboard."""
STOP_WITHIN = 30.0
"""Seconds it gets to end; its own bound for its roles is shorter."""
_LOG_SHOWN = 12

_CONFIGURATION = """\
version: 1
language: fr
timezone: Europe/Paris
sources:
  {source}:
    kind: gsl
    base_url: {portal}
    token_url: {portal}/oauth/token
    client_id: sandbox
    client_secret: sandbox
    poll_every: 1s
destinations:
  crm:
    kind: webhook
    url: {crm}/leads
    sign: {{standard_webhooks: "{secret}"}}
  inbox:
    kind: email
    smtp: {inbox}
    from: "Leads <leads@agency.example>"
    to: [desk@agency.example]
  team:
    kind: slack
    webhook_url: {team}/services/demo
network: {{allow: [127.0.0.0/8]}}
"""


class DemoError(Exception):
    """The demo can not go on; the text says why."""


@dataclass(frozen=True, slots=True)
class House:
    """The simulated world: where everything is, and what the receivers got."""

    portal: Portal
    received: Mapping[str, Kept[Any]]
    urls: Mapping[str, str]
    secret: str


@asynccontextmanager
async def around(seed: int) -> AsyncIterator[House]:
    """Portal and receivers, while they run."""
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
    portal, crm, team, inbox = Portal(seed=seed), CrmSink(secret), SlackSink(), MailInbox()
    async with AsyncExitStack() as stack:
        urls = {
            "portal": await stack.enter_async_context(serve(portal_app(portal))),
            "crm": await stack.enter_async_context(serve(crm.app())),
            "inbox": await stack.enter_async_context(serve_mail(inbox)),
            "team": await stack.enter_async_context(serve(team.app())),
        }
        yield House(portal, {"crm": crm.got, "inbox": inbox.got, "team": team.got}, urls, secret)


def configure(folder: Path, house: House, port: int) -> tuple[Settings, int]:
    """Write the demo's configuration; its settings, and the port the dashboard will have."""
    config = folder / "gateway.yaml"
    config.write_text(
        _CONFIGURATION.format(source=SOURCE, secret=house.secret, **house.urls), encoding="utf-8"
    )
    listens = _free_port(port)
    return Settings.read(_environment(folder, listens), config=config), listens


def _environment(folder: Path, port: int) -> dict[str, str]:
    # Whatever gateway this machine's environment is set up for, the demo is another one.
    clean = {
        name: value
        for name, value in os.environ.items()
        if name != "REDIS_URL" and not name.startswith("LEAD_GATEWAY_")
    }
    return {
        **clean,
        "LEAD_GATEWAY_DATA_DIR": str(folder / "data"),
        "LEAD_GATEWAY_ADMIN_TOKEN": secrets.token_urlsafe(24),
        "LEAD_GATEWAY_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "LEAD_GATEWAY_LOG_FORMAT": "json",
    }


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)) as found:
            return int(found.getsockname()[1])
    raise DemoError("no port is free on 127.0.0.1")


class Gateway:
    """The gateway's process."""

    def __init__(self, process: Process, port: int, log: Path) -> None:
        self._process = process
        self._port = port
        self._log = log

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path, settings: Settings, port: int) -> AsyncIterator[Gateway]:
        """``lead-gateway run`` until the block ends, and then ended in order."""
        log = folder / "gateway.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "gateway.cli", "run"),
                *("--config", str(settings.config_path), "--port", str(port)),
                env=dict(settings.environ),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for the demo, which then ends it
            )
        try:
            yield cls(process, port, log)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(STOP_WITHIN):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()

    def must_run(self) -> None:
        """Raises :class:`DemoError`, with the end of its log, when the gateway has ended."""
        code = self._process.returncode
        if code is not None:
            raise DemoError(f"the gateway ended by itself (exit {code}):\n{self._last_words()}")

    async def wait(self, store: Store, stop: asyncio.Event) -> None:
        """Wait until it reads, delivers and shows its dashboard.

        A lead made before the first poll would be older than the source's start, and so not for
        delivery.
        """
        deadline = time.monotonic() + START_WITHIN
        while not await self._is_ready(store):
            self.must_run()
            if stop.is_set():
                raise DemoError("stopped before it began")
            if time.monotonic() > deadline:
                raise DemoError(
                    f"the gateway did not begin within {START_WITHIN:.0f} s:\n{self._last_words()}"
                )
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await stop.wait()

    async def _is_ready(self, store: Store) -> bool:
        if not await store.leases.workers():
            return False
        if (await store.sources.get(SOURCE)).last_success_at is None:
            return False
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return False
        writer.close()
        return True

    def _last_words(self) -> str:
        lines = self._log.read_text("utf-8", "replace").splitlines()
        return "\n".join(lines[-_LOG_SHOWN:]) or "it said nothing"
