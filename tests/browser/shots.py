"""Pictures of the dashboard's pages and of messages: ``python -m tests.browser.shots FOLDER``.

The pages are of an invented day, on a store of its own. Those of the documentation, or with
``--every`` each page in light, dark, a phone's width and French.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright

from gateway.sandbox.leads import LeadFactory
from gateway.settings import Settings
from gateway.sources.gsl_lead import normalise
from gateway.web import server
from gateway.web.sessions import signin_link
from gateway.wiring import Gateway, open_gateway
from tests.browser import scene
from tests.browser.messages import pages

PAGES = {
    "overview": "/",
    "leads": "/leads",
    "lead": "/leads/{source}/{id}",
    "dead-letters": "/dead-letters",
    "agents": "/agents",
    "speed": "/speed",
    "destinations": "/destinations",
    "destination": "/destinations/crm",
    "sources": "/sources",
    "configuration": "/configuration",
    "rejected": "/rejected",
    "api": "/api",
}
LOOKS: dict[str, Any] = {
    "light": {"viewport": {"width": 1280, "height": 860}},
    "dark": {"viewport": {"width": 1280, "height": 860}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2},
    "french": {"viewport": {"width": 1280, "height": 860}},
}
DOCUMENTED = (
    ("overview", "light"),
    ("overview", "dark"),
    ("overview", "phone"),
    ("overview", "french"),
    ("leads", "light"),
    ("lead", "light"),
    ("dead-letters", "light"),
    ("destination", "light"),
    ("sources", "light"),
)
EVERY = tuple((page, look) for look in LOOKS for page in PAGES)


@dataclass(frozen=True)
class Stage:
    """A web that shows the scene."""

    gateway: Gateway
    address: str
    ids: list[str]

    def link(self) -> str:
        return signin_link(self.address, scene.TOKEN, datetime.now(UTC))


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    """The scene in an embedded store, and the web in this process."""
    config = folder / "gateway.yaml"
    config.write_text(scene.CONFIGURATION)
    environ = {
        "LEAD_GATEWAY_DATA_DIR": str(folder / "data"),
        "LEAD_GATEWAY_ADMIN_TOKEN": scene.TOKEN,
    }
    settings = Settings.read(environ, config=config)
    async with open_gateway(settings) as gateway:
        ids = await scene.play(gateway)
        stop = asyncio.Event()
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(server.serve(gateway, stop, port=0, ready=ready.set_result))
        yield Stage(gateway, (await ready).rstrip("/"), ids)
        stop.set()
        await serving


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Debian's, without a window."""
    async with async_playwright() as play:
        browser = await play.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        await browser.close()


async def paint(folder: Path, wanted: Sequence[tuple[str, str]]) -> None:
    """These pages, each in its look."""
    with tempfile.TemporaryDirectory(prefix="lead-gateway-shots-") as place:
        async with stage(Path(place)) as shown, chromium() as browser:
            lead = await telling(shown)
            for look in dict.fromkeys(look for _, look in wanted):
                context = await browser.new_context(**LOOKS[look])
                page = await context.new_page()
                await page.goto(shown.link())
                await page.goto(f"{shown.address}/?lang={'fr' if look == 'french' else 'en'}")
                for name in [page for page, wears in wanted if wears == look]:
                    await scene.live(shown.gateway)
                    await page.goto(shown.address + PAGES[name].format(source="seloger", id=lead))
                    await page.screenshot(path=folder / f"{name}-{look}.png")
                await context.close()


CLAIMS: dict[str, Any] = {
    f"{language}-{scheme}": {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 2,
        "color_scheme": scheme,
        "locale": language,
    }
    for language in ("en", "fr")
    for scheme in ("light", "dark")
}
"""A phone, as claim links are opened on one."""


async def paint_claims(folder: Path) -> None:
    """The page behind a claim link, before and after, as a phone shows it."""
    with tempfile.TemporaryDirectory(prefix="lead-gateway-shots-") as place:
        async with stage(Path(place)) as shown, chromium() as browser:
            for number, (name, look) in enumerate(CLAIMS.items()):
                link = await claim_link(shown, 100 + number)
                context = await browser.new_context(**look)
                page = await context.new_page()
                await page.goto(f"{link}?lang={look['locale']}")
                await page.screenshot(path=folder / f"claim-{name}.png")
                await page.locator("form button").click()
                await page.locator(".claimed").wait_for()
                await page.screenshot(path=folder / f"claimed-{name}.png")
                await context.close()


MESSAGES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "mail-light": ("mail", "CLASSIFIED", {"width": 640}),
    "mail-dark": ("mail", "ESTIMATION", {"width": 640, "scheme": "dark"}),
    "mail-phone": ("mail", "CLASSIFIED", {"width": 390}),
    "slack-light": ("slack", "CLASSIFIED", {"width": 640}),
    "slack-dark": ("slack", "ESTIMATION", {"width": 640, "scheme": "dark"}),
}


async def paint_messages(folder: Path) -> None:
    """A mail and a Slack message, as whoever gets them sees them."""
    async with chromium() as browser:
        for name, (what, category, look) in MESSAGES.items():
            context = await browser.new_context(
                viewport={"width": look["width"], "height": 800},
                color_scheme=look.get("scheme", "light"),
                device_scale_factor=1.5,
            )
            page = await context.new_page()
            await page.set_content(pages(category, "complete")[what])
            tall = await page.evaluate("document.body.scrollHeight")
            await page.set_viewport_size({"width": look["width"], "height": min(tall, 1000)})
            await page.screenshot(path=folder / f"{name}.png")
            await context.close()


async def claim_link(shown: Stage, seed: int = 100) -> str:
    """A link to a lead that came a moment ago, as a mail carries it."""
    now = datetime.now(UTC)
    made = LeadFactory(seed).make(at=now - timedelta(seconds=40))
    lead = normalise(made.feeds, source="seloger", identity="seloger", received_at=now)
    (accepted,) = await shown.gateway.pipeline.accept([lead])
    assert not isinstance(accepted, Exception)
    links = shown.gateway.store.threads.claim_links
    return f"{shown.address}/claim/{links.token(accepted.deliveries[0], now + timedelta(days=7))}"


async def telling(shown: Stage) -> str:
    """A lead with a dead letter in it: there is most to see."""
    page = await shown.gateway.store.deliveries.page(states=["dead"])  # type: ignore[list-item]
    return page.items[0].lead_id if page.items else shown.ids[-1]


def main() -> None:
    """Paint into a folder what the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", action="store_true", help="each page in every look")
    parser.add_argument("--claims", action="store_true", help="the page behind a claim link alone")
    parser.add_argument("--messages", action="store_true", help="a mail and a Slack message alone")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.claims:
        asyncio.run(paint_claims(given.folder))
        return
    if given.messages:
        asyncio.run(paint_messages(given.folder))
        return
    asyncio.run(paint(given.folder, EVERY if given.every else DOCUMENTED))


if __name__ == "__main__":
    main()
