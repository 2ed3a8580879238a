"""A destination in trouble, by the store's rules: broken, throttled, moved; time is shifted."""

from __future__ import annotations

import pytest

from gateway.delivery import Lane, Reason, State
from gateway.store import Begun, Claim, Finished, Report, Store
from gateway.store.work import FAILURES_THAT_BREAK
from tests.builders import a_lead, a_plan

pytestmark = pytest.mark.anyio

TIMEOUT = 5.0


async def waiting(store: Store, count: int, prefix: str = "lead") -> list[str]:
    plans = [a_plan(a_lead(f"{prefix}-{n}")) for n in range(count)]
    return [result.deliveries[0] for result in await store.leads.accept(plans)]  # type: ignore[union-attr]


async def begin(store: Store, ids: list[str], worker: str = "w1", place: str = "") -> Begun:
    await store.leases.start_worker(worker)
    claim = Claim("crm", ids, TIMEOUT, place=place)
    (begun,) = await store.deliveries.begin(worker, [claim])
    return begun


async def fail(
    store: Store, begun: Begun, reason: Reason = Reason.CONNECTION, **how: object
) -> list[Finished]:
    values: dict[str, object] = {"wait": 5.0, "health": "down", **how}
    return await store.deliveries.finish(
        "w1",
        [
            Report(work.id, work.number, "deferred", reason, 3, **values)  # type: ignore[arg-type]
            for work in begun.work
        ],
    )


async def break_it(store: Store, count: int = 40) -> list[str]:
    ids = await waiting(store, count)
    await fail(store, await begin(store, ids[:FAILURES_THAT_BREAK]))
    return ids


async def later(store: Store, seconds: float) -> None:
    store.connection.clock_shift += seconds
    while (await store.deliveries.sweep_due(["crm"])).moved:
        pass


async def test_what_else_was_in_the_air_does_not_lengthen_the_first_probe(store: Store) -> None:
    ids = await waiting(store, 40)
    finished = await fail(store, await begin(store, ids))
    assert [item.destination_now for item in finished].count("broken") == 1
    (state,) = await store.destinations.describe(["crm"])
    assert state.state == "broken"
    await later(store, 2.1)
    assert len((await begin(store, ids)).work) == 1


async def test_each_probe_that_fails_doubles_the_wait_up_to_a_minute(store: Store) -> None:
    ids = await break_it(store)
    waits = []
    for _ in range(8):
        await later(store, 61.0)
        probe = await begin(store, ids)
        assert len(probe.work) == 1
        await fail(store, probe)
        waits.append((await begin(store, ids)).wait)
    assert [round(wait) for wait in waits] == [4, 8, 16, 32, 60, 60, 60, 60]


async def test_one_probe_at_a_time_over_all_workers(store: Store) -> None:
    ids = await break_it(store)
    await later(store, 2.1)
    first = await begin(store, ids)
    second = await begin(store, ids, worker="w2")
    assert (len(first.work), len(second.work), second.refused) == (1, 0, "broken")
    assert TIMEOUT <= second.wait <= TIMEOUT + 1


async def test_a_probe_that_never_ends_is_followed_by_another(store: Store) -> None:
    ids = await break_it(store)
    await later(store, 2.1)
    lost = await begin(store, ids)
    await later(store, TIMEOUT + 1.1)
    following = await begin(store, ids, worker="w2")
    assert len(following.work) == 1
    assert following.work[0].id != lost.work[0].id


async def test_what_waits_for_a_broken_destination_says_so(store: Store) -> None:
    ids = await break_it(store)
    await later(store, 2.1)
    await begin(store, ids)
    for item in await store.deliveries.get_many(ids[10:20]):
        assert (item.state, item.reason) == (State.RETRYING, Reason.DESTINATION_DOWN)
        assert item.lane is Lane.LIVE


async def test_a_destination_that_is_down_from_friday_to_monday_kills_nothing(
    store: Store,
) -> None:
    ids = await break_it(store, count=12)
    for _ in range(3 * 24 * 4):
        await later(store, 15 * 60)
        await fail(store, await begin(store, ids))
    found = await store.deliveries.get_many(ids)
    assert {item.state for item in found} == {State.RETRYING}
    assert max(item.attempts_made for item in found) <= 1
    await later(store, 61.0)
    (probe,) = (await begin(store, ids)).work
    report = Report(probe.id, probe.number, "delivered", Reason.ACCEPTED, 3, health="up")
    (mended,) = await store.deliveries.finish("w1", [report])
    assert mended.destination_now == "mended"
    assert len((await begin(store, ids)).work) == 11


async def test_a_new_lead_brings_the_next_probe_of_a_long_outage_forward(store: Store) -> None:
    ids = await break_it(store)
    for _ in range(6):
        await later(store, 61.0)
        await fail(store, await begin(store, ids))
    await later(store, 5.1)
    assert (await begin(store, ids)).wait > 50, "nobody new came: nothing to be in a hurry for"
    ids += await waiting(store, 3, "new")
    probe = await begin(store, ids)
    assert len(probe.work) == 1
    assert (await begin(store, ids, worker="w2")).wait > TIMEOUT - 1, "one at a time all the same"
    await fail(store, probe)
    assert (await begin(store, ids)).wait > 50, "and once for all who came"


async def test_however_many_new_leads_come_they_probe_once_in_five_seconds(store: Store) -> None:
    ids = await break_it(store)
    for _ in range(6):
        await later(store, 61.0)
        await fail(store, await begin(store, ids))
    probes = 0
    for n in range(60):
        ids += await waiting(store, 1, f"new-{n}")
        probe = await begin(store, ids)
        await fail(store, probe)
        probes += len(probe.work)
        assert probe.work or probe.wait <= 5.0
        await later(store, 1.0)
    assert 10 <= probes <= 12


@pytest.mark.parametrize(
    ("leads", "reason", "ends"),
    [
        (1, Reason.SERVER_ERROR, State.DEAD),
        (1, Reason.CONNECTION, State.RETRYING),
        (1, Reason.DNS, State.RETRYING),
        (2, Reason.SERVER_ERROR, State.RETRYING),
        (2, Reason.CREDENTIALS, State.RETRYING),
    ],
    ids=["its own 500", "refused", "no address", "everybody's 500", "everybody's 401"],
)
async def test_a_short_schedule_ends_only_where_the_lead_may_be_what_fails(
    store: Store, leads: int, reason: Reason, ends: State
) -> None:
    ids = await waiting(store, leads)
    for wait in (1.0, 1.0, None):
        await fail(store, await begin(store, ids), reason, wait=wait)
        await later(store, 1.1)
    assert {item.state for item in await store.deliveries.get_many(ids)} == {ends}
    for _ in range(20):
        await later(store, 61.0)
        await fail(store, await begin(store, ids), reason, wait=None)
    assert {item.state for item in await store.deliveries.get_many(ids)} == {ends}


async def test_what_a_receiver_chokes_on_dies_while_it_takes_the_others(store: Store) -> None:
    bad, *good = await waiting(store, 4)
    for wait, other in zip((1.0, 1.0, None), good, strict=True):
        await fail(store, await begin(store, [bad]), Reason.SERVER_ERROR, wait=wait)
        (work,) = (await begin(store, [other])).work
        report = Report(work.id, work.number, "delivered", Reason.ACCEPTED, 3, health="up")
        await store.deliveries.finish("w1", [report])
        await later(store, 1.1)
    (found,) = await store.deliveries.get_many([bad])
    assert (found.state, found.reason) == (State.DEAD, Reason.SERVER_ERROR)


async def test_the_history_of_a_long_outage_stays_bounded(store: Store) -> None:
    (only,) = await waiting(store, 1)
    for _ in range(230):
        await later(store, 90.0)
        await fail(store, await begin(store, [only]))
    found = await store.deliveries.get(only)
    assert found is not None
    assert (len(found.attempts), found.attempts[-1].number) == (200, 230)
    assert found.attempts_made < FAILURES_THAT_BREAK


async def test_a_probe_that_tells_nothing_of_its_destination_lets_the_next_one_try(
    store: Store,
) -> None:
    ids = await break_it(store)
    await later(store, 2.1)
    (probe,) = (await begin(store, ids)).work
    report = Report(probe.id, probe.number, "refused", Reason.TEMPLATE, 3, health="unknown")
    await store.deliveries.finish("w1", [report])
    assert len((await begin(store, ids)).work) == 1


async def test_a_throttled_destination_is_closed_for_all_until_the_longest_wish(
    store: Store,
) -> None:
    ids = await waiting(store, 6)
    begun = await begin(store, ids[:2])
    for work, wish in zip(begun.work, (30.0, 10.0), strict=True):
        await fail(store, Begun([work]), health="unknown", throttle=wish, wait=wish)
    refused = await begin(store, ids[2:], worker="w2")
    assert (refused.work, refused.refused) == ([], "throttled")
    assert 29.0 < refused.wait <= 30.0
    for item in await store.deliveries.get_many(ids[2:]):
        assert (item.state, item.reason) == (State.RETRYING, Reason.THROTTLED)
    await later(store, 30.1)
    assert len((await begin(store, ids[2:])).work) == 4


async def test_a_refusal_or_a_success_in_between_keeps_the_breaker_shut(store: Store) -> None:
    ids = await waiting(store, 3 * FAILURES_THAT_BREAK)
    for start in range(0, len(ids), FAILURES_THAT_BREAK):
        begun = await begin(store, ids[start : start + FAILURES_THAT_BREAK])
        await fail(store, Begun(begun.work[:-1]))
        last = begun.work[-1]
        report = Report(last.id, last.number, "refused", Reason.REJECTED, 3, health="up")
        await store.deliveries.finish("w1", [report])
    (state,) = await store.destinations.describe(["crm"])
    assert (state.state, state.failures) == ("up", 0)


async def test_what_waits_for_a_destination_that_moved_is_held_until_it_is_resumed(
    store: Store,
) -> None:
    assert await store.destinations.recognise({"crm": "webhook old.example"}) == {}
    ids = await waiting(store, 2)
    moved = await store.destinations.recognise({"crm": "webhook new.example"})
    assert moved == {"crm": "webhook old.example"}
    assert (await begin(store, ids, place="webhook new.example")).refused == "paused"
    await store.destinations.resume("crm")
    assert (await begin(store, ids, place="webhook old.example")).refused == "moved"
    assert len((await begin(store, ids, place="webhook new.example")).work) == 2


async def test_a_destination_that_moves_with_nothing_waiting_goes_on(store: Store) -> None:
    await store.destinations.recognise({"crm": "webhook old.example"})
    (item,) = await waiting(store, 1)
    (work,) = (await begin(store, [item])).work
    await store.deliveries.finish(
        "w1", [Report(work.id, work.number, "delivered", Reason.ACCEPTED, 3, health="up")]
    )
    assert await store.destinations.recognise({"crm": "webhook new.example"}) == {}
    (state,) = await store.destinations.describe(["crm"])
    assert (state.state, state.place) == ("up", "webhook new.example")
