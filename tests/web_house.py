"""A web over a real store, without the other roles: what its tests share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from gateway.agency import agencies
from gateway.config.check import make_renderer
from gateway.config.load import Loaded, load
from gateway.config.model import GatewayConfig
from gateway.delivery import Reason
from gateway.destinations import build
from gateway.destinations.protocol import Destination
from gateway.lead import Lead
from gateway.pipeline import Pipeline
from gateway.queue import Queue
from gateway.render import Renderer
from gateway.settings import Settings
from gateway.store import Claim, Report, Store
from gateway.web import connections, security
from gateway.web.app import create_app
from gateway.web.server import serve
from gateway.wiring import surroundings
from tests.builders import a_lead

TOKEN = "the-admin-token-of-tests"
ADDRESS = "http://gateway.example"
PUSH_TOKEN = "the-website-token-of-tests"
ADMIN = {"authorization": f"Bearer {TOKEN}"}
PUSH = {"authorization": f"Bearer {PUSH_TOKEN}"}
WORKER = "w1"

CONFIGURATION = f"""
version: 1
language: en
timezone: Europe/Paris
links: {{classified: "https://portal.example/{{{{ property.classified_id }}}}"}}
sources:
  seloger:
    kind: gsl
    base_url: https://leads.portal.example
    token_url: https://auth.portal.example/token
    client_id: someone
    client_secret: something
  website: {{kind: push, token: {PUSH_TOKEN}}}
destinations:
  crm: {{kind: webhook, url: "https://crm.example.com/leads"}}
  team: {{kind: slack, webhook_url: "https://hooks.slack.example/services/T/B/x"}}
routes:
  - {{when: lead.category == "AGENCY", to: [team], stop: true}}
  - {{when: lead.category == "PROJECT", to: [crm], stop: true}}
  - {{when: lead.category != "CALL_TRACKING", to: [crm, team]}}
"""


@dataclass(frozen=True)
class WebGateway:
    """What the web needs of a gateway; deliveries are moved by hand."""

    settings: Settings
    loaded: Loaded
    store: Store
    renderer: Renderer
    pipeline: Pipeline
    destinations: Mapping[str, Destination]

    @property
    def config(self) -> GatewayConfig:
        return self.loaded.config

    async def close(self) -> None:
        """Give back what destinations opened."""
        for destination in self.destinations.values():
            await destination.close()

    async def accept(self, *leads: Lead) -> None:
        """Take leads in as a poller does."""
        for result in await self.pipeline.accept(leads):
            if isinstance(result, Exception):
                raise result

    async def end(self, delivery_id: str, destination: str, outcome: str, **how: Any) -> str:
        """Make one attempt on a delivery, that ends so; the state it led to."""
        await self.store.leases.start_worker(WORKER)
        claim = Claim(destination, [delivery_id], timeout=5.0)
        (begun,) = await self.store.deliveries.begin(WORKER, [claim])
        (work,) = begun.work
        values: dict[str, Any] = {
            "reason": {"delivered": Reason.ACCEPTED, "deferred": Reason.SERVER_ERROR}.get(
                outcome, Reason.REJECTED
            ),
            "duration_ms": 42,
            "status": {"delivered": 200, "deferred": 503}.get(outcome, 422),
            **how,
        }
        report = Report(work.id, work.number, outcome, **values)
        (finished,) = await self.store.deliveries.finish(WORKER, [report])
        return finished.state


def make_gateway(
    store: Store,
    queue: Queue,
    folder: Path,
    *,
    token: str | None = TOKEN,
    text: str = CONFIGURATION,
    public_url: str = ADDRESS,
) -> WebGateway:
    """A gateway of the configuration above, over a store."""
    path = folder / "gateway.yaml"
    path.write_text(text, "utf-8")
    environ = {
        "LEAD_GATEWAY_DATA_DIR": str(folder / "data"),
        "LEAD_GATEWAY_PUBLIC_URL": public_url,
    }
    if token:
        environ["LEAD_GATEWAY_ADMIN_TOKEN"] = token
    settings = Settings.read(environ, config=path)
    loaded = load(path, environ)
    renderer = make_renderer(loaded)
    rules = agencies(loaded.config, renderer)
    pipeline = Pipeline(store, queue, rules, {}, loaded.config.destinations)
    around = surroundings(loaded, renderer, store.sources)
    destinations = {
        name: build(name, part, around) for name, part in loaded.config.destinations.items()
    }
    return WebGateway(settings, loaded, store, renderer, pipeline, destinations)


@asynccontextmanager
async def browse(
    app: Starlette | WebGateway, *, signed_in: bool = False, address: str = "203.0.113.9"
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, from some address."""
    app = app if isinstance(app, Starlette) else create_app(app)
    transport = httpx.ASGITransport(app=app, client=(address, 4711), raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url=ADDRESS, headers={"accept": "text/html"}
    ) as client:
        if signed_in:
            answer = await client.post("/signin", data={"token": TOKEN})
            assert answer.status_code == 303
        yield client


def form_token(page: str) -> str:
    """The token that the page's forms carry."""
    return page.partition('name="form_token" value="')[2].partition('"')[0]


HOSTILE = {
    "contact": {
        "full_name": '<script>alert("name")</script> Éloïse 🏡',
        "email": "eloise@example.org",
        "phone": "+33639981299",
    },
    "message": "</blockquote><img src=x onerror=alert(1)> {{ 7 * 7 }}\n" + "é" * 500,
    "property": {
        "city": "<b>Paris</b>",
        "reference": '"><svg onload=alert(2)>',
        "type": "APARTMENT",
        "price": 450000,
        "url": "javascript:alert(3)",
    },
    "original": {"leadMetaInfos": {"leadId": "</code></pre><script>alert(4)</script>"}},
}


def a_hostile_lead(lead_id: str = "hostile/1?x=<b>") -> Lead:
    """A lead whose every text would like to be markup."""
    return Lead.model_validate({**a_lead(lead_id).model_dump(), **HOSTILE, "id": lead_id})


@asynccontextmanager
async def impatient(house: WebGateway, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The real web at a real port, which lets the slow go after 0.3 s; its address."""
    for name in ("HEAD_WITHIN", "TAKE_WITHIN", "REST_WITHIN", "FLUSH_WITHIN"):
        monkeypatch.setattr(connections, name, 0.3)
    monkeypatch.setattr(security, "BODY_DEADLINE", 0.3)
    stop = asyncio.Event()
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(house, stop, port=0, ready=told.set_result))
    yield await told
    stop.set()
    async with asyncio.timeout(15):
        await task
