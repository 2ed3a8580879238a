"""A whole gateway for a test: real store, real portal, real sinks, real worker and poller."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gateway.sandbox.portal import Portal, portal_app
from gateway.sandbox.server import serve
from gateway.sandbox.sinks import CrmSink, MailInbox, SlackSink, serve_mail
from gateway.settings import Settings
from gateway.wiring import Gateway, load_checked, open_gateway
from workers import poller, worker

SECRET = "whsec_c2FuZGJveC1zYW5kYm94LXNhbmRib3gtc2FuZGJveC0="


@dataclass
class House:
    """The pieces around a gateway, and the places of its sinks."""

    portal: Portal
    crm: CrmSink
    slack: SlackSink
    inbox: MailInbox
    config: Path
    settings: Settings
    urls: dict[str, str] = field(default_factory=dict)

    @asynccontextmanager
    async def running(self, *, pollers: int = 1, workers: int = 1) -> AsyncIterator[Gateway]:
        """Roles in this process until the block ends."""
        async with AsyncExitStack() as stack:
            stop = asyncio.Event()
            tasks: list[asyncio.Task[None]] = []
            first: Gateway | None = None
            for role in ["poller"] * pollers + ["worker"] * workers:
                gateway = await stack.enter_async_context(
                    open_gateway(self.settings, load_checked(self.settings))
                )
                first = first or gateway
                work: Awaitable[None] = (
                    poller.run(gateway, stop)
                    if role == "poller"
                    else worker.run(gateway, stop, concurrency=50)
                )
                tasks.append(asyncio.ensure_future(work))  # type: ignore[arg-type]
            if first is None:
                first = await stack.enter_async_context(open_gateway(self.settings))
            try:
                yield first
            finally:
                stop.set()
                for task in tasks:
                    try:
                        async with asyncio.timeout(15):
                            await task
                    except TimeoutError:
                        task.cancel()


YAML = """
version: 1
language: fr
sources:
  seloger:
    kind: gsl
    base_url: {portal}
    token_url: {portal}/oauth/token
    client_id: sandbox
    client_secret: sandbox
    poll_every: 200ms
    start: 1h
  website: {{kind: push, token: website-token}}
destinations:
  crm:
    kind: webhook
    url: {crm}/leads
    sign: {{standard_webhooks: "{secret}"}}
    timeout: {timeout}
    retry: {{schedule: [300ms, 300ms, 300ms, 300ms, 300ms, 300ms], jitter: 0}}
  inbox:
    kind: email
    smtp: "{mail}"
    from: "Leads <leads@agency.example>"
    to: [desk@agency.example]
  team: {{kind: slack, webhook_url: "{slack}/services/T/B/x"}}
network: {{allow: [127.0.0.0/8]}}
"""


@pytest.fixture
async def house(tmp_path: Path, valkey_url: str) -> AsyncIterator[House]:
    portal, crm, slack, inbox = Portal(), CrmSink(SECRET), SlackSink(), MailInbox()
    async with AsyncExitStack() as stack:
        urls = {
            "portal": await stack.enter_async_context(serve(portal_app(portal))),
            "crm": await stack.enter_async_context(serve(crm.app())),
            "slack": await stack.enter_async_context(serve(slack.app())),
            "mail": await stack.enter_async_context(serve_mail(inbox)),
        }
        config = tmp_path / "gateway.yaml"
        config.write_text(YAML.format(secret=SECRET, timeout="15s", **urls))
        settings = Settings.read(
            {
                "REDIS_URL": valkey_url,
                "LEAD_GATEWAY_NAMESPACE": f"t{uuid.uuid4().hex[:10]}",
                "LEAD_GATEWAY_DATA_DIR": str(tmp_path / "data"),
                "LEAD_GATEWAY_ADMIN_TOKEN": "test-admin-token",
            },
            config=config,
        )
        yield House(portal, crm, slack, inbox, config, settings, urls)


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    """Wait until an asynchronous question is answered with yes, at most so many seconds."""

    async def wait(question: Callable[[], Awaitable[Any]], seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds):
            while not await question():
                await asyncio.sleep(0.05)

    return wait
