"""The dashboard in a real Chromium: sign in, watch a lead arrive, mend a dead letter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from playwright.async_api import Browser, Page

from gateway.web import server
from gateway.web.sessions import signin_link
from gateway.wiring import load_checked, open_gateway
from tests.e2e.conftest import House, house, until  # noqa: F401 - fixtures

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.timeout(180)]

PATIENCE = 20_000


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


async def signed_in(house: House, dashboard: str, browser: Browser) -> Page:  # noqa: F811
    """A page in front of somebody who typed the token in; it fails on any fault of its own."""
    page = await browser.new_page(viewport={"width": 1280, "height": 860})
    page.set_default_timeout(PATIENCE)
    await page.goto(dashboard)
    await page.get_by_label("Jeton d’administration").fill("wrong")
    await page.get_by_role("button", name="Se connecter").click()
    await page.get_by_role("alert").wait_for()
    await page.get_by_label("Jeton d’administration").fill(house.settings.token())
    await page.get_by_role("button", name="Se connecter").click()
    await page.get_by_role("heading", name="Arrivées en direct").wait_for()
    return page


async def test_a_lead_arrives_live_and_a_dead_letter_is_mended(
    house: House,  # noqa: F811
    dashboard: str,
    browser: Browser,
) -> None:
    page = await signed_in(house, dashboard, browser)
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda line: troubles.append(line.text) if line.type == "error" else None)
    house.crm.always = 422
    async with house.running():
        (lead,) = house.portal.add(1, "CLASSIFIED")
        name = lead.feeds["leads"]["contactRequest"]["fullName"]
        # It shows by itself, with what became of each delivery.
        row = page.locator(".row", has_text=name)
        await row.locator(".chip.dead", has_text="crm").wait_for()
        await page.locator("#dead-count .badge", has_text="1").wait_for()
        await row.get_by_role("link", name=name).click()
        await page.locator("article", has_text="crm").get_by_text("422").wait_for()
        await page.get_by_role("link", name="Échecs").click()
        await (
            page.get_by_role("link", name="crm refusé définitivement")
            .or_(page.locator(".groups a", has_text="crm"))
            .first.click()
        )
        house.crm.always = 200
        await page.locator(".letters input.pick").check()
        await page.get_by_role("button", name="Rejouer la sélection 1").click()
        await page.get_by_role("status").get_by_text("Rejoués : 1.").wait_for()
        await house.crm.got.wait_for(1, 20)
        await page.goto(f"{dashboard}/leads/seloger/{lead.id}")
        await page.locator("article", has_text="crm").locator(".chip.delivered").wait_for()
        await page.locator("#dead-count .badge").wait_for(state="detached")
    assert troubles == []


async def test_a_destination_is_paused_and_what_waited_goes_out_on_resume(
    house: House,  # noqa: F811
    dashboard: str,
    browser: Browser,
) -> None:
    page = await signed_in(house, dashboard, browser)
    async with house.running():
        await page.get_by_role("link", name="Destinations", exact=True).click()
        await page.locator("#pause-crm").click()
        await page.get_by_role("status").get_by_text("Suspendue.").wait_for()
        (lead,) = house.portal.add(1, "AGENCY")
        await house.inbox.got.wait_for(1, 20)
        await page.goto(f"{dashboard}/leads/seloger/{lead.id}")
        await page.locator("article", has_text="crm").locator(".chip.held").wait_for()
        assert list(house.crm.got.all) == []
        await page.goto(f"{dashboard}/destinations/crm")
        await page.get_by_role("button", name="Reprendre").click()
        await house.crm.got.wait_for(1, 20)
    assert len(house.crm.got.all) == 1


async def test_a_person_is_searched_for_and_erased(
    house: House,  # noqa: F811
    dashboard: str,
    browser: Browser,
) -> None:
    page = await signed_in(house, dashboard, browser)
    async with house.running() as gateway:
        (lead,) = house.portal.add(1, "ESTIMATION")
        contact = lead.feeds["leads"]["contactRequest"]
        for sink in (house.crm.got, house.inbox.got, house.slack.got):
            await sink.wait_for(1, 20)
        await page.goto(f"{dashboard}/leads")
        await page.get_by_role("searchbox").fill(contact["email"])
        await page.keyboard.press("Enter")
        await page.get_by_role("link", name=contact["fullName"]).click()
        await page.get_by_text("Effacer", exact=True).click()
        await page.get_by_role("button", name="Oui, effacer").click()
        await page.get_by_role("status").get_by_text("effacé").wait_for()
        await page.get_by_role("searchbox").fill(contact["email"])
        await page.keyboard.press("Enter")
        await page.get_by_text("Personne de trouvé").wait_for()
        assert await gateway.store.leads.count() == 0


async def test_a_test_is_sent_and_a_preview_is_shown_from_the_page(
    house: House,  # noqa: F811
    dashboard: str,
    browser: Browser,
) -> None:
    page = await signed_in(house, dashboard, browser)
    for name in ("crm", "inbox", "team"):
        await page.goto(f"{dashboard}/destinations/{name}")
        await page.get_by_role("combobox").select_option("PROJECT")
        await page.get_by_role("button", name="Aperçu").click()
        await page.get_by_role("heading", name="Ce qui partirait").wait_for()
        await page.get_by_role("button", name="Envoyer un test").click()
        await page.locator(".tried.good").wait_for()
    assert [len(sink.got.all) for sink in (house.crm, house.inbox, house.slack)] == [1, 1, 1]


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
