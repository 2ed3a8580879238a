"""Every page for everybody: axe finds nothing serious, a keyboard reaches everything, no page is
wider than a phone, and no page of a newcomer is without a word of what to do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, Page

from gateway.store import Process
from tests.browser.shots import PAGES, Stage, stage, telling

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.timeout(240)]

AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
SERIOUS = ("serious", "critical")
MORE = {
    "preview": "/destinations/crm?preview=PROJECT",
    "search": "/leads?q=essai",
    "nobody": "/leads?q=nobody-at-all",
    "group": "/dead-letters?destination=crm",
    "missing": "/nothing-here",
}


@pytest.fixture
async def shown(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as made:
        yield made


async def addresses(shown: Stage) -> dict[str, str]:
    lead = await telling(shown)
    pages = {name: path.format(source="seloger", id=lead) for name, path in PAGES.items()}
    return {**pages, **MORE}


async def violations(page: Page) -> list[str]:
    """What axe calls serious or critical, with the first element of each."""
    await page.evaluate(AXE)
    found: Any = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{item['id']}: {node['html'][:160]} ({node['failureSummary'][:200]})"
        for item in found["violations"]
        if item["impact"] in SERIOUS
        for node in item["nodes"][:1]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "fr"])
async def test_axe_finds_nothing_serious_on_any_page(
    shown: Stage, browser: Browser, scheme: Literal["light", "dark"], language: str
) -> None:
    process = Process("p", "worker", "host", 7, "1", "abc", 0.0, "gateway.yaml:3: no")
    await shown.gateway.store.processes.here(process)
    context = await browser.new_context(color_scheme=scheme, reduced_motion="reduce")
    page = await context.new_page()
    faults = {}
    await page.goto(f"{shown.address}/signin?lang={language}")
    faults["signin"] = await violations(page)
    await page.goto(shown.link())
    for name, path in (await addresses(shown)).items():
        await page.goto(shown.address + path)
        faults[name] = await violations(page)
    assert {name: found for name, found in faults.items() if found} == {}


async def test_a_keyboard_reaches_every_button_and_shows_where_it_is(
    shown: Stage, browser: Browser
) -> None:
    page = await browser.new_page()
    await page.goto(shown.link())
    await page.goto(shown.address + "/destinations")
    wanted = await page.evaluate(
        """Array.from(document.querySelectorAll('a, button, input, select, summary')).filter(
             (item) => item.checkVisibility() && !item.disabled && item.type !== 'hidden'
           ).length"""
    )
    seen: set[str] = set()
    for _ in range(wanted + 5):
        await page.keyboard.press("Tab")
        place = await page.evaluate(
            """() => {
              const item = document.activeElement, style = getComputedStyle(item);
              const marked = style.outlineStyle !== 'none' || item.closest('.row') !== null;
              return [item.outerHTML.slice(0, 200), marked && item !== document.body];
            }"""
        )
        if place[0].startswith("<body"):
            break
        assert place[1], place[0]
        seen.add(place[0])
    assert len(seen) >= wanted - 2
    await page.goto(shown.address + "/")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    assert page.url.endswith("#main")


@pytest.mark.parametrize("language", ["en", "fr"])
async def test_no_page_is_wider_than_a_phone(shown: Stage, browser: Browser, language: str) -> None:
    context = await browser.new_context(viewport={"width": 360, "height": 740})
    page = await context.new_page()
    await page.goto(shown.link())
    await page.goto(f"{shown.address}/?lang={language}")
    wide = {}
    for name, path in (await addresses(shown)).items():
        await page.goto(shown.address + path)
        width = await page.evaluate("document.documentElement.scrollWidth")
        if width > 360:
            wide[name] = width
    assert wide == {}


async def test_no_page_asks_anybody_else_for_anything(shown: Stage, browser: Browser) -> None:
    page = await browser.new_page()
    asked: list[str] = []
    troubles: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda line: troubles.append(line.text) if line.type == "error" else None)
    await page.goto(shown.link())
    for name, path in (await addresses(shown)).items():
        if name != "missing":
            await page.goto(shown.address + path)
    assert {url for url in asked if not url.startswith(shown.address)} == set()
    assert troubles == []
