"""How fast leads were: counted where it happens, by whose they are, and never for long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.delivery import Reason, delivery_id, lead_uid
from gateway.store import Claim, Mode, Plan, Report, Store
from gateway.store.speed import ACCURACY
from tests.builders import a_lead

pytestmark = pytest.mark.anyio

DECISION = '{"agency":"","agent":"Anne","why":"otherwise","rules":{},"error":null}'
AGES = (0.004, 0.3, 1.7, 12.0, 60.0, 299.0, 301.0, 4000.0, 90_000.0, 2_000_000.0)


async def accept(
    store: Store, name: str, age: float, *, mode: Mode = Mode.LIVE, occasion: str = "new"
) -> str:
    # The store's own clock is what counts.
    now = datetime.fromtimestamp(await store.connection.now_ms() / 1000, UTC)
    lead = a_lead(name, created_at=now - timedelta(seconds=age))
    made = delivery_id("seloger", name, "crm", occasion)
    plan = Plan(lead_uid("seloger", name), lead, "d", mode, ((made, "crm", occasion),), DECISION)
    await store.leads.accept([plan])
    return made


async def deliver(store: Store, item: str) -> None:
    await store.leases.start_worker("w1")
    (begun,) = await store.deliveries.begin("w1", [Claim("crm", [item], 5.0)])
    report = Report(item, begun.work[0].number, "delivered", Reason.ACCEPTED, 1)
    await store.deliveries.finish("w1", [report])


@pytest.mark.parametrize("age", AGES)
async def test_a_time_is_read_within_the_accuracy_that_is_stated(store: Store, age: float) -> None:
    await accept(store, "lead-1", age)
    found = (await store.speed.day()).times("received").quantile(0.5)
    assert found is not None
    assert found == pytest.approx(age, rel=ACCURACY, abs=0.05)  # the store's clock goes on


async def test_percentiles_are_of_the_leads_not_of_the_buckets(store: Store) -> None:
    for number in range(20):
        await accept(store, f"lead-{number}", 10.0 if number < 17 else 600.0)
    times = (await store.speed.day()).times("received", "source=seloger")
    assert times.count == 20
    assert times.quantile(0.5) == pytest.approx(10, rel=2 * ACCURACY)
    assert times.quantile(0.85) == pytest.approx(10, rel=2 * ACCURACY)
    assert times.quantile(0.9) == pytest.approx(600, rel=2 * ACCURACY)


async def test_each_stage_is_counted_by_whose_the_lead_is(store: Store) -> None:
    await deliver(store, await accept(store, "lead-1", 30))
    await store.ladders.claim(lead_uid("seloger", "lead-1"), "Bob", "email")
    day = await store.speed.day()
    counted = {
        (stage, whose): count
        for hour in day.hours
        for (stage, whose), buckets in hour.items()
        for count in buckets.values()
    }
    assert counted == {
        ("received", "all"): 1,
        ("received", "source=seloger"): 1,
        ("received", "agent=Anne"): 1,
        ("delivered", "all"): 1,
        ("delivered", "source=seloger"): 1,
        ("delivered", "destination=crm"): 1,
        ("delivered", "agent=Anne"): 1,
        ("claimed", "all"): 1,
        ("claimed", "source=seloger"): 1,
        ("claimed", "agent=Bob"): 1,
    }
    assert day.names("agent") == ["Anne", "Bob"]
    stored = await store.leads.get(lead_uid("seloger", "lead-1"))
    assert stored is not None
    assert stored.delivered_at is not None


async def test_what_comes_from_the_past_and_steps_of_ladders_say_nothing_of_speed(
    store: Store,
) -> None:
    await deliver(store, await accept(store, "lead-1", 86_400, mode=Mode.LATER))
    await store.ladders.claim(lead_uid("seloger", "lead-1"), "Bob", "email")
    assert not any((await store.speed.day()).hours)
    await deliver(store, await accept(store, "lead-2", 5, occasion="escalation:1"))
    assert (await store.speed.day()).times("delivered").count == 0


async def test_a_lead_read_again_is_counted_once(store: Store) -> None:
    item = await accept(store, "lead-1", 5)
    await accept(store, "lead-1", 500)
    await deliver(store, item)
    day = await store.speed.day()
    assert [day.times(stage).count for stage in ("received", "delivered")] == [1, 1]


async def test_hours_pass_and_leave_nothing_behind(store: Store) -> None:
    await accept(store, "lead-1", 5)
    store.connection.clock_shift = 3600.0
    await accept(store, "lead-2", 5)
    by_hour = (await store.speed.day()).by_hour("received")
    assert [times.count for times in by_hour[-2:]] == [1, 1]
    store.connection.clock_shift = 24 * 3600.0
    assert (await store.speed.day()).times("received").count == 1
    redis = store.connection.redis
    keys = [key async for key in redis.scan_iter(match=store.connection.key("speed", "*"))]
    assert len(keys) == 2
    lives = [await redis.pttl(key) for key in keys]
    assert all(0 < left <= 2 * 86_400_000 for left in lives)
