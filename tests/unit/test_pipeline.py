"""The story of a lead, on a simulated server with its scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from fakeredis import FakeAsyncRedis, FakeServer, FakeStrictRedis
from rq.job import Job
from rq.serializers import JSONSerializer

from gateway.delivery import (
    Deferred,
    Delivered,
    Lane,
    Message,
    Outcome,
    Reason,
    State,
    lead_uid,
)
from gateway.destinations.common import DestinationConfig
from gateway.destinations.protocol import Preview
from gateway.lead import Contact, Lead, Property
from gateway.pipeline import Pipeline
from gateway.queue import JOB, Hint, Queue, Share
from gateway.render import TemplateError
from gateway.store import Accepted, Claim, Store
from tests.builders import a_lead, an_agency

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Parcel:
    lead: Lead

    def preview(self) -> Preview:
        return Preview("parcel", [])


@dataclass
class Shelf:
    """A destination that keeps what it is given."""

    name: str = "crm"
    kind: str = "webhook"
    threads: bool = True
    seen: list[Message] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    outcome: Outcome = field(default_factory=Delivered)

    def render(self, lead: Lead, message: Message) -> Parcel:
        self.seen.append(message)
        return Parcel(lead)

    async def send(self, prepared: Parcel) -> Outcome:
        self.kept.append(prepared.lead.id)
        return self.outcome

    async def verify(self) -> str:
        return "here"

    async def close(self) -> None:
        self.kept.clear()


@dataclass
class House:
    store: Store
    queue: Queue
    shelf: Shelf
    pipeline: Pipeline
    server: FakeServer


@pytest.fixture
async def house() -> AsyncIterator[House]:
    server = FakeServer()
    redis = FakeAsyncRedis(server=server)
    store, shelf = Store(redis, "t"), Shelf()
    queue = Queue(redis, "t")

    def when(context: Mapping[str, Any]) -> bool:
        if context["lead"]["category"] == "BROKEN":
            raise RuntimeError("a fault of ours")
        return True

    rules = an_agency("crm", when=when)
    pipeline = Pipeline(store, queue, rules, {"crm": shelf}, {"crm": DestinationConfig()})
    await store.open()
    yield House(store, queue, shelf, pipeline, server)
    await redis.aclose()


async def deliver_all(house: House) -> None:
    await house.store.leases.start_worker("w1")
    taken = await house.queue.take("w1", [Share("crm", 20, 10)])
    hints = taken["crm"].hints
    ids = [hint.id for hint in hints]
    (begun,) = await house.store.deliveries.begin("w1", [Claim("crm", ids, 5.0)])
    reports = [await house.pipeline.attempt(work) for work in begun.work]
    await house.store.deliveries.finish("w1", reports)
    await house.queue.done("w1", hints, delivered=len(reports))


async def test_a_lead_is_accepted_hinted_begun_sent_and_finished(house: House) -> None:
    (accepted,) = await house.pipeline.accept([a_lead()])
    assert isinstance(accepted, Accepted)
    await deliver_all(house)
    found = await house.store.deliveries.get(accepted.deliveries[0])
    assert found is not None
    assert (found.state, found.reason) == (State.DELIVERED, Reason.ACCEPTED)
    assert house.shelf.kept == ["lead-1"]
    assert await house.queue.length("crm", Lane.LIVE) == 0


async def test_a_hint_followed_twice_sends_once(house: House) -> None:
    (accepted,) = await house.pipeline.accept([a_lead()])
    assert isinstance(accepted, Accepted)
    await deliver_all(house)
    await house.queue.enqueue([Hint(accepted.deliveries[0], "crm", Lane.LIVE)])
    await deliver_all(house)
    assert house.shelf.kept == ["lead-1"]


async def test_one_lead_that_can_not_be_planned_stops_no_other(house: House) -> None:
    results = await house.pipeline.accept(
        [a_lead("good-1"), a_lead("bad", category="BROKEN"), a_lead("good-2")]
    )
    assert [type(result).__name__ for result in results] == ["Accepted", "RuntimeError", "Accepted"]


async def test_a_changed_re_read_adds_content_and_no_delivery(house: House) -> None:
    await house.pipeline.accept([a_lead()])
    richer = a_lead(
        contact=Contact(full_name="Camille Essai", phone="+33639981299"),
        original={"leadMetaInfos": {"leadId": "lead-1"}, "estimation": {"isFree": True}},
    )
    (again,) = await house.pipeline.accept([richer])
    assert again == Accepted("changed")
    page = await house.store.leads.page()
    stored = page.items[0].lead
    assert stored.contact.phone == "+33639981299"
    assert stored.contact.email == "camille@example.org"
    assert "estimation" in stored.original
    assert (await house.pipeline.accept([richer]))[0] == Accepted("known")


async def test_a_job_is_rqs_own_and_carries_nothing_but_the_delivery(house: House) -> None:
    (accepted,) = await house.pipeline.accept([a_lead()])
    assert isinstance(accepted, Accepted)
    rq = FakeStrictRedis(server=house.server)
    job = Job.fetch(accepted.deliveries[0], connection=rq, serializer=JSONSerializer)
    assert (job.func_name, list(job.args), job.kwargs) == (JOB, [accepted.deliveries[0]], {})
    assert (job.description, job.origin) == ("deliver to crm", "t.crm")
    text = b"".join(value for value in rq.hgetall(job.key).values())
    assert b"camille" not in text.lower()


async def test_a_persons_later_leads_find_the_thread_of_the_first(house: House) -> None:
    other = a_lead("other", contact=Contact(email="zoe@example.org"))
    threads = {}
    for lead, began in (
        (a_lead("one"), "17.1"),
        (a_lead("two"), None),
        (other, None),
        (a_lead("three"), "17.3"),  # the first is gone there: this one begins anew
        (a_lead("four"), None),
    ):
        house.shelf.outcome = Delivered(thread=began)
        await house.pipeline.accept([lead])
        await deliver_all(house)
        threads[lead.id] = house.shelf.seen[-1].thread
    assert threads == {"one": "", "two": "17.1", "other": "", "three": "17.1", "four": "17.3"}


async def test_a_lead_goes_out_without_its_thread_while_the_store_is_away(house: House) -> None:
    await house.pipeline.accept([a_lead()])
    await house.store.leases.start_worker("w1")
    taken = await house.queue.take("w1", [Share("crm", 10)])
    claim = Claim("crm", [hint.id for hint in taken["crm"].hints], 5.0)
    (begun,) = await house.store.deliveries.begin("w1", [claim])
    house.shelf.outcome = Delivered(thread="17.1")
    house.server.connected = False
    report = await house.pipeline.attempt(begun.work[0])
    assert report.outcome == "delivered"
    assert house.shelf.kept == ["lead-1"]


@pytest.mark.parametrize(
    ("outcome", "health"),
    [
        (Deferred(Reason.SMTP_DEFERRED), "down"),
        (Deferred(Reason.SMTP_DEFERRED, saved={"settled": ["a"]}), "up"),
        (Deferred(Reason.RATE_LIMITED), "down"),
        (Deferred(Reason.RATE_LIMITED, retry_after=7.0, throttle=True), "unknown"),
        (Deferred(Reason.NOT_FOUND), "unknown"),
    ],
    ids=["nobody there", "part of the way", "too much", "come again", "not here"],
)
async def test_an_answer_tells_how_the_destination_is(
    house: House, outcome: Deferred, health: str
) -> None:
    house.shelf.outcome = outcome
    await house.pipeline.accept([a_lead()])
    await house.store.leases.start_worker("w1")
    taken = await house.queue.take("w1", [Share("crm", 10)])
    claim = Claim("crm", [hint.id for hint in taken["crm"].hints], 5.0)
    (begun,) = await house.store.deliveries.begin("w1", [claim])
    report = await house.pipeline.attempt(begun.work[0])
    assert (report.saved, report.health) == (outcome.saved, health)


async def test_a_lead_gets_its_link_before_it_is_stored_and_is_kept_without_one(
    house: House,
) -> None:
    def complete(lead: Lead) -> Lead:
        if lead.id == "two":
            raise TemplateError("a fault in links.classified")
        return lead.model_copy(update={"property": Property(url="https://portal.example/1")})

    house.pipeline._complete = complete
    accepted = await house.pipeline.accept([a_lead("one"), a_lead("two")])
    assert [item.what for item in accepted if isinstance(item, Accepted)] == ["new", "new"]
    stored = [
        await house.store.leads.get(lead_uid("seloger", lead_id)) for lead_id in ("one", "two")
    ]
    assert [item and item.lead.property.url for item in stored] == [
        "https://portal.example/1",
        None,
    ]
