"""Old leads on somebody's word: each once, behind what is live, and gone on with where it broke."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.delivery import Lane
from gateway.queue import Queue
from gateway.reading.backfill import Backfill, Order, Outcome
from gateway.sandbox.portal.sheet import Sheet
from gateway.sources.gsl import GslSource
from gateway.sources.protocol import SourceProblem
from gateway.store import Store
from gateway.store.backfills import Course
from tests.reading_house import ReadingHouse

pytestmark = pytest.mark.anyio


@pytest.fixture
def house(store: Store, queue: Queue) -> ReadingHouse:
    return ReadingHouse(store, queue)


def put_in(house: ReadingHouse, count: int, days: float) -> list[str]:
    """Leads spread evenly over so many days up to now; their ids."""
    return [
        house.portal.add(1, at=house.now() - timedelta(days=days * (n + 0.5) / count))[0].id
        for n in range(count)
    ]


def order(house: ReadingHouse, days: float = 5, **keys: Any) -> Order:
    return Order(f"{days} days", house.now() - timedelta(days=days), **keys)


class Broken(Exception):
    """The process ends here."""


async def backfill(
    house: ReadingHouse, given: Order, *, source: GslSource | None = None, break_after: int = 0
) -> Outcome:
    """Run one backfill; ``break_after`` so many slices the process ends."""
    source = source or house.source()
    waits: list[float] = []

    async def pause(seconds: float) -> None:
        waits.append(seconds)
        house.turn(seconds=seconds)

    reached: list[datetime] = []

    def tell(course: Course) -> None:
        if course.reached not in reached:
            reached.append(course.reached)
        if break_after and len(reached) > break_after:
            raise Broken

    walk = Backfill(source, house.store, house.pipeline(), house.reader(source), pause=pause)
    return await walk.run(given, tell)


async def delivered(house: ReadingHouse) -> list[str]:
    return sorted(delivery.lead_id for delivery in await house.deliveries())


async def test_a_period_is_read_once_and_waits_behind_what_is_live(house: ReadingHouse) -> None:
    ids = put_in(house, 40, days=5)
    outcome = await backfill(house, order(house))
    assert (outcome.course.counts["read"], outcome.course.counts["new"]) == (40, 40)
    assert await delivered(house) == sorted(ids)
    assert {delivery.lane for delivery in await house.deliveries()} == {Lane.LATER}
    again = await backfill(house, order(house))
    assert (again.course.counts["new"], again.course.counts["known"]) == (0, 40)
    assert len(await house.deliveries()) == 40


async def test_a_dry_run_counts_and_stores_nothing(house: ReadingHouse) -> None:
    put_in(house, 12, days=3)
    await backfill(house, order(house, days=1))
    known = await house.store.leads.count()
    outcome = await backfill(house, order(house, dry=True))
    assert (outcome.course.counts["new"], outcome.course.counts["known"]) == (12 - known, known)
    assert await house.store.leads.count() == known
    assert await house.store.backfills.load("seloger") is None


async def test_one_that_only_stores_delivers_nothing(house: ReadingHouse) -> None:
    put_in(house, 5, days=2)
    await backfill(house, order(house, deliver=False))
    assert await house.store.leads.count() == 5
    assert await house.deliveries() == []


async def test_leads_below_the_floor_are_delivered_by_it(house: ReadingHouse) -> None:
    (old,) = house.portal.add(1, at=house.now() - timedelta(minutes=5))
    source = house.source(start=timedelta(0))
    await house.poll(source)
    assert await house.mark(old.id) == "f"
    await backfill(house, order(house, days=1), source=source)
    assert await delivered(house) == [old.id]


async def test_one_that_is_broken_off_goes_on_where_it_was(house: ReadingHouse) -> None:
    ids = put_in(house, 50, days=5)
    wish = order(house)
    with pytest.raises(Broken):
        await backfill(house, wish, break_after=2)
    kept = await house.store.backfills.load("seloger")
    assert kept is not None
    assert kept.start < kept.reached < kept.end
    before = kept.counts["read"]
    outcome = await backfill(house, wish)
    assert outcome.resumed
    # What was stored is not read again, but for the border that two slices share.
    assert before >= 10
    assert 50 <= outcome.course.counts["read"] <= 52
    assert await delivered(house) == sorted(ids)
    assert await house.store.backfills.load("seloger") is None


async def test_another_wish_begins_anew(house: ReadingHouse) -> None:
    put_in(house, 20, days=5)
    with pytest.raises(Broken):
        await backfill(house, order(house), break_after=2)
    outcome = await backfill(house, order(house, days=1))
    assert not outcome.resumed
    assert outcome.course.end - outcome.course.start < timedelta(days=1, minutes=1)


async def test_what_fails_for_a_while_is_walked_again(house: ReadingHouse) -> None:
    ids = put_in(house, 30, days=3)
    sheet = {"next": ["500", "429", "html", "truncated"]}
    house.portal.apply(Sheet.model_validate(sheet))
    await backfill(house, order(house))
    assert await delivered(house) == sorted(ids)


async def test_a_portal_that_stays_down_is_told_and_gone_on_with(house: ReadingHouse) -> None:
    ids = put_in(house, 10, days=3)
    wish = order(house)
    house.portal.down = True
    with pytest.raises(SourceProblem) as told:
        await backfill(house, wish)
    assert told.value.kind == "down"
    house.portal.down = False
    await backfill(house, wish)
    assert await delivered(house) == sorted(ids)


async def test_every_lead_of_one_classified_is_read(house: ReadingHouse) -> None:
    leads = house.portal.add(30, "CLASSIFIED", at=house.now() - timedelta(days=2))
    wanted = leads[0].feeds["leads"]["leadMetaInfos"]["classifiedID"]
    mine = [
        lead.id for lead in leads if lead.feeds["leads"]["leadMetaInfos"]["classifiedID"] == wanted
    ]
    given = Order("one", house.now(), classified=wanted)
    outcome = await backfill(house, given)
    assert outcome.course.counts["new"] == len(mine)
    assert await delivered(house) == sorted(mine)
