"""A bare client of the simulated portal: asks as the vendor's page says, and judges nothing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from gateway.sandbox.portal import Portal, portal_app
from gateway.sandbox.portal.app import SEARCHES
from gateway.sandbox.server import serve

ALL_TIME = (0, 4_000_000_000)


@dataclass
class Client:
    """Asks one portal. ``portal`` is the same one, to look into."""

    portal: Portal
    http: httpx.AsyncClient
    token: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    async def sign_in(self, **fields: str) -> httpx.Response:
        """Ask for a token; it is shown from now on."""
        form = {
            "grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox",
            "scope": "laas:leads:get", **fields,
        }  # fmt: skip
        answer = await self.http.post("/oauth/token", data=form)
        if answer.is_success and "json" in answer.headers["content-type"]:
            self.token = answer.json()["access_token"]
        return answer

    async def post(self, path: str, body: Any) -> httpx.Response:
        """Any request with the token."""
        headers = {"authorization": f"Bearer {self.token}"}
        return await self.http.post(path, json=body, headers=headers)

    async def search(
        self, feed: str, period: tuple[int, int] = ALL_TIME, **paging: Any
    ) -> httpx.Response:
        """One page of a feed."""
        criteria = {"StartDate": period[0], "EndDate": period[1]}
        return await self.post(SEARCHES[feed], {"SearchCriteria": criteria, "Pagination": paging})

    async def lead(self, lead_id: str) -> httpx.Response:
        """Operation 2."""
        headers = {"authorization": f"Bearer {self.token}"}
        return await self.http.get(f"/v2/leads/{lead_id}", headers=headers)

    async def walk(self, feed: str, **paging: Any) -> list[list[Any]]:
        """All pages of a feed, as lists of items."""
        pages, key = [], None
        for _ in range(1000):
            asked = {**paging, "LastItemKey": key} if key else paging
            data = (await self.search(feed, **asked)).json()["Data"]
            pages.append(data["Items"])
            key = data.get("LastItemKey")
            if not key:
                return pages
        raise AssertionError("the pages never end")


def ids(items: list[Any]) -> list[str]:
    """The ids of raw items."""
    return [str(item["leadMetaInfos"]["leadId"]) for item in items]


def flat(pages: list[list[Any]]) -> list[Any]:
    """The items of all pages."""
    return [item for page in pages for item in page]


def at(second: int) -> datetime:
    """A moment of 2026-11-24, so many seconds after midnight."""
    return datetime.fromtimestamp(1_795_478_400 + second, UTC)


@contextlib.asynccontextmanager
async def sandbox(portal: Portal | None = None) -> AsyncIterator[Client]:
    """A portal that serves, and a client that is signed in."""
    portal = portal or Portal(seed=3)
    async with serve(portal_app(portal)) as url, httpx.AsyncClient(base_url=url) as http:
        client = Client(portal, http)
        await client.sign_in()
        yield client
