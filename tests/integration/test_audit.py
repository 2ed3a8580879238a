"""The audit log: every change is in it, with who made it, and nothing of a lead but its id."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route

from gateway.delivery import delivery_id
from gateway.queue import Queue
from gateway.store import Entry, Store
from gateway.store.audit import KEPT_FOR
from gateway.web.api import OPERATIONS
from gateway.web.app import create_app
from gateway.web.operation import ADMIN
from gateway.web.throttle import WRONG_ALLOWED
from tests.builders import a_lead, a_plan
from tests.store_dump import everything
from tests.web_house import ADMIN as BEARER
from tests.web_house import WebGateway, browse, form_token, make_gateway

pytestmark = pytest.mark.anyio

PROGRAM = Path(sys.executable).parent / "lead-gateway"
CRM = delivery_id("seloger", "lead-1", "crm")
NO_DEED = {"/claim/{token}", "/signin", "/slack/actions"}
"""Forms of people who are not signed in: signing in is written down in its own way."""


@pytest.fixture
def house(store: Store, queue: Queue, tmp_path: Path) -> WebGateway:
    return make_gateway(store, queue, tmp_path)


async def log_of(house: WebGateway) -> list[Entry]:
    """The log, oldest first."""
    return list(reversed((await house.store.audit.page(None, 500)).items))


def deeds(entries: list[Entry]) -> list[tuple[str, str, str, str, int | None]]:
    return [(item.who, item.through, item.did, item.target, item.count) for item in entries]


async def test_what_is_done_through_the_api_is_written_down(house: WebGateway) -> None:
    await house.accept(a_lead())
    await house.end(CRM, "crm", "refused")
    async with browse(house) as client:
        for method, path, body in (
            ("POST", "/v1/destinations/crm/pause", None),
            ("POST", "/v1/destinations/crm/resume", None),
            ("POST", "/v1/sources/seloger/poll", None),
            ("POST", f"/v1/deliveries/{CRM}/replay", {}),
            ("POST", "/v1/dead-letters/discard", {"filter": {}}),
            ("GET", "/v1/exports/leads", None),
            ("DELETE", "/v1/leads/seloger/lead-1", None),
        ):
            answer = await client.request(method, path, headers=BEARER, json=body)
            assert answer.status_code < 300, path
        await client.get("/v1/leads", headers=BEARER)
    assert deeds(await log_of(house)) == [
        ("admin", "api", "destinations.pause", "crm", None),
        ("admin", "api", "destinations.resume", "crm", None),
        ("admin", "api", "sources.poll", "seloger", None),
        ("admin", "api", "deliveries.replay", CRM, 1),
        ("admin", "api", "dead-letters.discard", "", 0),
        ("admin", "api", "leads.export", "", None),
        ("admin", "api", "leads.erase", "seloger/lead-1", None),
    ]


async def test_what_is_done_on_the_dashboard_is_written_down(house: WebGateway) -> None:
    await house.accept(a_lead())
    await house.end(CRM, "crm", "refused")
    async with browse(house, signed_in=True) as client:
        token = {"form_token": form_token((await client.get("/")).text)}
        await client.post("/destinations/team/pause", data=token)
        await client.post("/dead-letters/replay", data={**token, "which": "all"})
        await client.post("/destinations/team/pause", data={"form_token": "forged"})
        await client.post("/signout", data=token)
    assert deeds(await log_of(house)) == [
        ("admin", "dashboard", "signin", "", None),
        ("admin", "dashboard", "destinations.pause", "team", None),
        ("admin", "dashboard", "dead-letters.replay", "", 1),
        ("admin", "dashboard", "signout", "", None),
    ]


async def test_wrong_tokens_are_written_down_but_can_not_flood_the_log(house: WebGateway) -> None:
    app = create_app(house)
    async with browse(app) as client, browse(app, address="198.51.100.8") as other:
        for _ in range(WRONG_ALLOWED + 5):
            await client.post("/signin", data={"token": "a guess"})
        await other.get("/v1/leads", headers={"authorization": "Bearer a guess"})
    assert deeds(await log_of(house)) == [
        ("", "dashboard", "signin.failed", "", None),
        ("", "dashboard", "signin.failed", "", None),
        ("", "api", "signin.failed", "", None),
    ]
    assert b"a guess" not in await everything(house.store)


async def test_who_did_it_is_the_name_of_the_token(
    store: Store, queue: Queue, tmp_path: Path
) -> None:
    house = make_gateway(store, queue, tmp_path, token="anne:annes-token,bob:bobs-token")
    async with browse(house) as client:
        for token in ("bobs-token", "annes-token"):
            await client.post(
                "/v1/destinations/crm/pause", headers={"authorization": f"Bearer {token}"}
            )
    assert [item.who for item in await log_of(house)] == ["bob", "anne"]


async def test_every_change_of_the_api_is_for_somebody_whom_the_log_names() -> None:
    changes = [item for item in OPERATIONS if item.method != "GET" and item.who == ADMIN]
    assert len(changes) > 8
    assert all(item.is_audited for item in changes)


async def test_every_form_of_the_dashboard_goes_through_the_door_that_writes(
    house: WebGateway,
) -> None:
    api = {item.path for item in OPERATIONS}
    forms = [
        route
        for route in create_app(house).routes
        if isinstance(route, Route) and "POST" in (route.methods or ()) and route.path not in api
    ]
    assert len(forms) > 8
    for route in forms:
        guarded = getattr(route.endpoint, "__wrapped__", None) is not None
        assert guarded or route.path in NO_DEED, route.path


async def test_the_log_is_listed_page_by_page_newest_first(house: WebGateway) -> None:
    for number in range(5):
        await house.store.audit.note("anne", "api", "destinations.pause", f"d{number}")
    seen: list[dict[str, Any]] = []
    async with browse(house) as client:
        cursor = None
        while True:
            query = {"limit": "2", **({"cursor": cursor} if cursor else {})}
            answer = (await client.get("/v1/audit", headers=BEARER, params=query)).json()
            seen += answer["items"]
            cursor = answer["next_cursor"]
            if cursor is None:
                break
        wrong = await client.get("/v1/audit?cursor=x", headers=BEARER)
        closed = await client.get("/v1/audit")
    assert [item["target"] for item in seen] == ["d4", "d3", "d2", "d1", "d0"]
    assert (wrong.status_code, closed.status_code) == (400, 401)


async def test_entries_end_by_age_and_by_nothing_else(store: Store) -> None:
    await store.audit.note("anne", "api", "destinations.pause", "old")
    later = Store(
        store.connection.redis,
        store.namespace,
        clock_shift=(KEPT_FOR + timedelta(minutes=1)).total_seconds(),
    )
    await later.open()
    await later.audit.note("anne", "api", "destinations.pause", "new")
    assert [item.target for item in (await store.audit.page()).items] == ["new"]


async def run(
    store: Store, url: str, folder: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    environ = {"REDIS_URL": url, "LEAD_GATEWAY_NAMESPACE": store.namespace}
    return await asyncio.to_thread(
        subprocess.run,
        [PROGRAM, *arguments],
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )


async def test_commands_are_written_down_listed_and_exported(
    store: Store, valkey_url: str, tmp_path: Path
) -> None:
    await store.leads.accept([a_plan(destinations=("crm",))])
    await run(store, valkey_url, tmp_path, "destinations", "pause", "crm")
    await run(store, valkey_url, tmp_path, "leads", "erase", "seloger/lead-1", "--yes")
    listed = await run(store, valkey_url, tmp_path, "audit", "list", "--json")
    shown = await run(store, valkey_url, tmp_path, "audit", "list")
    exported = await run(store, valkey_url, tmp_path, "audit", "export")
    entries = [json.loads(line) for line in listed.stdout.splitlines()]
    assert [(item["did"], item["target"]) for item in entries] == [
        ("leads.erase", "seloger/lead-1"),
        ("destinations.pause", "crm"),
    ]
    assert all(item["through"] == "command" and item["who"] for item in entries)
    assert "leads.erase" in shown.stdout
    rows = list(csv.DictReader(io.StringIO(exported.stdout)))
    assert [row["did"] for row in rows] == ["leads.erase", "destinations.pause"]
