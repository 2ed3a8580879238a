"""The simulated portal on its own, with a CRM, a Slack and a mail inbox to deliver to.

For whoever builds against the gateway or the portal. Runs until it is told to stop; prints nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta

from starlette.applications import Starlette
from starlette.routing import Mount

from gateway.sandbox.pace import Pace
from gateway.sandbox.portal import Portal, Sheet, portal_app
from gateway.sandbox.server import serve
from gateway.sandbox.sinks import CrmSink, MailInbox, SlackSink, serve_mail

TICK = 0.1
"""Seconds between looks at which leads are due."""
SECRET = "whsec_c2FuZGJveC1zYW5kYm94LXNhbmRib3gtc2FuZGJveC0="
"""What the CRM expects its webhooks to be signed with; no secret, it is printed."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What sandbox to run: where, with how many leads, and what goes wrong in it."""

    host: str
    port: int
    leads_per_minute: float
    seed: int
    sheets: Sequence[Sheet] = ()
    past: int = 0
    """Leads there are from the beginning, spread ``over`` the time before."""
    over: timedelta = timedelta(days=30)


async def run_sandbox(wish: Wish, announce: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; ``announce`` is told line by line how to use it."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    portal = Portal(seed=wish.seed)
    for sheet in wish.sheets:
        portal.apply(sheet)
    portal.add_past(wish.past, wish.over)
    app = Starlette(
        routes=[
            Mount("/crm", CrmSink(SECRET).app()),
            Mount("/slack", SlackSink().app()),
            Mount("/", portal_app(portal)),
        ]
    )
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serve(app, wish.host, wish.port))
        mail = await stack.enter_async_context(serve_mail(MailInbox(), wish.host))
        for line in _directions(url, mail):
            announce(line)
        pace = Pace(wish.leads_per_minute, wish.seed, time.monotonic())
        while not stop.is_set():
            if due := pace.due(time.monotonic()):
                portal.add(due)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK):
                    await stop.wait()


def _directions(url: str, mail: str) -> list[str]:
    """What to write into gateway.yaml to use it."""
    return [
        f"A simulated portal on {url}, until Ctrl-C. In gateway.yaml:",
        "",
        "version: 1",
        "sources:",
        "  sandbox:",
        "    kind: gsl",
        f"    base_url: {url}",
        f"    token_url: {url}/oauth/token",
        "    client_id: sandbox",
        "    client_secret: sandbox",
        "destinations:",
        "  crm:",
        "    kind: webhook",
        f"    url: {url}/crm/leads",
        f"    sign: {{standard_webhooks: {SECRET}}}",
        "  inbox:",
        "    kind: email",
        f"    smtp: {mail}",
        '    from: "Leads <leads@agency.example>"',
        "    to: [desk@agency.example]",
        "  team:",
        "    kind: slack",
        f"    webhook_url: {url}/slack/services/sandbox",
        "network: {allow: [127.0.0.0/8]}",
        "",
        f"More leads at once: curl -d '{{\"count\": 10}}' {url}/sandbox/leads",
    ]
