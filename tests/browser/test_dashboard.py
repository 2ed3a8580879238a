"""The dashboard in a real Chromium: sign in, watch a lead arrive, mend a dead letter."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from playwright.async_api import Browser, async_playwright

from gateway.delivery import State
from gateway.web import server
from gateway.web.sessions import signin_link
from gateway.wiring import load_checked, open_gateway
from tests.e2e.conftest import House, house, until  # noqa: F401 - fixtures

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.timeout(180)]

PATIENCE = 20_000


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as play:
        opened = await play.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield opened
        await opened.close()


@pytest.fixture
async def dashboard(house: House) -> AsyncIterator[str]:  # noqa: F811
    """The web role's address while it runs."""
    stop = asyncio.Event()
    async with open_gateway(house.settings, load_checked(house.settings)) as gateway:
        address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(
            server.serve(gateway, stop, host="127.0.0.1", port=0, ready=address.set_result)
        )
        async with asyncio.timeout(20):
            await address
        yield address.result().rstrip("/")
        stop.set()
        await task


async def test_a_lead_arrives_live_and_a_dead_letter_is_mended(
    house: House,  # noqa: F811
    dashboard: str,
    browser: Browser,
) -> None:
    page = await browser.new_page(viewport={"width": 1280, "height": 860})
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda line: troubles.append(line.text) if line.type == "error" else None)
    await page.goto(signin_link(dashboard, house.settings.token(), datetime.now(UTC)))
    house.crm.always = 422
    async with house.running() as gateway:
        (lead,) = house.portal.add(1, "CLASSIFIED")
        name = lead.feeds["leads"]["contactRequest"]["fullName"]
        await page.get_by_text(name).first.wait_for(timeout=PATIENCE)
        await page.goto(f"{dashboard}/leads/seloger/{lead.id}")
        house.crm.always = 200
        await page.locator("form[action*=replay] button").first.click()
        await house.crm.got.wait_for(1, 20)
        found = await gateway.store.deliveries.page(destinations=["crm"])
        async with asyncio.timeout(10):
            while found.items[0].state is not State.DELIVERED:
                found = await gateway.store.deliveries.page(destinations=["crm"])
    assert troubles == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_phone_never_scrolls_sideways(
    house: House,  # noqa: F811
    dashboard: str,
    browser: Browser,
    scheme: str,
) -> None:
    house.portal.add(3)
    async with house.running():
        await house.crm.got.wait_for(3, 20)
    context = await browser.new_context(
        viewport={"width": 390, "height": 844},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = await context.new_page()
    await page.goto(signin_link(dashboard, house.settings.token(), datetime.now(UTC)))
    for path in ("/", "/leads", "/dead-letters", f"/leads/seloger/{house.portal.created[0]}"):
        await page.goto(dashboard + path)
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, path
