"""Mails and Slack messages opened in a real Chromium: no scrolling sideways, and readable."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.browser.messages import pages
from tests.builders import CATEGORIES, LEADS

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.timeout(180)]

PHONE = 360
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
CASES = [(category, lead) for category in CATEGORIES for lead in LEADS]

# WCAG 2.2, 1.4.3: 4.5 to 1, and 3 to 1 for large text. What is behind a text is the next background
# that is not transparent; a button's is its cell's.
FAINT = """() => {
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const line = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const [x, y, z] = [r, g, b].map(v => line(v / 255));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18] : [255, 255, 255];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement, style = getComputedStyle(element);
    if (!node.data.trim() || !element.checkVisibility({opacityProperty: true})) continue;
    const [a, b] = [light(parse(style.color)), light(behind(element))].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize), bold = style.fontWeight >= 700;
    const enough = size >= 24 || (bold && size >= 18.66) ? 3 : 4.5;
    const ratio = (a + 0.05) / (b + 0.05);
    const words = node.data.trim().slice(0, 30);
    if (ratio < enough) faint.push(`${ratio.toFixed(2)} ${style.color} ${words}`);
  }
  return faint;
}"""


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as play:
        opened = await play.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield opened
        await opened.close()


async def opened(
    browser: Browser, source: str, scheme: Literal["light", "dark"], width: int, **given: Any
) -> Page:
    """The page; it fails when it asks the network for anything."""
    context = await browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, **given
    )
    page = await context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.set_content(source)
    assert asked == []
    return page


@pytest.mark.parametrize("what", ["mail", "slack"])
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_everything_is_readable_and_nothing_scrolls_sideways(
    browser: Browser, what: str, scheme: Literal["light", "dark"]
) -> None:
    troubles = []
    page = await opened(browser, "", scheme, PHONE)
    for category, lead in CASES:
        await page.set_content(pages(category, lead)[what])
        width = await page.evaluate("document.documentElement.scrollWidth")
        if width > PHONE:
            troubles.append(f"{category} {lead}: {width} px wide")
        troubles += [f"{category} {lead}: {text}" for text in await page.evaluate(FAINT)]
    assert troubles == []


async def test_the_first_screen_of_a_phone_says_who_and_calls_with_one_tap(
    browser: Browser,
) -> None:
    page = await opened(browser, pages("CLASSIFIED", "complete")["mail"], "light", PHONE)
    who, call = page.locator("h1"), page.get_by_role("link", name="Appeler")
    assert await who.inner_text() == "Élodie de La Tourfictive"
    assert await call.get_attribute("href") == "tel:+33639981234"
    for element in (who, call):
        box = await element.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 400
    box = await call.bounding_box()
    assert box is not None
    assert box["height"] >= 44  # a thumb's width
