"""The page behind a claim link on a phone: as wide as it, taken by one thumb, in both languages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.shots import CLAIMS, Stage, claim_link, stage
from tests.browser.test_accessible import violations

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.timeout(180)]

THUMB = 36.0
"""The least height in pixels of what a thumb presses."""


@pytest.fixture
async def shown(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as made:
        yield made


async def fits(page: Page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("look", CLAIMS)
async def test_a_thumb_takes_a_lead_on_a_phone(shown: Stage, browser: Browser, look: str) -> None:
    context = await browser.new_context(
        **{**CLAIMS[look], "viewport": {"width": 320, "height": 640}}
    )
    page = await context.new_page()
    faults: list[str] = []
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    link = await claim_link(shown)
    french = look.startswith("fr")
    await page.goto(f"{link}?lang={look[:2]}")
    button = page.get_by_role("button", name="Je m’en occupe" if french else "I take it")
    box = await button.bounding_box()
    assert box is not None
    assert box["height"] >= THUMB
    assert await fits(page)
    assert await violations(page) == []
    waiting = await shown.gateway.store.ladders.unclaimed()

    await page.get_by_label("Qui s’en occupe" if french else "Who takes it").select_option(
        "Bob Petit"
    )
    await button.click()
    await expect(page.locator(".claimed")).to_contain_text("Bob Petit")
    assert await page.locator("form[method=post]").count() == 0
    assert await page.locator('a[href^="tel:"], a[href^="mailto:"]').count() > 0
    assert await fits(page)
    assert await violations(page) == []
    assert len(await shown.gateway.store.ladders.unclaimed()) == len(waiting) - 1

    # Whoever comes later sees who has it, and can take nothing.
    await page.goto(link)
    await expect(page.locator(".claimed")).to_contain_text("Bob Petit")
    assert faults == []
    await context.close()


async def test_a_link_that_is_over_says_what_to_do(shown: Stage, browser: Browser) -> None:
    page = await browser.new_page(viewport={"width": 320, "height": 640})
    link = await claim_link(shown)
    answer = await page.goto(link[:-1] + ("A" if link[-1] != "A" else "B"))
    assert answer is not None
    assert answer.status == 404
    await expect(page.get_by_role("heading")).to_have_count(1)
    assert await fits(page)
    assert await violations(page) == []
