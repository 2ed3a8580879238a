"""The portal's leads: what it shows of each, by time, and how pages are cut from that.

A lead may be indexed late: it is kept, and no search finds it, until its moment comes.
"""

from __future__ import annotations

import base64
import binascii
import bisect
import heapq
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.sandbox.leads import PortalLead

KEPT = 200_000
"""Leads that a portal remembers, the oldest forgotten first."""

Place = tuple[int, str]
"""Where a lead stands in time: Unix milliseconds of its creation, and its id."""
_BY_CLASSIFIED = "classified:"


class BadKey(ValueError):
    """A LastItemKey that this portal never gave."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Which page: after which key, of how many items, oldest first or newest."""

    key: str | None = None
    limit: int = 100
    ascending: bool = True


@dataclass(frozen=True, slots=True)
class Cut:
    """A page: the items as JSON, where they stand, and the key of what follows, if anything."""

    items: list[bytes]
    places: list[Place]
    key: str | None


@dataclass(frozen=True, slots=True)
class _Kept:
    """A lead as bytes: a hundred thousand of them are held for a load test."""

    category: str
    at: int
    classified_id: int | None
    bodies: dict[str, bytes]
    single: bytes

    def lists(self) -> list[str]:
        """The lists it stands in."""
        named = self.classified_id is not None and "classifieds" in self.bodies
        return [*self.bodies, f"{_BY_CLASSIFIED}{self.classified_id}"] if named else [*self.bodies]


class Shelf:
    """Leads in the order of their creation, each with its wire form by feed."""

    def __init__(self) -> None:
        self._leads: dict[str, _Kept] = {}
        self._order: list[Place] = []
        self._lists: defaultdict[str, list[Place]] = defaultdict(list)
        self._late: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._leads)

    @property
    def ids(self) -> list[str]:
        """The ids of all leads by time, those that no search finds yet among them."""
        return [lead_id for _, lead_id in sorted(self._places())]

    @property
    def late(self) -> int:
        """How many leads no search finds yet."""
        return sum(lead_id in self._leads for _, lead_id in self._late)

    def get(self, lead_id: str) -> PortalLead | None:
        """One lead, whether or not a search finds it."""
        kept = self._leads.get(lead_id)
        if kept is None:
            return None
        return PortalLead(
            lead_id,
            kept.category,
            datetime.fromtimestamp(kept.at / 1000, UTC),
            {feed: json.loads(body) for feed, body in kept.bodies.items()},
            json.loads(kept.single),
            kept.classified_id,
        )

    def put(self, lead: PortalLead, shown_at: float | None = None) -> None:
        """Add one lead, or replace it. ``shown_at``: Unix seconds from which searches find it."""
        kept, before = _kept(lead), self._leads.get(lead.id)
        listed = before is not None and self._unlist(before, lead.id)
        self._leads[lead.id] = kept
        if listed or (before is None and shown_at is None):
            self._list(kept, lead.id)
        elif before is None and shown_at is not None:
            heapq.heappush(self._late, (shown_at, lead.id))
        while len(self._order) > KEPT:
            self.remove(self._order[0][1])

    def remove(self, lead_id: str) -> None:
        """Take a lead away, as if it had never been."""
        kept = self._leads.pop(lead_id, None)
        if kept is not None:
            self._unlist(kept, lead_id)

    def show_due(self, now: float) -> None:
        """Let searches find the late leads whose moment came. ``now`` in Unix seconds."""
        while self._late and self._late[0][0] <= now:
            _, lead_id = heapq.heappop(self._late)
            if kept := self._leads.get(lead_id):
                self._list(kept, lead_id)

    def page(self, feed: str, start: int, end: int, ask: Ask) -> Cut:
        """Items of a feed between two moments (ms, both included). Raises :class:`BadKey`."""
        places = self._lists.get(feed, [])
        low = bisect.bisect_left(places, (start, ""))
        high = bisect.bisect_right(places, (end, "\uffff"))
        return self._cut(feed, places, (low, high), ask)

    def classified(self, classified_id: int, ask: Ask) -> Cut:
        """The leads of one classified. Raises :class:`BadKey`."""
        places = self._lists.get(f"{_BY_CLASSIFIED}{classified_id}", [])
        return self._cut("classifieds", places, (0, len(places)), ask)

    def _cut(self, feed: str, places: list[Place], within: tuple[int, int], ask: Ask) -> Cut:
        low, high = within
        if ask.ascending:
            low = _after(places, low, high, ask)
            page, more = places[low : min(high, low + ask.limit)], low + ask.limit < high
        else:
            high = _after(places, low, high, ask)
            page, more = places[max(low, high - ask.limit) : high][::-1], high - ask.limit > low
        bodies = [self._leads[lead_id].bodies[feed] for _, lead_id in page]
        return Cut(bodies, page, key_of(page[-1]) if more else None)

    def _list(self, kept: _Kept, lead_id: str) -> None:
        place = (kept.at, lead_id)
        for places in (self._order, *(self._lists[name] for name in kept.lists())):
            if not places or places[-1] < place:
                places.append(place)
            else:
                bisect.insort(places, place)

    def _unlist(self, kept: _Kept, lead_id: str) -> bool:
        """Take a lead out of its lists; whether it stood in them."""
        place, found = (kept.at, lead_id), False
        for places in (self._order, *(self._lists[name] for name in kept.lists())):
            index = bisect.bisect_left(places, place)
            if index < len(places) and places[index] == place:
                del places[index]
                found = True
        return found

    def _places(self) -> Iterator[Place]:
        return ((kept.at, lead_id) for lead_id, kept in self._leads.items())


def key_of(place: Place) -> str:
    """The LastItemKey that means: after this lead. Leads that come in between change nothing."""
    return base64.urlsafe_b64encode(f"{place[0]}|{place[1]}".encode()).decode()


def position_key(position: int) -> str:
    """The LastItemKey of a portal that counts: after so many leads. What comes before shifts it."""
    return base64.urlsafe_b64encode(f"{position}|".encode()).decode()


def position_in(key: str | None) -> int:
    """How many leads were answered before a position key; 0 without one. Raises BadKey."""
    return _read(key)[0] if key else 0


def _read(key: str) -> Place:
    try:
        at, separator, lead_id = base64.urlsafe_b64decode(key.encode()).decode().partition("|")
        if not separator:
            raise BadKey(key)
        return int(at), lead_id
    except (ValueError, binascii.Error) as error:
        raise BadKey(key) from error


def _after(places: list[Place], low: int, high: int, ask: Ask) -> int:
    """Where a page begins (or, newest first, ends) within ``low`` and ``high``."""
    if not ask.key:
        return low if ask.ascending else high
    mark = _read(ask.key)
    if not mark[1]:
        return min(low + mark[0], high) if ask.ascending else max(high - mark[0], low)
    if ask.ascending:
        return max(low, bisect.bisect_right(places, mark))
    return min(high, bisect.bisect_left(places, mark))


def _kept(lead: PortalLead) -> _Kept:
    written: dict[int, bytes] = {}  # most feeds show the same item: it is held once

    def body(item: Any) -> bytes:
        if id(item) not in written:
            written[id(item)] = json.dumps(item, ensure_ascii=False).encode()
        return written[id(item)]

    return _Kept(
        lead.category,
        round(lead.created_at.timestamp() * 1000),
        lead.classified_id,
        {feed: body(item) for feed, item in lead.feeds.items()},
        body(lead.single),
    )
