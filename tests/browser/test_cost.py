"""What the dashboard costs: an open page while leads come fast, a search among very many.

The figures are printed (``pytest -rP``); what is asserted is loose: a test's machine is busy.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest
from playwright.async_api import Browser

from gateway.delivery import Reason
from gateway.lead import Contact, Lead, Property
from gateway.settings import Settings
from gateway.store import Claim, Report, StoreUnavailable
from gateway.web.sessions import signin_link
from gateway.wiring import Gateway, open_gateway
from tests.builders import a_lead
from tests.chaos.conftest import PROGRAM

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.timeout(900)]

TOKEN = "the-admin-token-of-the-cost"
CONFIGURATION = """
version: 1
sources: {website: {kind: push, token: invented-push-token}}
destinations: {crm: {kind: webhook, url: "https://crm.example.com/leads"}}
"""
SECONDS = 20.0
MANY = 100_000


@dataclass
class Apart:
    """The web role as a process of its own, over a store that is filled from here."""

    gateway: Gateway
    process: subprocess.Popen[bytes]
    address: str


@asynccontextmanager
async def web(folder: Path, redis_url: str) -> AsyncIterator[Apart]:
    (folder / "gateway.yaml").write_text(CONFIGURATION)
    environ = {
        **os.environ,
        "LEAD_GATEWAY_DATA_DIR": str(folder / "data"),
        "LEAD_GATEWAY_NAMESPACE": f"cost-{folder.name[-20:]}",
        # Without a disk: what is measured is the web, not how busy the machine's disk is.
        "REDIS_URL": redis_url,
        "LEAD_GATEWAY_ADMIN_TOKEN": TOKEN,
        "LEAD_GATEWAY_CONFIG": str(folder / "gateway.yaml"),
        "LEAD_GATEWAY_LOG_LEVEL": "warning",
    }
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with open_gateway(Settings.read(environ, config=folder / "gateway.yaml")) as gateway:
        process = subprocess.Popen([PROGRAM, "web", "--port", str(port)], env=environ)
        address = f"http://127.0.0.1:{port}"
        try:
            async with httpx.AsyncClient() as client, asyncio.timeout(60):
                while True:
                    try:
                        await client.get(f"{address}/healthz")
                        break
                    except httpx.HTTPError:
                        await asyncio.sleep(0.05)
            yield Apart(gateway, process, address)
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait, 20)


def person(number: int) -> Lead:
    """One of many: a thousand names, everybody's own address, phone and reference."""
    contact = Contact(
        full_name=f"Prénom{number % 100} Nom{number % 1000}",
        email=f"p{number}@example.org",
        phone=f"+3319900{number % 10_000:04d}",
    )
    return a_lead(
        f"lead-{number}", source="website", identity="website", kind="push", contact=contact,
        property=Property(reference=f"REF{number}"), created_at=datetime.now(UTC),
    )  # fmt: skip


async def feed(gateway: Gateway, rate: float, stop: asyncio.Event) -> int:
    """Leads at a rate, each delivered at once; how many there were."""
    count, began = 0, time.monotonic()
    await gateway.store.leases.start_worker("w")
    while not stop.is_set():
        due = int((time.monotonic() - began) * rate) - count
        if due > 0:
            results = await gateway.pipeline.accept([person(count + n) for n in range(due)])
            count += due
            ids = [item for result in results for item in result.deliveries]  # type: ignore[union-attr]
            await gateway.store.leases.renew_worker("w")
            (begun,) = await gateway.store.deliveries.begin("w", [Claim("crm", ids, 5.0)])
            reports = [
                Report(work.id, work.number, "delivered", Reason.ACCEPTED, 30, health="up")
                for work in begun.work
            ]
            await gateway.store.deliveries.finish("w", reports)
        await asyncio.sleep(0.05)
    return count


async def taken_in(gateway: Gateway, leads: list[Lead]) -> None:
    """Accept leads; a store that a busy machine keeps from answering in time is asked again."""
    async with asyncio.timeout(300):
        while True:
            with contextlib.suppress(StoreUnavailable):
                await gateway.pipeline.accept(leads)
                return


async def export(apart: Apart, headers: dict[str, str]) -> tuple[int, int]:
    """All leads as one file: its lines, and by how many bytes the web grew at most meanwhile."""
    process, lines, most = psutil.Process(apart.process.pid), 0, 0
    before = process.memory_info().rss
    async with (
        httpx.AsyncClient(base_url=apart.address, headers=headers, timeout=60) as client,
        client.stream("GET", "/v1/exports/leads?format=jsonl") as answer,
    ):
        async for chunk in answer.aiter_bytes():
            lines += chunk.count(b"\n")
            most = max(most, process.memory_info().rss - before)
    return lines, most


async def test_an_open_dashboard_costs_little_while_leads_come_fast(
    tmp_path: Path, browser: Browser, valkey_url: str
) -> None:
    async with web(tmp_path, valkey_url) as apart:
        stop = asyncio.Event()
        feeding = asyncio.create_task(feed(apart.gateway, 100.0, stop))
        page = await browser.new_page()
        await page.goto(signin_link(apart.address, TOKEN, datetime.now(UTC)))
        await page.locator(".row").first.wait_for()
        process = psutil.Process(apart.process.pid)
        refreshed: list[str] = []
        page.on("request", lambda request: refreshed.append(request.url))
        before, began = process.cpu_times(), time.monotonic()
        await page.wait_for_timeout(SECONDS * 1000)
        after, lasted = process.cpu_times(), time.monotonic() - began
        stop.set()
        leads = await feeding
    used = after.user + after.system - before.user - before.system
    print(
        f"one open dashboard: {used / lasted:.1%} of a core, {leads} leads, "
        f"{len(refreshed)} refreshes in {lasted:.0f} s"
    )
    assert refreshed
    assert used / lasted < 0.03


async def test_a_web_that_nobody_looks_at_costs_nothing_while_leads_come_fast(
    tmp_path: Path, valkey_url: str
) -> None:
    async with web(tmp_path, valkey_url) as apart:
        stop = asyncio.Event()
        process = psutil.Process(apart.process.pid)
        feeding = asyncio.create_task(feed(apart.gateway, 100.0, stop))
        before, began = process.cpu_times(), time.monotonic()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(feeding), SECONDS / 2)
        after, lasted = process.cpu_times(), time.monotonic() - began
        stop.set()
        leads = await feeding
    used = after.user + after.system - before.user - before.system
    print(f"nobody looks: {used / lasted:.2%} of a core, {leads} leads in {lasted:.0f} s")
    assert leads > 100
    assert used / lasted < 0.005


async def test_a_search_among_a_hundred_thousand_leads_is_quick(
    tmp_path: Path, browser: Browser, valkey_url: str
) -> None:
    async with web(tmp_path, valkey_url) as apart:
        for start in range(0, MANY, 500):
            await taken_in(apart.gateway, [person(start + n) for n in range(500)])
        times: dict[str, float] = {}
        headers = {"authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(base_url=apart.address, headers=headers) as client:
            for text in (
                "nom77",
                "prénom77 nom77",
                "p4711@example.org",
                "REF4711",
                "lead-4711",
                "",
            ):
                path = f"/v1/leads?limit=50&q={text}" if text else "/v1/leads?limit=50"
                took = []
                for _ in range(5):
                    began = time.monotonic()
                    answer = await client.get(path, timeout=30)
                    took.append(time.monotonic() - began)
                    assert answer.json()["items"], text
                # The quickest of five: what the search takes, not what the machine does besides.
                times[text or "(the list)"] = min(took)
        exported, grown = await export(apart, headers)
        page = await browser.new_page()
        await page.goto(signin_link(apart.address, TOKEN, datetime.now(UTC)))
        await page.goto(f"{apart.address}/leads")
        await page.get_by_role("searchbox").fill("nom77")
        await page.keyboard.press("Enter")
        await page.locator(".row").first.wait_for()
        found = await page.locator(".row").count()
    shown = {text: f"{1000 * seconds:.0f} ms" for text, seconds in times.items()}
    print(f"among {MANY} leads: {json.dumps(shown, ensure_ascii=False)}")
    print(f"{exported} lines exported, the web grew by {grown / 1e6:.0f} MB at most")
    assert exported == MANY
    assert grown < 40e6
    assert found == 50
    assert max(times.values()) < 0.2
