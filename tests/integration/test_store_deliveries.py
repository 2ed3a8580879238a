"""The store's transitions on a real server: from a named state to a named state, or no."""

from __future__ import annotations

import pytest

from gateway.delivery import Lane, Reason, State
from gateway.store import Accepted, Begun, Claim, LeaseLost, Mode, Renewal, Replayed, Report, Store
from tests.builders import a_lead, a_plan

pytestmark = pytest.mark.anyio


async def accepted(store: Store, *plans: object) -> list[Accepted]:
    results = await store.leads.accept(plans or [a_plan()])  # type: ignore[arg-type]
    assert all(isinstance(result, Accepted) for result in results)
    return results  # type: ignore[return-value]


async def begin(store: Store, ids: tuple[str, ...], worker: str = "w1", **claim: object) -> Begun:
    await store.leases.start_worker(worker)
    (begun,) = await store.deliveries.begin(worker, [Claim("crm", ids, 5.0, **claim)])  # type: ignore[arg-type]
    return begun


def report(delivery: str, number: int = 1, outcome: str = "delivered", **fields: object) -> Report:
    reason = Reason.ACCEPTED if outcome == "delivered" else Reason.SERVER_ERROR
    return Report(delivery, number, outcome, reason, 12, **fields)  # type: ignore[arg-type]


async def state_of(store: Store, delivery: str) -> State:
    found = await store.deliveries.get(delivery)
    assert found is not None
    return found.state


async def test_a_lead_read_a_hundred_times_is_delivered_once(store: Store) -> None:
    results = [result for _ in range(100) for result in await accepted(store)]
    assert [result.what for result in results] == ["new"] + ["known"] * 99
    assert sum(len(result.deliveries) for result in results) == 1


async def test_a_begun_delivery_can_not_be_begun_again(store: Store) -> None:
    ((delivery,),) = [result.deliveries for result in await accepted(store)]
    first = await begin(store, (delivery,))
    second = await begin(store, (delivery,), worker="w2")
    assert [work.id for work in first.work] == [delivery]
    assert first.work[0].lead == a_lead()
    assert second.work == []


async def test_a_success_ends_the_delivery_and_is_written_once(store: Store) -> None:
    ((delivery,),) = [result.deliveries for result in await accepted(store)]
    await begin(store, (delivery,))
    await store.deliveries.finish("w1", [report(delivery, status=200, remote_id="77")])
    await store.deliveries.finish("w1", [report(delivery, status=200, remote_id="77")])
    found = await store.deliveries.get(delivery)
    assert found is not None
    assert (found.state, found.remote_id, len(found.attempts)) == (State.DELIVERED, "77", 1)
    assert found.attempts[0].status == 200


async def test_a_deferred_delivery_waits_and_comes_back_behind_live_ones(store: Store) -> None:
    ((delivery,),) = [result.deliveries for result in await accepted(store)]
    await begin(store, (delivery,))
    await store.deliveries.finish("w1", [report(delivery, outcome="deferred", wait=30.0)])
    assert await state_of(store, delivery) is State.RETRYING
    assert (await store.deliveries.sweep_due(["crm"])).moved == {}
    store.connection.clock_shift = 31.0
    assert (await store.deliveries.sweep_due(["crm"])).moved == {"crm": [delivery]}
    assert await store.deliveries.ready("crm", Lane.LATER, 10) == [delivery]


async def test_what_a_deferred_attempt_saved_is_there_on_the_next(store: Store) -> None:
    ((delivery,),) = [result.deliveries for result in await accepted(store)]
    await begin(store, (delivery,))
    saved = {"settled": ["a1"], "reached": 2}
    await store.deliveries.finish(
        "w1", [report(delivery, outcome="deferred", wait=1.0, saved=saved)]
    )
    store.connection.clock_shift = 2.0
    await store.deliveries.sweep_due(["crm"])
    again = await begin(store, (delivery,))
    assert again.work[0].saved == saved
    await store.deliveries.finish("w1", [report(delivery, 2, outcome="deferred", wait=1.0)])
    store.connection.clock_shift = 4.0
    await store.deliveries.sweep_due(["crm"])
    assert (await begin(store, (delivery,))).work[0].saved == saved


async def test_a_used_up_schedule_is_a_dead_letter_and_a_replay_brings_it_back(
    store: Store,
) -> None:
    ((delivery,),) = [result.deliveries for result in await accepted(store)]
    await begin(store, (delivery,))
    await store.deliveries.finish("w1", [report(delivery, outcome="deferred", wait=None)])
    dead = await store.deliveries.page(states=[State.DEAD])
    assert [item.id for item in dead.items] == [delivery]
    assert await store.deliveries.replay([delivery]) == [Replayed("replayed", "crm", Lane.LATER)]
    assert [work.number for work in (await begin(store, (delivery,))).work] == [2]


async def test_a_late_success_wins_over_dead_and_any_other_late_answer_changes_nothing(
    store: Store,
) -> None:
    ((delivery,),) = [result.deliveries for result in await accepted(store)]
    await begin(store, (delivery,))
    store.connection.clock_shift = 60.0
    _, back, _ = await store.deliveries.reap("w1")
    assert [item.id for item in back] == [delivery]
    await begin(store, (delivery,), worker="w2")
    await store.deliveries.finish("w2", [report(delivery, 2, "refused")])
    (stale,) = await store.deliveries.finish("w1", [report(delivery, 1, "deferred", wait=1.0)])
    assert (stale.state, await state_of(store, delivery)) == ("stale", State.DEAD)
    (late,) = await store.deliveries.finish("w1", [report(delivery, 1)])
    assert (late.state, await state_of(store, delivery)) == ("delivered", State.DELIVERED)


async def test_five_interruptions_end_a_delivery(store: Store) -> None:
    ((delivery,),) = [result.deliveries for result in await accepted(store)]
    for turn in range(1, 6):
        await begin(store, (delivery,), worker=f"w{turn}")
        store.connection.clock_shift += 60.0
        await store.deliveries.reap(f"w{turn}")
    found = await store.deliveries.get(delivery)
    assert found is not None
    assert (found.state, found.reason, len(found.attempts)) == (State.DEAD, Reason.INTERRUPTED, 5)


async def test_a_worker_without_a_lease_gets_nothing_and_is_told(store: Store) -> None:
    ((delivery,),) = [result.deliveries for result in await accepted(store)]
    await store.leases.start_worker("w1")
    store.connection.clock_shift = 11.0
    (begun,) = await store.deliveries.begin("w1", [Claim("crm", [delivery], 5.0)])
    assert (begun.refused, begun.work) == ("lease", [])
    assert await store.leases.renew_worker("w1") == Renewal(owned=0, late=True)
    assert [work.id for work in (await begin(store, (delivery,))).work] == [delivery]
    store.connection.clock_shift = 60.0
    await store.deliveries.reap("w1")
    with pytest.raises(LeaseLost):
        await store.leases.renew_worker("w1")


async def test_a_paused_destination_keeps_its_deliveries(store: Store) -> None:
    ((delivery,),) = [result.deliveries for result in await accepted(store)]
    await store.destinations.pause("crm")
    assert (await begin(store, (delivery,))).refused == "paused"
    await store.destinations.resume("crm")
    assert [work.id for work in (await begin(store, (delivery,))).work] == [delivery]


async def test_a_rate_holds_over_all_workers(store: Store) -> None:
    plans = [a_plan(a_lead(f"lead-{n}")) for n in range(4)]
    ids = tuple(result.deliveries[0] for result in await accepted(store, *plans))
    first = await begin(store, ids[:2], rate=(3, 1.0))
    second = await begin(store, ids[2:], worker="w2", rate=(3, 1.0))
    assert (len(first.work), len(second.work), second.refused) == (2, 1, "rate")
    assert 0 < second.wait <= 1.0


async def test_a_broken_destination_gets_one_probe_and_burns_no_schedule(store: Store) -> None:
    plans = [a_plan(a_lead(f"lead-{n}")) for n in range(10)]
    ids = tuple(result.deliveries[0] for result in await accepted(store, *plans))
    await begin(store, ids)
    downs = [report(item, outcome="deferred", wait=5.0, health="down") for item in ids]
    finished = await store.deliveries.finish("w1", downs)
    assert [item.destination_now for item in finished].count("broken") == 1
    last = await store.deliveries.get(ids[-1])
    assert last is not None
    assert (last.attempts_made, last.reason) == (0, Reason.DESTINATION_DOWN)
    store.connection.clock_shift = 30.0
    await store.deliveries.sweep_due(["crm"])
    probe = await begin(store, ids)
    assert (len(probe.work), probe.refused) == (1, "broken")
    (mended,) = await store.deliveries.finish("w1", [report(probe.work[0].id, 2, health="up")])
    assert mended.destination_now == "mended"
    assert len((await begin(store, ids)).work) == 9


async def test_a_second_source_of_the_same_identity_adds_only_what_is_missing(
    store: Store,
) -> None:
    await accepted(store)
    other = a_plan(a_lead(source="belles-demeures"), ("crm", "inbox"))
    (added,) = await accepted(store, other)
    assert (added.what, len(added.deliveries)) == ("added", 1)
    again = await accepted(store, a_plan(destinations=("crm", "inbox", "team")))
    assert again[0] == Accepted("known")


async def test_a_lead_below_the_floor_is_delivered_only_when_asked_for(store: Store) -> None:
    (floor,) = await accepted(store, a_plan(mode=Mode.FLOOR))
    (live,) = await accepted(store, a_plan())
    (asked,) = await accepted(store, a_plan(mode=Mode.LATER))
    assert (floor.what, live.what, asked.what) == ("floor", "floor", "new")


async def test_pages_are_stable_while_leads_arrive(store: Store) -> None:
    for n in range(7):
        await accepted(store, a_plan(a_lead(f"lead-{n}")))
    first = await store.leads.page(limit=3)
    await accepted(store, a_plan(a_lead("newcomer")))
    second = await store.leads.page(first.next_cursor, 3)
    third = await store.leads.page(second.next_cursor, 3)
    seen = [item.lead.id for page in (first, second, third) for item in page.items]
    assert sorted(seen) == [f"lead-{n}" for n in range(7)]
    assert third.next_cursor is None


async def test_retention_forgets_what_is_over_and_keeps_what_is_not(store: Store) -> None:
    ((delivery,),) = [result.deliveries for result in await accepted(store)]
    plan = a_plan()
    assert await store.leads.retire([plan.uid]) == 0
    await begin(store, (delivery,))
    await store.deliveries.finish("w1", [report(delivery)])
    assert await store.leads.retire([plan.uid]) == 1
    assert await store.leads.get(plan.uid) is None
    assert (await accepted(store))[0] == Accepted("known")


async def test_a_checkpoint_moves_forward_only_and_for_the_lease_holder_only(
    store: Store,
) -> None:
    early, late = a_lead().received_at, a_lead().received_at.replace(hour=13)
    token = await store.leases.take("source:seloger", "p1", 10.0)
    assert await store.sources.move("seloger", {"leads": late, "projects": early}, token)
    assert await store.sources.move("seloger", {"leads": early, "projects": late}, token)
    assert (await store.sources.get("seloger")).checkpoints == {"leads": late, "projects": late}
    store.connection.clock_shift = 11.0
    taken_over = await store.leases.take("source:seloger", "p2", 10.0)
    assert taken_over == token + 1
    assert not await store.sources.move("seloger", {"leads": late}, token)


async def test_a_reset_fences_off_whoever_reads_now(store: Store) -> None:
    token = await store.leases.take("source:seloger", "p1", 10.0)
    await store.sources.move("seloger", {"leads": a_lead().received_at}, token)

    await store.sources.reset("seloger")

    assert not await store.sources.move("seloger", {"leads": a_lead().received_at}, token)
    assert (await store.sources.get("seloger")).checkpoints == {}
    assert await store.leases.take("source:seloger", "p1", 10.0) == token + 1


async def test_a_worker_that_leaves_with_work_in_its_hands_is_reaped_at_once(store: Store) -> None:
    plans = [a_plan(a_lead(name)) for name in ("one", "two")]
    begun = await begin(store, tuple(made.deliveries[0] for made in await accepted(store, *plans)))
    assert len(begun.work) == 2
    await store.leases.end_worker("w1")
    assert await store.leases.dead_workers() == ["w1"]
    left, back, _ = await store.deliveries.reap("w1")
    assert (left, sorted(item.id for item in back)) == (0, sorted(work.id for work in begun.work))
    assert await store.leases.dead_workers() == []
