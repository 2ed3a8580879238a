"""The seven operations of the GSL Leads API v2, typed, page by page.

Owns how each is asked and what a page is; never what a lead means. Operations are numbered in the
order of the vendor's page: the five searches (1, 3, 5, 6, 7), one lead (2), the leads of one
classified (4).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

from gateway.http.asking import Asked, wrong_answer
from gateway.sources.gsl_config import Feed, GslConfig
from gateway.sources.portal import Portal, Reply
from gateway.sources.protocol import Page, Slice, SourceProblem

MOST_PAGES = 10_000
"""Pages of one walk: a million leads in seven days is not an agency, it is a loop."""

Unit = Literal["seconds", "milliseconds"]


class GslClient:
    """Asks the portal. Every method raises :class:`SourceProblem` and nothing else of its own."""

    def __init__(self, config: GslConfig, portal: Portal) -> None:
        self._config = config
        self._portal = portal
        self._base = config.base_url.rstrip("/")

    def search(
        self, feed: Feed, window: Slice, *, unit: Unit | None = None, limit: int | None = None
    ) -> AsyncGenerator[Page, None]:
        """Operations 1, 3, 5, 6, 7: what one feed has between two moments, oldest first.

        ``unit`` of the moments and ``limit`` of a page are the configuration's unless given.
        """
        asked = self._asked(f"feed {feed}", feed)
        criteria = {
            "StartDate": self._moment(window.start, unit),
            "EndDate": self._moment(window.end, unit),
        }
        path = getattr(self._config.paths, feed)
        return self._walk(feed, path, {"SearchCriteria": criteria}, asked, limit)

    def classified(self, classified_id: int) -> AsyncGenerator[Page, None]:
        """Operation 4: every lead of one classified, oldest first."""
        path = self._config.paths.classified.replace("{classifiedId}", str(classified_id))
        asked = self._asked(f"classified {classified_id}", "classified")
        return self._walk("classifieds", path, {}, asked, None)

    async def lead(self, lead_id: str) -> dict[str, Any] | None:
        """Operation 2: one lead, unwrapped, with its ``estimation``; None when it is not there."""
        if not lead_id.strip("."):  # "..": a path would climb
            return None
        path = self._config.paths.lead.replace("{leadId}", quote(lead_id, safe=""))
        asked = self._asked("one lead", "lead")
        try:
            reply = await self._portal.ask("GET", self._base + path, asked)
        except SourceProblem as problem:
            if problem.status == 404:
                return None
            raise
        if not isinstance(reply.value, dict):
            raise wrong_answer(reply.answer, asked, "JSON that is no lead")
        return reply.value

    async def _walk(
        self, feed: str, path: str, body: dict[str, Any], asked: Asked, limit: int | None
    ) -> AsyncGenerator[Page, None]:
        """Ask page after page until one brings no LastItemKey (absent, null or empty)."""
        paging: dict[str, Any] = {"Limit": limit or self._config.page_size, "Order": "asc"}
        seen: set[bytes] = set()
        for _ in range(MOST_PAGES):
            reply = await self._portal.ask(
                "POST", self._base + path, asked, json={**body, "Pagination": paging}
            )
            items, key = _page(reply, asked)
            yield Page(feed, items, reply.portal_time)
            if key in (None, ""):
                return
            mark = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).digest()
            if mark in seen:
                raise SourceProblem(
                    "protocol",
                    f"{asked.what}: the portal gave the same LastItemKey twice, which would never "
                    "end; the period is read again, and its support should know",
                    status=reply.answer.status,
                )
            seen.add(mark)
            paging = {**paging, "LastItemKey": key}
        raise SourceProblem("protocol", f"{asked.what}: no end after {MOST_PAGES} pages")

    def _moment(self, moment: datetime, unit: Unit | None) -> int:
        factor = 1000 if (unit or self._config.timestamps) == "milliseconds" else 1
        return int(moment.timestamp() * factor)

    def _asked(self, what: str, path: str) -> Asked:
        where = self._portal.where
        return Asked(f"{where}, {what}", f"{where}.base_url", f"{where}.paths.{path}")


def _page(reply: Reply, asked: Asked) -> tuple[list[Any], Any]:
    """A page's items and its LastItemKey. Raises :class:`SourceProblem` when it is no page.

    ``Data`` and ``Items`` may be null, or absent beside ``Count: 0``. Anything else must not pass
    for an empty page: the checkpoint would move past leads that nobody saw.
    """
    page = reply.value
    if not isinstance(page, dict) or not ("Data" in page or page.get("Count") == 0):
        raise wrong_answer(reply.answer, asked, "JSON that is no page of leads")
    data = page.get("Data")
    data = {} if data is None else data
    items = data.get("Items") if isinstance(data, dict) else data
    items = [] if items is None else items
    if not isinstance(data, dict) or not isinstance(items, list):
        raise wrong_answer(reply.answer, asked, "a page whose Items are no list")
    return items, data.get("LastItemKey")
