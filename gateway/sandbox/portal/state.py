"""The portal's state: its account, its leads, its clock, and what is wrong with it."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.sandbox.leads import LeadFactory, PortalLead
from gateway.sandbox.portal.faults import Faults
from gateway.sandbox.portal.grants import Grants
from gateway.sandbox.portal.sheet import Late, Sheet
from gateway.sandbox.portal.shelf import Shelf

SOONEST_LATE = 60.0
"""Seconds after which a late lead is found at the earliest."""


@dataclass(slots=True)
class Portal:
    """One account of a portal, in this process. Tests may set any of its fields at any time."""

    client_id: str = "sandbox"
    client_secret: str = "sandbox"
    token_lifetime: float = 3600
    milliseconds: bool = False
    clock_skew: float = 0.0
    """Seconds its clock is ahead of this machine's."""
    forbidden_feeds: frozenset[str] = frozenset()
    down: bool = False
    late: Late | None = None
    by_position: bool = False
    refuses_future: bool = False
    ignores_scope: bool = False
    named_errors: bool = False
    seed: int = 1
    clock: Callable[[], float] = time.time
    """Unix seconds; a test may let time pass by it."""
    calls: Counter[str] = field(default_factory=Counter)
    faults: Faults = field(init=False)
    grants: Grants = field(default_factory=Grants)
    leads: Shelf = field(default_factory=Shelf)
    _factory: LeadFactory = field(init=False)
    _lateness: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._factory = LeadFactory(self.seed)
        self._lateness = random.Random(self.seed ^ 0x1A7E)
        self.faults = Faults(self.seed)

    def now(self) -> float:
        """The portal's clock, Unix seconds."""
        return self.clock() + self.clock_skew

    @property
    def created(self) -> list[str]:
        """The ids of all leads, by time, late ones among them."""
        return self.leads.ids

    def add(
        self,
        count: int = 1,
        category: str | None = None,
        at: datetime | None = None,
        late: timedelta | None = None,
    ) -> list[PortalLead]:
        """Make leads. ``at`` their creation (now); all of one call share it to the millisecond.

        ``late``: how long after now searches find them; without it, as :attr:`late` draws.
        """
        moment = at or datetime.fromtimestamp(self.now(), UTC)
        made = [self.make(moment, category) for _ in range(count)]
        for lead in made:
            wait = late.total_seconds() if late else self._draw_lateness()
            self.leads.put(lead, self.now() + wait if wait else None)
        return made

    def make(self, at: datetime, category: str | None = None) -> PortalLead:
        """The next lead of this seed, which no search finds yet."""
        return self._factory.make(category, at)

    def add_past(self, count: int, over: timedelta) -> None:
        """Make leads spread evenly over the time before now, the oldest first."""
        now, step = datetime.fromtimestamp(self.now(), UTC), over / max(1, count)
        for number in range(count, 0, -1):
            self.leads.put(self.make(now - step * number))

    def put(self, lead: PortalLead) -> PortalLead:
        """Add one lead, or replace it."""
        self.leads.put(lead)
        return lead

    def put_raw(self, feed: str, item: Any, at: datetime | None = None) -> None:
        """Add any JSON value to a feed as it is: what a faulty portal would send."""
        meta = item.get("leadMetaInfos") if isinstance(item, dict) else None
        name = meta.get("leadId") if isinstance(meta, dict) else None
        lead_id = str(name) if name else f"raw-{len(self.leads)}"
        moment = at or datetime.fromtimestamp(self.now(), UTC)
        self.put(PortalLead(lead_id, "CLASSIFIED", moment, {feed: item}, item, None))

    def nullify(self, lead_id: str) -> None:
        """Erase a person as the portal does: name, e-mail and phone come back null.

        KeyError for a lead that is not there.
        """
        lead = self.leads.get(lead_id)
        if lead is None:
            raise KeyError(lead_id)
        feeds = {feed: without_person(item) for feed, item in lead.feeds.items()}
        single = without_person(lead.single)
        self.put(
            PortalLead(lead.id, lead.category, lead.created_at, feeds, single, lead.classified_id)
        )

    def apply(self, sheet: Sheet) -> None:
        """Behave as a sheet says from now on."""
        if sheet.reset:
            self._reset()
        self.down = self.down if sheet.down is None else sheet.down
        self.late = sheet.late or self.late
        if sheet.errors is not None:
            self.faults.errors = sheet.errors
        if sheet.clock is not None:
            self.clock_skew = sheet.clock.total_seconds()
        if sheet.forbidden is not None:
            self.forbidden_feeds = frozenset(sheet.forbidden)
        if sheet.token_lifetime is not None:
            self.token_lifetime = sheet.token_lifetime.total_seconds()
        if sheet.client_secret is not None:
            self.client_secret = sheet.client_secret
            self.grants.revoke_all()
        for attribute, said, meant in (
            ("milliseconds", sheet.timestamps, "milliseconds"),
            ("refuses_future", sheet.future, "refused"),
            ("by_position", sheet.pages, "by_position"),
            ("named_errors", sheet.error_words, "name"),
            ("ignores_scope", sheet.scope, "ignored"),
        ):
            if said is not None:
                setattr(self, attribute, said == meant)
        self.faults.next += sheet.next
        self.faults.add(sheet.faults, self.clock())

    def _reset(self) -> None:
        self.faults.clear()
        self.down = self.milliseconds = self.refuses_future = self.by_position = False
        self.named_errors = self.ignores_scope = False
        self.late, self.clock_skew, self.forbidden_feeds = None, 0.0, frozenset()
        self.token_lifetime = 3600

    def _draw_lateness(self) -> float:
        if self.late is None or self._lateness.random() >= self.late.share:
            return 0.0
        longest = self.late.by.total_seconds()
        return self._lateness.uniform(min(SOONEST_LATE, longest), longest)


def without_person(item: Any) -> Any:
    """The same item with its person's name, e-mail and phone null."""
    copy = json.loads(json.dumps(item))
    request = copy.get("contactRequest") if isinstance(copy, dict) else None
    person = request.get("personContact", request) if isinstance(request, dict) else None
    if isinstance(person, dict):
        person.update(fullName=None, email=None, phoneNumber=None)
    return copy
