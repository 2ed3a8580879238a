"""Every preset against the answers its vendor documents: each call made, each lead delivered."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.config import check, load, make_renderer
from gateway.config.presets import Shelf
from gateway.delivery import Delivered, Reason, Refused
from gateway.destinations import build
from gateway.destinations.presets import Preset, StepRecipe
from gateway.oauth import OwnTokens
from gateway.sandbox.server import serve
from gateway.trying import send
from gateway.wiring import surroundings
from tests.builders import LEADS

pytestmark = pytest.mark.anyio

NAMES = Shelf().names()
WANTED = {
    "apimo-lead": {"provider": "1234", "token": "a-token-of-mine", "agency": "5678"},
    "followupboss-event": {"key": "a-key-of-mine"},
    "generic": {},
    "hubspot-contact": {"token": "a-token-of-mine"},
    "odoo-lead": {"key": "a-key-of-mine"},
    "pipedrive-lead": {"token": "a-token-of-mine"},
    "salesforce-lead": {
        "domain": "agency.my.salesforce.com", "client_id": "the-id", "client_secret": "the-secret",
    },
    "zoho-lead": {
        "client_id": "the-id", "client_secret": "the-secret", "refresh_token": "the-refresh",
    },
}  # fmt: skip
"""What each preset has to be told."""
ADDRESSES = ("url", "api", "accounts")


@dataclass
class Vendor:
    """Answers each call of a preset as its vendor documents it; knows nobody yet when asked."""

    preset: Preset
    requests: list[tuple[str, str, str, bytes]] = field(default_factory=list)
    tokens: int = 0

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        if "token" in request.url.path:
            self.tokens += 1
            return JSONResponse({"access_token": "vendor-token", "expires_in": 3600})
        media = request.headers.get("content-type", "")
        self.requests.append((request.method, request.url.path, media, body))
        if request.method == "GET":
            return JSONResponse({"data": {"items": []}, "results": []})
        sample = self.step_of(request.url.path).sample
        text = sample.text if sample.body is None else json.dumps(sample.body)
        return Response(text or "", sample.status, headers=sample.headers or None)

    def step_of(self, path: str) -> StepRecipe:
        """The call that this is: the one of whose path most stands in it."""

        def common(step: StepRecipe) -> int:
            fixed = step.path.partition("{{")[0]
            return len(fixed) if fixed in path else -1

        return max(self.preset.steps, key=common)

    def app(self) -> Starlette:
        methods = ["GET", "POST", "PUT", "PATCH"]
        return Starlette(routes=[Route("/{path:path}", self.answer, methods=methods)])


@asynccontextmanager
async def connected(name: str, folder: Path) -> AsyncIterator[tuple[Any, Vendor]]:
    """A destination of this preset, and its vendor on this machine."""
    vendor = Vendor(Shelf().preset(name))
    async with serve(vendor.app()) as url:
        given = dict(WANTED[name])
        kinds = {key: each.kind for key, each in vendor.preset.given.items()}
        given |= {key: url for key in ADDRESSES if kinds.get(key) == "url"}
        config = {
            "version": 1,
            "sources": {"web": {"kind": "push", "token": "a-push-token"}},
            "destinations": {"crm": {"kind": "webhook", "preset": name, "with": given}},
            "network": {"allow": ["127.0.0.0/8"]},
        }
        file = folder / "gateway.yaml"
        file.write_text(json.dumps(config))
        loaded = load(file, {})
        assert [fault for fault in check(loaded) if not fault.warning] == []
        around = surroundings(loaded, make_renderer(loaded), OwnTokens())
        destination = build("crm", loaded.config.destinations["crm"], around)
        try:
            yield destination, vendor
        finally:
            await destination.close()


def test_every_preset_is_tried_here() -> None:
    assert sorted(WANTED) == NAMES


@pytest.mark.parametrize("category", ["CLASSIFIED", "AGENCY", "ESTIMATION", "PROJECT"])
@pytest.mark.parametrize("lead", ["complete", "sparse", "hostile"])
@pytest.mark.parametrize("name", NAMES)
async def test_a_lead_goes_through_every_call_and_is_delivered(
    name: str, lead: str, category: str, tmp_path: Path
) -> None:
    async with connected(name, tmp_path) as (destination, vendor):
        tried = await send(destination, LEADS[lead](category))

    if lead == "sparse" and vendor.preset.requires:
        # Nobody could be reached: the operator reads why, and the CRM is spared.
        assert isinstance(tried.outcome, Refused)
        assert tried.outcome.reason is Reason.REJECTED
        assert "not sent" in tried.outcome.answer
        assert vendor.requests == []
        return
    assert isinstance(tried.outcome, Delivered), tried.outcome
    assert vendor.requests
    for _method, _, media, body in vendor.requests:
        text = body.decode()
        assert "None" not in text
        assert '"null"' not in text
        if media.startswith("application/json") and body:
            json.loads(text)
        assert len(body) <= (vendor.preset.max_body or 10_000_000)


@pytest.mark.parametrize("name", NAMES)
async def test_a_preview_shows_the_call_and_hides_what_is_secret(name: str, tmp_path: Path) -> None:
    from gateway.trying import render

    async with connected(name, tmp_path) as (destination, _):
        shown = repr(render(destination, LEADS["complete"]("CLASSIFIED")).preview())
    for value in WANTED[name].values():
        if len(value) > 6 and value != "agency.my.salesforce.com":
            assert value not in shown


@pytest.mark.parametrize("name", ["salesforce-lead", "zoho-lead"])
async def test_one_token_serves_every_lead(name: str, tmp_path: Path) -> None:
    async with connected(name, tmp_path) as (destination, vendor):
        for _ in range(3):
            assert (await send(destination, LEADS["complete"]("CLASSIFIED"))).arrived
    assert vendor.tokens == 1
