"""The portal's leads by time, and how pages are cut from them."""

from __future__ import annotations

import base64
import bisect
import json
from datetime import datetime

from gateway.sandbox.leads import PortalLead

KEPT = 200_000
"""Leads that a portal remembers, the oldest forgotten first."""


class Shelf:
    """Leads in the order of their creation, each with its wire form by feed."""

    def __init__(self) -> None:
        self._order: list[tuple[int, str]] = []
        self._leads: dict[str, tuple[PortalLead, dict[str, bytes]]] = {}

    def __len__(self) -> int:
        return len(self._order)

    @property
    def ids(self) -> list[str]:
        """The ids of all leads, by time."""
        return [lead_id for _, lead_id in self._order]

    def get(self, lead_id: str) -> PortalLead | None:
        """One lead."""
        found = self._leads.get(lead_id)
        return found[0] if found else None

    def put(self, lead: PortalLead) -> None:
        """Add one lead, or replace it."""
        bodies = {
            feed: json.dumps(item, ensure_ascii=False).encode() for feed, item in lead.feeds.items()
        }
        if lead.id not in self._leads:
            bisect.insort(self._order, (_ms(lead.created_at), lead.id))
        self._leads[lead.id] = (lead, bodies)
        while len(self._order) > KEPT:
            _, oldest = self._order.pop(0)
            del self._leads[oldest]

    def page(
        self, feed: str, start: int, end: int, key: str | None, limit: int, ascending: bool
    ) -> tuple[list[bytes], str | None]:
        """Items of a feed between two moments (ms, both included), after a key; and the
        next key.
        """
        low = bisect.bisect_left(self._order, (start, ""))
        high = bisect.bisect_right(self._order, (end, "\uffff"))
        if key is not None:
            mark = _place(key)
            if ascending:
                low = max(low, bisect.bisect_right(self._order, mark))
            else:
                high = min(high, bisect.bisect_left(self._order, mark))
        items: list[bytes] = []
        last: tuple[int, str] | None = None
        for index in range(low, high) if ascending else range(high - 1, low - 1, -1):
            body = self._leads[self._order[index][1]][1].get(feed)
            if body is None:
                continue
            if len(items) == limit:
                return items, _key(*last) if last else None
            items.append(body)
            last = self._order[index]
        return items, None

    def classified(self, classified_id: int) -> list[bytes]:
        """The leads of one classified, oldest first."""
        return [
            self._leads[lead_id][1]["classifieds"]
            for _, lead_id in self._order
            if self._leads[lead_id][0].classified_id == classified_id
            and "classifieds" in self._leads[lead_id][1]
        ]


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _key(at: int, lead_id: str) -> str:
    return base64.urlsafe_b64encode(f"{at}|{lead_id}".encode()).decode()


def _place(key: str) -> tuple[int, str]:
    at, _, lead_id = base64.urlsafe_b64decode(key.encode()).decode().partition("|")
    return int(at), lead_id
