"""Whatever the portal does and wherever a poller dies: every lead once, no checkpoint back.

A state machine over the simulated portal and a real store: late arrivals, equal moments, pages that
shift, errors, feeds that come and go, and a death before or after any request or store call.
"""

from __future__ import annotations

import asyncio
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from gateway.queue import Queue
from gateway.sandbox.leads import CATEGORIES
from gateway.sandbox.portal import Portal
from gateway.sources.gsl_config import FEEDS
from gateway.store import Store, connect
from tests.fuse import Fuse
from tests.reading_house import ReadingHouse

# Not "drop": the portal is asked within this process, where there is no connection to break off.
FAULTS = ("500", "429", "html", "truncated", "401", "insert", "remove", "repeat_key")
DEATHS = st.none() | st.integers(0, 60) | st.integers(40, 140)


class Reading(RuleBasedStateMachine):
    url = ""

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.fuse = Fuse()
        self.checkpoints: dict[str, datetime] = {}
        self.runner.run(self.open())

    async def open(self) -> None:
        async with asyncio.timeout(20):
            while not Path(self.url.removeprefix("unix://")).exists():
                await asyncio.sleep(0.01)
        self.store = Store(connect(self.url), f"t{uuid.uuid4().hex[:12]}")
        await self.store.open()
        queue = Queue(self.store.connection.redis, self.store.namespace)
        self.house = ReadingHouse(self.store, queue, Portal(seed=3))
        self.fuse.lay(self.house)
        for minutes in (50, 20, 10, 2):
            for category in CATEGORIES:
                self.leads_come_up(category, minutes, 1)

    @rule(
        category=st.sampled_from(CATEGORIES),
        ago=st.floats(0.1, 20) | st.integers(0, 110),
        count=st.integers(1, 4),
    )
    def leads_come_up(self, category: str, ago: float, count: int) -> None:
        """Now or late; several of one call share their moment."""
        self.house.portal.add(count, category, at=self.house.now() - timedelta(minutes=ago))

    @rule(minutes=st.integers(0, 4), seconds=st.integers(0, 59))
    def time_passes(self, minutes: int, seconds: int) -> None:
        self.house.turn(minutes=minutes, seconds=seconds)

    @rule(faults=st.lists(st.sampled_from(FAULTS), max_size=3))
    def the_portal_will_fail(self, faults: list[str]) -> None:
        self.house.portal.faults.next = list(faults)

    @rule(feeds=st.frozensets(st.sampled_from([*FEEDS, "lead"]), max_size=4))
    def some_feeds_are_not_allowed(self, feeds: frozenset[str]) -> None:
        self.house.portal.forbidden_feeds = feeds

    @rule(counts=st.booleans())
    def pages_go_by_number(self, counts: bool) -> None:
        """Then each lead that is put in or taken out moves all behind it."""
        self.house.portal.by_position = counts

    @rule(death=DEATHS, feeds=st.sets(st.sampled_from(FEEDS)))
    def a_poll(self, death: int | None, feeds: set[str]) -> None:
        """By a poller that has just been started, and that may die at any step."""
        source = self.house.source(page_size=2)
        there = list(self.house.portal.created)
        self.survive(self.house.poll(source, feeds=sorted(feeds)), death)
        if not self.house.portal.by_position:  # else a shift hides a lead until the next look
            self.runner.run(self.house.nothing_was_passed_over(there, self.checkpoints))

    @rule(death=DEATHS)
    def a_reconcile(self, death: int | None) -> None:
        source = self.house.source(page_size=2)
        self.survive(self.house.reader(source).reconcile(source.feeds), death)

    def survive(self, work: Any, death: int | None) -> None:
        self.runner.run(self.fuse.burns(work, death, self.house))

    @invariant()
    def no_checkpoint_goes_back(self) -> None:
        if not hasattr(self, "house"):
            return
        state = self.runner.run(self.store.sources.get("seloger"))
        for feed, before in self.checkpoints.items():
            assert state.checkpoints[feed] >= before
        self.checkpoints = state.checkpoints

    def teardown(self) -> None:
        if not hasattr(self, "house"):
            return
        try:
            self.runner.run(self.settle())
        finally:
            self.runner.run(self.store.close())
            self.runner.close()

    async def settle(self) -> None:
        """The portal is well again; one poll and one second look later everything is there."""
        house, portal = self.house, self.house.portal
        portal.faults.next, portal.forbidden_feeds, portal.by_position = [], frozenset(), False
        house.turn(seconds=3)
        source = house.source()
        await house.poll(source)
        await house.reader(source).reconcile(source.feeds)

        floor = (await self.store.sources.get("seloger")).floor
        assert floor is not None
        leads = [portal.leads.get(lead_id) for lead_id in portal.created]
        wanted = [lead for lead in leads if lead and lead.created_at >= floor]
        # The floor has milliseconds, and so have the leads of the portal.
        border = [x.id for x in wanted if x.created_at < floor + timedelta(milliseconds=1)]
        got = sorted(delivery.lead_id for delivery in await house.deliveries())
        assert len(got) == len(set(got))
        assert {lead.id for lead in wanted} - set(got) <= set(border)
        old = [lead.id for lead in leads if lead and lead.created_at < floor]
        assert set(got) & set(old) <= set(border)
        for lead in wanted:
            stored = await house.lead(lead.id)
            if lead.id in border or stored is None:
                continue
            sections = {"PROJECT": "project", "ESTIMATION": "estimation"}
            section = sections.get(lead.category)
            assert section is None or stored.lead.original[section]


def machine(url: str) -> type[Reading]:
    return type("Reading", (Reading,), {"url": url})


@pytest.mark.timeout(120)
def test_every_lead_comes_once_whatever_happens(valkey_url: str) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine(valkey_url),
        settings=settings(
            max_examples=30, stateful_step_count=20, deadline=None, database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_every_lead_comes_once_whatever_happens_for_long(valkey_url: str) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine(valkey_url),
        settings=settings(
            max_examples=200, stateful_step_count=40, deadline=None, database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
