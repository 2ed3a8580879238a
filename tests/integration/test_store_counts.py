"""What is counted as it happens, so that nobody has to walk it: dead letters by reason, speed."""

from __future__ import annotations

import pytest

from gateway.delivery import Reason
from gateway.store import Claim, Report, Store
from tests.builders import a_lead, a_plan

pytestmark = pytest.mark.anyio


async def end(store: Store, delivery: str, outcome: str, reason: Reason, **fields: object) -> None:
    await store.leases.start_worker("w1")
    (begun,) = await store.deliveries.begin("w1", [Claim("crm", [delivery], 5.0)])
    (work,) = begun.work
    report = Report(work.id, work.number, outcome, reason, 12, **fields)  # type: ignore[arg-type]
    await store.deliveries.finish("w1", [report])


async def make(store: Store, count: int) -> list[str]:
    plans = [a_plan(a_lead(f"lead-{n}")) for n in range(count)]
    results = await store.leads.accept(plans)
    return [item for result in results for item in result.deliveries]  # type: ignore[union-attr]


async def reasons(store: Store) -> dict[str, int]:
    return (await store.counts.dead_reasons(["crm"]))["crm"]


async def test_dead_letters_are_counted_by_reason_until_they_leave(store: Store) -> None:
    ids = await make(store, 6)
    for item in ids[:3]:
        await end(store, item, "refused", Reason.REJECTED)
    await end(store, ids[3], "deferred", Reason.TIMEOUT)  # no try is left
    await end(store, ids[4], "refused", Reason.TEMPLATE)
    assert await reasons(store) == {"rejected": 3, "template": 1, "timeout": 1}
    await store.deliveries.replay([ids[0]])
    await store.deliveries.discard([ids[1]])
    stored = await store.deliveries.get(ids[4])
    assert stored is not None
    await store.leads.erase([stored.lead_uid])
    assert await reasons(store) == {"rejected": 1, "timeout": 1}


async def test_a_late_success_takes_a_dead_letter_out_of_the_reason_it_died_for(
    store: Store,
) -> None:
    (item,) = await make(store, 1)
    await end(store, item, "refused", Reason.REJECTED)
    late = Report(item, 7, "delivered", Reason.ACCEPTED, 12)
    await store.deliveries.finish("w1", [late])
    assert await reasons(store) == {}


async def test_a_letter_that_dies_again_is_counted_once_for_its_new_reason(store: Store) -> None:
    (item,) = await make(store, 1)
    await end(store, item, "refused", Reason.REJECTED)
    await store.deliveries.replay([item])
    await end(store, item, "refused", Reason.TEMPLATE)
    assert await reasons(store) == {"template": 1}


async def test_speed_is_known_by_hour_and_an_hour_two_days_later_starts_over(store: Store) -> None:
    first, second = await make(store, 2)
    await end(store, first, "delivered", Reason.ACCEPTED)
    now = await store.counts.speed()
    store.connection.clock_shift = 48 * 3600.0
    gone = await store.counts.speed()
    await end(store, second, "delivered", Reason.ACCEPTED)
    later = await store.counts.speed()
    assert [hour.count for hour in now] == [0] * 23 + [1]
    assert sum(hour.count for hour in gone) == 0
    assert [hour.count for hour in later] == [0] * 23 + [1]
