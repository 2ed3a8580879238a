"""A backfill of the simulated portal into a real store: complete, once, resumable, patient."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.delivery import Lane
from gateway.queue import Queue
from gateway.reading import backfill as room
from gateway.reading.backfill import Backfill, Fenced, Progress, Taking, Wish
from gateway.reading.rehearsal import Rehearsal
from gateway.sandbox.portal import Rule
from gateway.sources.gsl import GslSource
from gateway.store import Store
from tests.reading_house import ReadingHouse

pytestmark = pytest.mark.anyio

LEASE = "backfill:seloger"


@pytest.fixture
def house(store: Store, queue: Queue) -> ReadingHouse:
    return ReadingHouse(store, queue)


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries are short here; their order and number stay."""
    monkeypatch.setattr(room, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(room, "LONGEST_PAUSE", 0.02)


def ago(**time: float) -> datetime:
    return datetime.now(UTC) - timedelta(**time)


def wish(**said: Any) -> Wish:
    return Wish(**{"asked": "from 30d", "start": ago(days=30), **said})


async def walk(
    house: ReadingHouse,
    wanted: Wish,
    source: GslSource | None = None,
    *,
    tell: Callable[[Progress], None] = lambda progress: None,
    stop: asyncio.Event | None = None,
) -> Progress:
    source = source or house.source()
    if wanted.dry_run:
        rehearsal = Rehearsal(source, house.pipeline(), deliver=wanted.deliver)
        return await Backfill(source, house.store, rehearsal, wanted, tell=tell, stop=stop).run()
    taking = Taking(house.reader(source), source, house.store, deliver=wanted.deliver)
    token = await house.store.leases.take(LEASE, "me", 60.0)
    return await Backfill(source, house.store, taking, wanted, tell=tell, stop=stop).run(token)


async def test_old_leads_are_delivered_once_behind_what_is_live(house: ReadingHouse) -> None:
    house.portal.add_past(60, timedelta(days=29, hours=7))

    first = await walk(house, wish(start=ago(days=31)))
    again = await walk(house, wish(start=ago(days=31)))

    assert (first.state, first.read, first.new, first.deliveries) == ("done", 60, 60, 60)
    assert (again.new, again.deliveries) == (0, 0)
    deliveries = await house.deliveries()
    assert len(deliveries) == 60
    assert {delivery.lane for delivery in deliveries} == {Lane.LATER}


async def test_a_lead_below_the_floor_is_delivered_by_it(house: ReadingHouse) -> None:
    (lead,) = house.portal.add(at=ago(hours=3))
    source = house.source(overlap=timedelta(hours=4))
    await house.poll(source)
    assert await house.mark(lead.id) == "f"

    progress = await walk(house, wish(start=ago(days=1)), source)

    assert (progress.new, len(await house.deliveries())) == (1, 1)


async def test_what_the_polls_delivered_is_known(house: ReadingHouse) -> None:
    house.portal.add(3, at=ago(minutes=5))
    source = house.source()
    await house.poll(source)

    progress = await walk(house, wish(start=ago(hours=2)), source)

    assert (progress.new, progress.known) == (0, 3)
    assert len(await house.deliveries()) == 3


async def test_without_deliveries_leads_are_stored_alone(house: ReadingHouse) -> None:
    house.portal.add_past(10, timedelta(days=2))

    progress = await walk(house, wish(deliver=False))

    assert (progress.new, progress.deliveries) == (10, 0)
    assert await house.store.leads.count() == 10
    assert await house.deliveries() == []


async def test_a_dry_run_counts_and_stores_nothing(house: ReadingHouse) -> None:
    house.portal.add_past(40, timedelta(days=20))
    await walk(house, wish(start=ago(days=6)))
    before = await house.store.leads.count()

    counted = await walk(house, wish(dry_run=True))

    assert counted.new == 40 - before
    assert (counted.read, counted.known, counted.deliveries) == (40, before, 40 - before)
    assert await house.store.leads.count() == before
    assert await house.store.backfills.get("other") is None


async def test_the_leads_of_one_classified_in_the_period_alone(house: ReadingHouse) -> None:
    leads = house.portal.add(60, "CLASSIFIED", at=ago(days=3))
    number = leads[-1].classified_id
    house.portal.add(30, "CLASSIFIED", at=ago(days=40))
    wanted = [lead.id for lead in leads if lead.classified_id == number]

    progress = await walk(house, wish(classified=number), house.source(page_size=2))

    assert (progress.state, progress.new) == ("done", len(wanted))
    assert {delivery.lead_id for delivery in await house.deliveries()} == set(wanted)


async def test_a_walk_that_was_stopped_goes_on_where_it_was(house: ReadingHouse) -> None:
    house.portal.add_past(90, timedelta(days=30))
    stop = asyncio.Event()

    def tell(progress: Progress) -> None:
        if progress.reached > progress.start + timedelta(days=10):
            stop.set()

    wanted = wish()
    first = await walk(house, wanted, tell=tell, stop=stop)
    asked_before = house.portal.calls["leads"]
    second = await walk(house, wish())

    assert first.state == "stopped"
    assert 20 < first.new < 60
    assert (second.state, second.resumed, second.start) == ("done", True, wanted.start)
    assert second.new == 90
    assert house.portal.calls["leads"] - asked_before <= 30 - 10 + 2
    assert len(await house.deliveries()) == 90


async def test_another_wish_begins_anew(house: ReadingHouse) -> None:
    stop = asyncio.Event()
    stop.set()
    await walk(house, wish(), stop=stop)

    other = await walk(house, wish(asked="from 10d", start=ago(days=10)))

    assert (other.resumed, other.state) == (False, "done")


async def test_a_portal_in_trouble_is_waited_for(house: ReadingHouse) -> None:
    house.portal.add_past(50, timedelta(days=10))
    now = house.portal.clock()
    house.portal.faults.add(
        [
            Rule.model_validate({"on": feed, "fault": fault, "times": 1 if fault == "401" else 2})
            for feed, fault in (
                ("leads", 500), ("estimations", "truncated"), ("projects", "empty"),
                ("agencies", "401"), ("classifieds", "html"),
            )
        ],
        now,
    )  # fmt: skip
    states: list[str] = []

    progress = await walk(house, wish(), tell=lambda told: states.append(told.state))

    assert (progress.state, progress.problem, progress.new) == ("done", "", 50)
    assert "waiting" in states
    assert len(await house.deliveries()) == 50


async def test_the_portals_wish_to_wait_is_heard(house: ReadingHouse) -> None:
    house.portal.add_past(5, timedelta(days=1))
    rule = Rule.model_validate({"fault": 429, "times": 1, "wait": "7m"})
    house.portal.faults.add([rule], house.portal.clock())
    waits: list[float] = []
    stop = asyncio.Event()

    def tell(progress: Progress) -> None:
        if progress.state == "waiting":
            waits.append(progress.wait)
            stop.set()

    progress = await walk(house, wish(), tell=tell, stop=stop)

    assert waits == [pytest.approx(420, abs=1)]
    assert progress.state == "stopped"


async def test_a_feed_that_is_not_allowed_is_left_out_and_said(house: ReadingHouse) -> None:
    house.portal.add_past(40, timedelta(days=10))
    house.portal.forbidden_feeds = frozenset({"projects"})

    progress = await walk(house, wish())

    assert (progress.state, progress.new) == ("done", 40)
    assert list(progress.left_out) == ["projects"]


async def test_a_wrong_secret_ends_it_at_once(house: ReadingHouse) -> None:
    house.portal.client_secret = "another"

    progress = await walk(house, wish())

    assert progress.state == "failed"
    assert "client_secret" in progress.problem
    assert house.portal.calls["token"] == 1


async def test_a_portal_that_stays_away_ends_it_and_nothing_is_lost(
    house: ReadingHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(room.TRIES, "down", 3)
    house.portal.add_past(30, timedelta(days=30))
    house.portal.down = True
    failed = await walk(house, wish())
    house.portal.down = False
    done = await walk(house, wish())

    assert failed.state == "failed"
    assert "503" in failed.problem
    assert (done.state, done.new) == ("done", 30)


async def test_who_lost_the_lease_writes_nothing_down_any_more(house: ReadingHouse) -> None:
    house.portal.add_past(30, timedelta(days=30))
    source = house.source()
    taking = Taking(house.reader(source), source, house.store, deliver=True)
    old = await house.store.leases.take(LEASE, "me", 0.001)
    async with asyncio.timeout(5):
        while not await house.store.leases.take(LEASE, "another", 60.0):
            await asyncio.sleep(0.002)

    with pytest.raises(Fenced):
        await Backfill(source, house.store, taking, wish()).run(old)
    assert await house.store.backfills.get("seloger") is None
