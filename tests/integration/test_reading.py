"""The portal read into the store: every lead once, none passed over, whatever the portal does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from gateway.delivery import State, lead_uid
from gateway.queue import Queue
from gateway.sandbox.leads import PortalLead
from gateway.sources.protocol import Page, Slice
from gateway.store import Store
from tests.fuse import Fuse
from tests.reading_house import ReadingHouse

pytestmark = pytest.mark.anyio


@pytest.fixture
def house(store: Store, queue: Queue) -> ReadingHouse:
    return ReadingHouse(store, queue)


async def delivered_ids(house: ReadingHouse) -> list[str]:
    return sorted(delivery.lead_id for delivery in await house.deliveries())


async def test_a_lead_of_several_feeds_is_one_with_all_their_sections(house: ReadingHouse) -> None:
    leads = [house.portal.add(1, kind)[0] for kind in ("PROJECT", "ESTIMATION", "CLASSIFIED")]
    house.turn(seconds=2)

    looked = await house.poll(house.source())

    assert (looked.taken.read, looked.taken.new, looked.problems) == (3, 3, {})
    project, estimation, classified = [await house.lead(lead.id) for lead in leads]
    assert project
    assert project.lead.project.investment_type == "Pinel"
    assert estimation
    assert estimation.lead.estimation.portal_price
    assert classified
    assert classified.lead.property.reference
    assert await delivered_ids(house) == sorted(lead.id for lead in leads)


async def test_reading_again_adds_nothing_and_writes_nothing(house: ReadingHouse) -> None:
    house.portal.add(30)
    house.turn(seconds=2)
    source = house.source()
    await house.poll(source)

    again = await house.poll(source)

    assert (again.taken.read, again.taken.new, again.taken.changed) == (30, 0, 0)


async def test_feeds_read_one_by_one_update_the_lead_and_deliver_it_once(
    house: ReadingHouse,
) -> None:
    (lead,) = house.portal.add(1, "PROJECT")
    house.turn(seconds=2)
    source = house.source()

    await house.poll(source, feeds=["leads"])
    await house.poll(source, feeds=["projects"])

    stored = await house.lead(lead.id)
    assert stored
    assert stored.lead.project.investment_type == "Pinel"
    assert await delivered_ids(house) == [lead.id]
    both = await house.poll(source)
    assert both.taken.changed == 0


async def test_a_lead_that_the_portal_shows_after_the_checkpoint_passed_is_found_and_told(
    house: ReadingHouse,
) -> None:
    source = house.source()
    await house.poll(source)
    (late,) = house.portal.add(1, "CLASSIFIED", at=house.now() - timedelta(minutes=40))

    missed_by_poll = await house.poll(source)
    found = await house.reader(source).reconcile(source.feeds)

    assert missed_by_poll.taken.new == 0
    assert (found.taken.new, found.taken.missed) == (1, 1)
    assert await delivered_ids(house) == [late.id]
    state = await house.store.sources.get("seloger")
    assert (state.missed_leads, state.missed_at is not None) == (1, True)
    assert (await house.store.counts.sources(["seloger"]))["seloger"].missed == 1
    (event,) = [x for x in await house.store.events.after("0") if x.type == "missed"]
    assert event.detail == "seloger"


async def test_what_the_next_poll_would_have_found_is_not_called_missed(
    house: ReadingHouse,
) -> None:
    source = house.source()
    await house.poll(source)
    house.portal.add(1, "CLASSIFIED", at=house.now() - timedelta(minutes=5))

    found = await house.reader(source).reconcile(source.feeds)

    assert (found.taken.new, found.taken.missed) == (1, 0)


async def test_leads_that_share_a_moment_are_all_read_over_the_border_of_pages(
    house: ReadingHouse,
) -> None:
    moment = house.now() - timedelta(minutes=1)
    leads = house.portal.add(7, "CLASSIFIED", at=moment)
    source = house.source(page_size=3)

    await house.poll(source)
    leads += house.portal.add(2, "CLASSIFIED", at=moment)
    await house.poll(source)

    assert await delivered_ids(house) == sorted(lead.id for lead in leads)


@pytest.mark.parametrize("shift", ["insert", "remove"])
async def test_leads_are_all_read_while_pages_shift(house: ReadingHouse, shift: str) -> None:
    """A portal that counts: what comes or goes before a place moves every lead behind it."""
    house.portal.by_position = True
    start = house.now() - timedelta(minutes=10)
    for n in range(9):
        house.portal.add(1, "CLASSIFIED", at=start + timedelta(seconds=n))
    house.portal.faults.next = [shift] * 3
    source = house.source(page_size=2, feeds=["leads"])

    await house.poll(source)
    shifted = len(house.portal.created) - 9
    await house.poll(source)

    assert shifted == (3 if shift == "insert" else -3)
    assert set(house.portal.created) <= set(await delivered_ids(house))
    assert len(await delivered_ids(house)) == len(set(await delivered_ids(house)))


async def test_a_floor_is_written_before_the_first_request(house: ReadingHouse) -> None:
    house.portal.down = True
    source = house.source(start=timedelta(0))
    (before,) = house.portal.add(1, at=house.now() - timedelta(minutes=1))
    first = await house.poll(source)
    house.turn(minutes=5)
    (after,) = house.portal.add(1, at=house.now() - timedelta(minutes=2))
    house.portal.down = False

    await house.poll(source)

    assert {problem.kind for problem in first.problems.values()} == {"down"}
    assert await delivered_ids(house) == [after.id]
    assert await house.mark(before.id) == "f"


async def test_leads_that_come_long_after_they_were_made_say_so(house: ReadingHouse) -> None:
    """After an outage, or on a first run that reaches back (contract §7)."""
    source = house.source(start=timedelta(hours=5))
    old, new = (
        house.portal.add(1, "AGENCY", at=house.now() - timedelta(minutes=ago))[0]
        for ago in (121, 119)
    )

    await house.poll(source)

    stored = [await house.lead(lead.id) for lead in (old, new)]
    assert [one and one.lead.late for one in stored] == [True, False]
    assert await delivered_ids(house) == sorted([old.id, new.id])


async def test_a_poller_may_die_at_any_step(house: ReadingHouse) -> None:
    """Each lead is delivered once, and no checkpoint stands beyond what is stored."""
    fuse = Fuse()
    fuse.lay(house)
    for death in range(200):
        house.turn(minutes=20)  # past the overlap: each round reads its own leads alone
        house.portal.add(1, "PROJECT", at=house.now())
        house.portal.add(1, "ESTIMATION", at=house.now())
        house.turn(seconds=2)
        source, there = house.source(page_size=2, feeds=["leads", "projects"]), house.portal.created
        before = (await house.store.sources.get("seloger")).checkpoints
        lived = await fuse.burns(house.poll(source), death, house)
        await house.nothing_was_passed_over(there, before)
        if lived:
            break
        await house.poll(house.source())

    assert 20 < death < 199
    assert await delivered_ids(house) == sorted(house.portal.created)


@pytest.mark.parametrize("look", ["reconcile", "review"])
async def test_no_look_delivers_what_is_older_than_the_floor(
    house: ReadingHouse, look: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.reading.reader.REVIEW_PAUSE", 0.0)
    source = house.source(start=timedelta(0))
    (old,) = house.portal.add(1, "CLASSIFIED", at=house.now() - timedelta(minutes=90))
    await house.poll(source)

    reader = house.reader(source)
    await (reader.reconcile if look == "reconcile" else reader.review)(source.feeds)

    assert await house.mark(old.id) == "f"
    assert await house.deliveries() == []


async def test_a_review_goes_on_where_it_was_broken_off(
    house: ReadingHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.reading.reader.REVIEW_PAUSE", 0.0)
    source = house.source(feeds=["leads"], start=timedelta(days=5))
    days = [
        house.portal.add(1, "AGENCY", at=house.now() - timedelta(days=n))[0]
        for n in (4.5, 3.5, 1.5)
    ]
    await house.store.sources.begin("seloger", house.now() - timedelta(days=5))
    reader = house.reader(source, retention=timedelta(days=5))
    read, asked = source.read, []

    def third_day_fails(feed: str, window: Slice) -> AsyncIterator[Page]:
        asked.append(window)
        house.portal.down = len(asked) == 3
        return read(feed, window)

    monkeypatch.setattr(source, "read", third_day_fails)

    broken = await reader.review(source.feeds)
    whole = await house.reader(source, retention=timedelta(days=5)).review(source.feeds)

    assert list(broken.problems) == ["leads"]
    assert (broken.taken.read, whole.taken.read) == (2, 1)
    assert await delivered_ids(house) == sorted(lead.id for lead in days)


async def test_sources_that_share_an_identity_deliver_a_lead_once(house: ReadingHouse) -> None:
    (lead,) = house.portal.add(1, "PROJECT")
    house.turn(seconds=2)
    one = house.source("one", identity="network", feeds=["leads"])
    two = house.source("two", identity="network")

    for source in (one, two, one, two):
        await house.poll(source)
    settled = [(await house.poll(source)).taken.changed for source in (one, two)]

    assert await delivered_ids(house) == [lead.id]
    stored = await house.lead(lead.id, "network")
    assert stored
    assert stored.sources == ("one", "two")
    assert stored.lead.project.investment_type == "Pinel"
    assert settled == [0, 0]


async def test_two_agencies_with_the_same_lead_ids_stay_apart(house: ReadingHouse) -> None:
    (lead,) = house.portal.add(1)
    house.turn(seconds=2)

    for name in ("one", "two"):
        await house.poll(house.source(name))

    assert await delivered_ids(house) == [lead.id, lead.id]


async def test_a_lead_whose_time_is_over_already_is_delivered_and_told(
    house: ReadingHouse,
) -> None:
    (lead,) = house.portal.add(1, "AGENCY")
    for feed in lead.feeds.values():
        feed["leadMetaInfos"]["timeToLive"] = 1  # a second after its creation
    house.portal.put(lead)
    house.turn(seconds=3)
    source = house.source()

    await house.poll(source)
    await house.poll(source)

    assert [made.state for made in await house.deliveries()] == [State.PENDING]
    state = await house.store.sources.get("seloger")
    assert (state.ended_leads, state.ended_at is not None) == (1, True)


class TestEstimations:
    """An estimation lead whose search lacks the estimation is completed by operation 2."""

    async def test_it_is_completed_before_it_is_accepted(self, house: ReadingHouse) -> None:
        (lead,) = house.portal.add(1, "ESTIMATION")
        house.turn(seconds=2)

        await house.poll(house.source(feeds=["leads"]))

        stored = await house.lead(lead.id)
        assert stored
        assert stored.lead.estimation.portal_price
        assert stored.lead.original["estimation"]
        assert house.portal.calls["lead"] == 1

    async def test_it_is_asked_for_once(self, house: ReadingHouse) -> None:
        house.portal.add(1, "ESTIMATION")
        house.turn(seconds=2)
        source = house.source(feeds=["leads"])
        for _ in range(3):
            await house.poll(source)
        await house.reader(source).reconcile(source.feeds)

        assert house.portal.calls["lead"] == 1

    async def test_nothing_is_asked_where_the_search_has_it(self, house: ReadingHouse) -> None:
        house.portal.add(3, "ESTIMATION")
        house.turn(seconds=2)
        await house.poll(house.source())
        assert house.portal.calls["lead"] == 0

    async def test_a_failure_holds_nothing_back_and_a_later_look_completes_it(
        self, house: ReadingHouse
    ) -> None:
        house.portal.forbidden_feeds = frozenset({"lead"})
        (lead,) = house.portal.add(1, "ESTIMATION")
        house.turn(seconds=2)
        source = house.source(feeds=["leads"])
        reader = house.reader(source)

        await house.poll(source, reader)
        without = await house.lead(lead.id)
        problem = reader.single_problem
        house.portal.forbidden_feeds = frozenset()
        await house.poll(source)
        await house.reader(source).reconcile(source.feeds)

        stored = await house.lead(lead.id)
        assert without
        assert without.lead.estimation.portal_price is None
        assert problem is not None
        assert "403" in problem.text
        assert stored
        assert stored.lead.estimation.portal_price
        assert await delivered_ids(house) == [lead.id]

    async def test_what_is_below_the_floor_is_not_asked_for(self, house: ReadingHouse) -> None:
        house.portal.add(1, "ESTIMATION", at=house.now() - timedelta(minutes=5))
        await house.poll(house.source(feeds=["leads"], start=timedelta(0)))
        assert house.portal.calls["lead"] == 0


class TestErasedUpstream:
    """Persons that the portal nulls are erased here, unless too many are at once."""

    @staticmethod
    def people(house: ReadingHouse, count: int) -> list[PortalLead]:
        """Leads that name a person in full."""
        found: list[PortalLead] = []
        while len(found) < count:
            (lead,) = house.portal.add(1, "CLASSIFIED", at=house.now())
            request = lead.feeds["leads"]["contactRequest"]
            if request["email"] and request["phoneNumber"]:
                found.append(lead)
        return found

    async def test_a_nulled_person_is_erased_and_what_waits_is_discarded(
        self, house: ReadingHouse
    ) -> None:
        (lead,) = self.people(house, 1)
        house.turn(seconds=2)
        source = house.source()
        await house.poll(source)
        house.portal.nullify(lead.id)

        await house.poll(source)

        assert await house.mark(lead.id) == "e"
        assert await house.lead(lead.id) is None
        erased = [x for x in await house.deliveries() if x.lead_uid == lead_uid("seloger", lead.id)]
        assert [(x.state, x.reason and x.reason.value) for x in erased] == [
            (State.DISCARDED, "erased")
        ]

    async def test_six_at_once_are_held_and_given_free_when_named_again(
        self, house: ReadingHouse
    ) -> None:
        leads = self.people(house, 6)
        feeds = {lead.id: lead for lead in leads}
        house.turn(seconds=2)
        source = house.source()
        await house.poll(source)
        for lead in leads:
            house.portal.nullify(lead.id)

        await house.poll(source)
        held = (await house.store.sources.get("seloger")).held
        await house.poll(source)
        for lead in feeds.values():
            house.portal.put(lead)
        await house.poll(source)

        assert len(held) == 6
        assert [await house.mark(lead.id) for lead in leads] == ["a"] * 6
        stored = [await house.lead(lead.id) for lead in leads]
        assert all(one and one.lead.contact.full_name for one in stored)
        assert (await house.store.sources.get("seloger")).held == frozenset()

    async def test_while_some_are_held_a_single_one_is_held_too(self, house: ReadingHouse) -> None:
        leads = self.people(house, 6)
        house.turn(seconds=2)
        source = house.source()
        await house.poll(source)
        for lead in leads:
            house.portal.nullify(lead.id)
        await house.poll(source)
        house.turn(minutes=30)  # the held ones are read no more
        (single,) = self.people(house, 1)
        house.turn(seconds=2)
        await house.poll(source)
        house.portal.nullify(single.id)

        looked = await house.poll(source)

        assert len(looked.taken.nulled) == 1

        assert await house.mark(single.id) == "a"
        assert len((await house.store.sources.get("seloger")).held) == 7

    async def test_what_an_operator_erased_is_held_no_longer(self, house: ReadingHouse) -> None:
        leads = self.people(house, 6)
        house.turn(seconds=2)
        source = house.source()
        await house.poll(source)
        for lead in leads:
            house.portal.nullify(lead.id)
        await house.poll(source)
        await house.store.leads.erase([lead_uid("seloger", lead.id) for lead in leads])

        await house.poll(source)

        assert (await house.store.sources.get("seloger")).held == frozenset()

    async def test_a_feed_without_a_contact_says_nothing(self, house: ReadingHouse) -> None:
        (lead,) = self.people(house, 1)
        house.turn(seconds=2)
        source = house.source()
        await house.poll(source)
        meta: dict[str, Any] = {**lead.feeds["leads"]["leadMetaInfos"], "isCalled": True}
        house.portal.put_raw("leads", {"leadMetaInfos": meta}, at=lead.created_at)

        await house.poll(source)

        stored = await house.lead(lead.id)
        assert stored
        assert stored.lead.contact.full_name
        assert stored.lead.is_called is True
