"""Nobody claims a lead: the ladder climbs, each step once, until somebody does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.agency import Agency
from gateway.agents import AgentConfig, AssignmentConfig
from gateway.assignment import Roster
from gateway.claims import ClaimConfig
from gateway.delivery import Reason, State, delivery_id, lead_uid
from gateway.destinations.common import DestinationConfig
from gateway.lead import Lead
from gateway.pipeline import Pipeline
from gateway.queue import Queue
from gateway.store import Accepted, Claim, Report, Store, StoredLead
from tests.builders import a_lead
from workers.escalator import Escalator

pytestmark = pytest.mark.anyio

UID = lead_uid("seloger", "lead-1")
NAMES = ("inbox", "team", "manager", "crm")
LADDER: dict[str, Any] = {
    "within": "5m",
    "then": [
        {"after": "5m", "to": ["team"]},
        {"after": "30m", "to": ["manager", "team"], "agent": "next"},
    ],
    "on_claim": ["crm"],
}


@dataclass
class House:
    """A store whose clock the test moves, and the rooms that climb ladders."""

    store: Store
    pipeline: Pipeline
    escalator: Escalator
    shift: timedelta = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift

    def later(self, **time: float) -> None:
        self.shift += timedelta(**time)
        self.store.connection.clock_shift = self.shift.total_seconds()

    async def accept(self, lead: Lead | None = None) -> Accepted:
        (accepted,) = await self.pipeline.accept([lead or a_lead(created_at=self.now())])
        assert isinstance(accepted, Accepted)
        return accepted

    async def lead(self) -> StoredLead:
        found = await self.store.leads.get(UID)
        assert found is not None
        return found

    async def sent(self) -> dict[tuple[str, str], State]:
        made = await self.store.deliveries.get_many((await self.lead()).delivery_ids)
        return {(item.destination, item.occasion): item.state for item in made}

    async def end(self, destination: str, occasion: str, outcome: str) -> None:
        item = delivery_id("seloger", "lead-1", destination, occasion)
        await self.store.leases.start_worker("w1")
        (begun,) = await self.store.deliveries.begin("w1", [Claim(destination, [item], 5.0)])
        report = Report(item, begun.work[0].number, outcome, Reason.ACCEPTED, 1)
        await self.store.deliveries.finish("w1", [report])


def build(
    store: Store,
    queue: Queue,
    claim: Mapping[str, Any],
    agents: tuple[str, ...] = ("Anne", "Bob", "Chloé"),
) -> House:
    team = tuple(AgentConfig(name=name) for name in agents)
    roster = Roster(team, AssignmentConfig(), ZoneInfo("Europe/Paris"))
    agency = Agency("", roster, (), ("inbox",), ClaimConfig.model_validate(claim))
    settings = {name: DestinationConfig() for name in NAMES}
    house: House
    pipeline = Pipeline(store, queue, {"seloger": agency}, {}, settings, clock=lambda: house.now())
    house = House(store, pipeline, Escalator(store, queue, pipeline.planner))
    return house


@pytest.fixture
async def house(store: Store, queue: Queue) -> House:
    return build(store, queue, LADDER)


async def test_each_step_goes_out_when_it_is_due_and_once(house: House) -> None:
    await house.accept()
    assert await house.escalator.round() == 0
    house.later(minutes=5, seconds=1)
    rounds = await asyncio.gather(house.escalator.round(), house.escalator.round())
    assert sorted(rounds) == [0, 1]
    assert set(await house.sent()) == {("inbox", "new"), ("team", "escalation:1")}
    house.later(minutes=25)
    assert [await house.escalator.round() for _ in range(3)] == [1, 0, 0]
    assert set(await house.sent()) == {
        ("inbox", "new"),
        ("team", "escalation:1"),
        ("team", "escalation:2"),
        ("manager", "escalation:2"),
    }
    assert await house.store.ladders.count() == 0


async def test_a_step_that_is_not_due_is_not_taken(house: House) -> None:
    await house.accept()
    house.later(minutes=5, seconds=1)
    await house.escalator.round()
    what, made = await house.store.ladders.escalate(UID, 2, None, None, [("dlv_x", "manager")])
    assert (what, made) == ("moved", ())


async def test_a_claim_ends_the_ladder_and_calls_off_what_waits(house: House) -> None:
    await house.accept()
    house.later(minutes=6)
    await house.escalator.round()
    claimed = await house.pipeline.claim(await house.lead(), "Bob", "email")
    assert (claimed.what, claimed.agent) == ("claimed", "Bob")
    assert claimed.took >= timedelta(minutes=6)
    house.later(hours=1)
    assert await house.escalator.round() == 0
    sent = await house.sent()
    assert sent["team", "escalation:1"] is State.DISCARDED
    assert sent["crm", "claimed"] is State.PENDING
    stored = await house.lead()
    assert (stored.claimed_by, stored.claimed_via) == ("Bob", "email")


async def test_the_first_to_claim_has_it(house: House) -> None:
    await house.accept()
    stored = await house.lead()
    claims = await asyncio.gather(
        *(house.pipeline.claim(stored, name, "slack") for name in ("Anne", "Bob", "Chloé"))
    )
    assert sorted(item.what for item in claims) == ["claimed", "taken", "taken"]
    assert len({item.agent for item in claims}) == 1
    assert len({item.at for item in claims}) == 1


async def test_a_claim_that_races_a_step_is_settled_one_way(house: House) -> None:
    await house.accept()
    house.later(minutes=6)
    stored = await house.lead()
    claimed, steps = await asyncio.gather(
        house.pipeline.claim(stored, "Anne", "email"), house.escalator.round()
    )
    assert claimed.what == "claimed"
    states = await house.sent()
    assert states.get(("team", "escalation:1")) in ((None,) if not steps else (State.DISCARDED,))
    assert await house.store.ladders.count() == 0


async def test_a_lead_nobody_could_be_told_of_climbs_at_once(house: House) -> None:
    await house.accept()
    await house.end("inbox", "new", "refused")
    assert await house.escalator.round() == 1
    assert await house.escalator.round() == 0
    assert ("team", "escalation:1") in await house.sent()


async def test_a_step_for_the_next_agent_is_for_another_who_works(house: House) -> None:
    await house.accept()
    first = (await house.lead()).lead.agent.name
    house.later(minutes=31)
    await house.escalator.round()
    await house.escalator.round()
    item = delivery_id("seloger", "lead-1", "manager", "escalation:2")
    await house.store.leases.start_worker("w1")
    (begun,) = await house.store.deliveries.begin("w1", [Claim("manager", [item], 5.0)])
    assert begun.work[0].lead.agent.name not in (None, first)
    assert (await house.lead()).lead.agent.name == first


async def test_the_ladder_goes_on_after_a_restart(house: House, store: Store, queue: Queue) -> None:
    await house.accept()
    house.later(minutes=6)
    again = build(store, queue, LADDER)
    again.shift = house.shift
    assert await again.escalator.round() == 1


async def test_at_night_the_clock_stands_still(store: Store, queue: Queue) -> None:
    opens = datetime.now(ZoneInfo("Europe/Paris")) + timedelta(hours=2)
    end = (opens + timedelta(hours=1)).strftime("%H:%M")
    house = build(store, queue, {**LADDER, "hours": f"{opens:%H:%M}-{end}"})
    await house.accept()
    house.later(hours=1)
    assert await house.escalator.round() == 0
    house.later(hours=1, minutes=6)
    assert await house.escalator.round() == 1


@pytest.mark.parametrize("fields", [{"late": True}, {"test": True}])
async def test_late_leads_and_tests_wait_for_nobody(house: House, fields: dict[str, bool]) -> None:
    await house.accept(a_lead(created_at=house.now(), **fields))
    assert await house.store.ladders.count() == 0


async def test_an_erased_lead_climbs_no_further(house: House) -> None:
    await house.accept()
    await house.store.leads.erase([UID])
    house.later(minutes=6)
    assert await house.escalator.round() == 0
    assert await house.store.ladders.count() == 0


async def test_a_ladder_that_the_configuration_lost_ends(
    house: House, store: Store, queue: Queue
) -> None:
    await house.accept()
    house.later(minutes=6)
    shorter = build(store, queue, {"within": "5m"})
    assert await shorter.escalator.round() == 0
    assert await store.ladders.count() == 0


async def test_a_stored_lead_gets_what_it_lacks_once(house: House) -> None:
    await house.accept()
    assert await house.pipeline.route(await house.lead(), ["crm", "inbox"]) == ("crm",)
    assert await house.pipeline.route(await house.lead(), ["crm", "inbox"]) == ()


async def test_the_promise_is_counted_by_who_kept_it(house: House) -> None:
    store = house.store
    for number in range(4):
        await house.pipeline.accept([a_lead(f"lead-{number}", created_at=house.now())])
    found = [await store.leads.get(lead_uid("seloger", f"lead-{n}")) for n in range(4)]
    stored = [lead for lead in found if lead]
    await house.pipeline.claim(stored[0], "Anne", "email")
    house.later(minutes=6)
    await house.pipeline.claim(stored[1], "Bob", "email")
    await house.pipeline.accept([a_lead("lead-9", created_at=house.now())])
    promise = await store.ladders.promise(store.counts)
    counts = [sum(found) for found in (promise.to_claim, promise.claimed, promise.in_time)]
    assert counts == [5, 2, 1]
    assert (promise.waiting, promise.overdue) == (3, 2)
    assert promise.kept() == 0.25
    assert promise.burn(0.95) == pytest.approx(15.0)
    claims = await store.counts.claims("agent", ["Anne", "Bob"])
    assert {name: histogram.count for name, histogram in claims.items()} == {"Anne": 1, "Bob": 1}
    assert len(await store.ladders.unclaimed(overdue=True)) == 2


async def test_who_returns_to_an_agent_who_left_is_given_to_another(
    house: House, store: Store, queue: Queue
) -> None:
    await house.accept()
    assert (await house.lead()).lead.agent.name == "Anne"
    left = build(store, queue, LADDER, agents=("Bob", "Chloé"))
    (accepted,) = await left.pipeline.accept([a_lead("lead-2", created_at=house.now())])
    assert isinstance(accepted, Accepted)
    second = await store.leads.get(lead_uid("seloger", "lead-2"))
    assert second is not None
    assert second.lead.agent.name == "Bob"
    assert second.decision is not None
    assert (second.decision.agent, second.decision.why) == ("Bob", "otherwise")
