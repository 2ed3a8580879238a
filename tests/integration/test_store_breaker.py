"""A destination in trouble, by the store's rules: broken, throttled, moved; time is shifted."""

from __future__ import annotations

import pytest

from gateway.delivery import Lane, Reason, State
from gateway.store import Begun, Claim, Finished, Report, Store
from gateway.store.work import FAILURES_THAT_BREAK
from tests.builders import a_lead, a_plan

pytestmark = pytest.mark.anyio

TIMEOUT = 5.0


async def waiting(store: Store, count: int) -> list[str]:
    plans = [a_plan(a_lead(f"lead-{n}")) for n in range(count)]
    return [result.deliveries[0] for result in await store.leads.accept(plans)]  # type: ignore[union-attr]


async def begin(store: Store, ids: list[str], worker: str = "w1", place: str = "") -> Begun:
    await store.leases.start_worker(worker)
    claim = Claim("crm", ids, TIMEOUT, place=place)
    (begun,) = await store.deliveries.begin(worker, [claim])
    return begun


async def fail(store: Store, begun: Begun, **how: object) -> list[Finished]:
    values: dict[str, object] = {"wait": 5.0, "health": "down", **how}
    return await store.deliveries.finish(
        "w1",
        [
            Report(work.id, work.number, "deferred", Reason.CONNECTION, 3, **values)  # type: ignore[arg-type]
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
