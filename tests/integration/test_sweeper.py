"""The sweeper on a real store: one at a time, in bounded steps; what is over is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from gateway.config.model import Retention
from gateway.delivery import Delivery, Lane, Reason, State, delivery_id, lead_uid
from gateway.queue import Queue
from gateway.store import Claim, Mode, Report, Store, StoreUnavailable, connect
from tests.builders import a_lead, a_plan
from workers.forgetting import BATCH, BATCHES, Forgetting
from workers.sweeper import LEASE, Sweeper

pytestmark = pytest.mark.anyio

RETENTION = Retention(leads=timedelta(days=30), history=timedelta(days=90))
DAY = 86400.0


@pytest.fixture
def sweeper(store: Store, queue: Queue) -> Sweeper:
    return Sweeper(store, queue, "w1", ("crm",), RETENTION)


async def accept(store: Store, names: Sequence[str], **lead: object) -> list[str]:
    for start in range(0, len(names), 200):
        plans = [a_plan(a_lead(name, **lead)) for name in names[start : start + 200]]
        await store.leads.accept(plans)
    return [delivery_id("seloger", name, "crm") for name in names]


async def finish(
    store: Store, ids: Sequence[str], outcome: str = "delivered", wait: float | None = None
) -> None:
    await store.leases.start_worker("w9")
    for start in range(0, len(ids), 200):
        claim = Claim("crm", ids[start : start + 200], 5.0)
        (begun,) = await store.deliveries.begin("w9", [claim])
        await store.deliveries.finish(
            "w9",
            [
                Report(
                    work.id, work.number, outcome, Reason.CLIENT_ERROR, 1, wait=wait,
                    answer="an answer",
                )
                for work in begun.work
            ],
        )  # fmt: skip


async def get(store: Store, item: str) -> Delivery | None:
    return await store.deliveries.get(item)


async def state(store: Store, item: str) -> tuple[State, Reason | None] | None:
    found = await get(store, item)
    return (found.state, found.reason) if found else None


async def test_one_sweeper_at_a_time_and_the_next_takes_over_in_seconds(
    store: Store, queue: Queue, sweeper: Sweeper
) -> None:
    other = Sweeper(store, queue, "w2", ("crm",), RETENTION)
    assert await sweeper.round()
    assert not await other.round()
    store.connection.clock_shift = LEASE + 0.1
    assert await other.round()
    assert not await sweeper.round()
    await store.leases.give_up("sweeper", "w2")
    store.connection.clock_shift += 0.1
    assert await sweeper.round()


async def test_everything_due_is_ready_after_one_round(store: Store, sweeper: Sweeper) -> None:
    ids = await accept(store, [f"lead-{n}" for n in range(900)])
    await finish(store, ids, "deferred", wait=5.0)
    store.connection.clock_shift = 6.0
    await sweeper.round()
    assert await store.deliveries.waiting(["crm"]) == {"crm": (0, 900)}


async def test_retries_of_a_destination_this_process_does_not_know_keep_their_times(
    store: Store, queue: Queue
) -> None:
    ids = await accept(store, ["lead-1"])
    await finish(store, ids, "deferred", wait=5.0)
    store.connection.clock_shift = 6.0
    await Sweeper(store, queue, "w1", ("team",), RETENTION).round()
    assert await store.deliveries.ready("crm", Lane.LATER, 5) == ids


async def test_what_is_ready_and_has_no_hint_gets_one(
    store: Store, queue: Queue, sweeper: Sweeper
) -> None:
    await accept(store, [f"lead-{n}" for n in range(3)])
    assert await queue.length("crm", Lane.LIVE) == 0
    await sweeper.round()
    assert await queue.length("crm", Lane.LIVE) == 3


async def test_after_an_outage_every_worker_gets_the_time_of_a_lease(
    store: Store, queue: Queue
) -> None:
    clock = 1000.0
    some = Sweeper(store, queue, "w1", ("crm",), RETENTION, clock=lambda: clock)
    (item,) = await accept(store, ["lead-1"])
    await store.leases.start_worker("w9")
    await store.deliveries.begin("w9", [Claim("crm", [item], 5.0)])
    working, store.connection.redis = store.connection.redis, connect("unix:///nobody/listens")
    with pytest.raises(StoreUnavailable):
        await some.round()
    store.connection.redis = working
    store.connection.clock_shift = 60.0
    await some.round()
    assert await state(store, item) == (State.DELIVERING, None)
    clock += 11.0
    await some.round()
    assert await state(store, item) == (State.RETRYING, Reason.INTERRUPTED)


async def test_what_waits_or_is_dead_ends_with_the_portals_expiry(
    store: Store, sweeper: Sweeper
) -> None:
    ends = datetime.now(UTC) + timedelta(hours=1)
    waits, dead, made, flies = await accept(
        store, ["waits", "dead", "made", "flies"], expires_at=ends
    )
    (stays,) = await accept(store, ["stays"])
    await finish(store, [dead], "refused")
    await finish(store, [made])
    store.connection.clock_shift = 3599.0
    await store.leases.start_worker("w9")
    await store.deliveries.begin("w9", [Claim("crm", [flies], 5.0)])
    await sweeper.round()
    assert await state(store, waits) == (State.PENDING, None)
    store.connection.clock_shift = 3601.0
    await sweeper._forgetting.round()
    assert await state(store, waits) == (State.DISCARDED, Reason.EXPIRED)
    assert await state(store, dead) == (State.DISCARDED, Reason.EXPIRED)
    assert (await get(store, made)).attempts[0].answer == ""  # type: ignore[union-attr]
    assert await state(store, flies) == (State.DELIVERING, None)
    assert await state(store, stays) == (State.PENDING, None)
    assert await store.leads.count() == 2
    report = Report(flies, 1, "deferred", Reason.TIMEOUT, 1, wait=5.0)
    await store.deliveries.finish("w9", [report])
    await sweeper._forgetting.round()
    assert await state(store, flies) == (State.DISCARDED, Reason.EXPIRED)
    assert [result.what for result in await store.leads.accept([a_plan(a_lead("waits"))])] == [  # type: ignore[union-attr]
        "known"
    ]


async def test_a_lead_that_comes_after_its_time_is_delivered_like_any_other(
    store: Store, sweeper: Sweeper
) -> None:
    (late,) = await accept(store, ["late"], expires_at=datetime.now(UTC) - timedelta(hours=1))
    await sweeper.round()
    assert await state(store, late) == (State.PENDING, None)


async def test_retention_takes_the_lead_first_and_its_history_later(store: Store) -> None:
    made, dead = await accept(store, ["made", "dead"])
    await finish(store, [made])
    await finish(store, [dead], "refused")

    def after(days: int) -> Forgetting:
        return Forgetting(store, RETENTION, lambda: datetime.now(UTC) + timedelta(days=days))

    await after(29).round()
    assert await store.leads.count() == 2
    await after(31).round()
    assert await store.leads.get(lead_uid("seloger", "made")) is None
    history = await get(store, made)
    assert history is not None
    assert (history.state, [item.answer for item in history.attempts]) == (State.DELIVERED, [""])
    await after(91).round()
    assert await get(store, made) is None
    assert await state(store, dead) == (State.DEAD, Reason.CLIENT_ERROR)
    assert [item.id for item in (await store.deliveries.page()).items] == [dead]


async def test_dead_letters_at_the_front_never_hide_what_comes_after_them(store: Store) -> None:
    stuck = BATCH * BATCHES + 10
    ids = await accept(store, [f"dead-{n:04}" for n in range(stuck)])
    await finish(store, ids, "refused")
    await store.connection.redis.zadd(
        store.connection.key("leads"),
        {lead_uid("seloger", f"dead-{n:04}"): n for n in range(stuck)},
    )
    (made,) = await accept(store, ["made"])
    await finish(store, [made])
    walk = Forgetting(store, RETENTION, lambda: datetime.now(UTC) + timedelta(days=31))
    await walk.round()
    assert await store.leads.count() == stuck + 1
    await walk.round()
    assert await store.leads.count() == stuck


@pytest.mark.chaos
@pytest.mark.timeout(300)
async def test_no_step_of_the_sweeper_holds_the_server_for_long(store: Store, queue: Queue) -> None:
    """A hundred thousand of everything: due, expired, old; no call of more than 5 ms."""
    count, redis = 100_000, store.connection.redis
    ends = datetime.now(UTC) + timedelta(hours=1)
    ids = await accept(store, [f"lead-{n}" for n in range(count)], expires_at=ends)
    await finish(store, ids[: count // 2], "deferred", wait=5.0)
    await finish(store, ids[count // 2 :])
    await redis.config_set("slowlog-log-slower-than", 5000)
    await redis.slowlog_reset()
    store.connection.clock_shift = 2 * 3600.0
    some = Sweeper(store, queue, "w1", ("crm",), RETENTION)
    forgetting = Forgetting(store, RETENTION, lambda: datetime.now(UTC) + timedelta(days=400))
    while await store.leads.count():
        assert await some.round()
        await forgetting.round()
    while (await store.deliveries.page(limit=1)).items:
        await forgetting.round()
    slow = await redis.slowlog_get(100)
    # On a busy machine a call may have been waiting for a processor.
    assert len(slow) <= 3, [(entry["duration"], entry["command"][:60]) for entry in slow]
    keys = [key async for key in redis.scan_iter(f"{store.namespace}:*", count=1000)]
    kinds = {key.decode().split(":")[1] for key in keys}
    assert kinds.isdisjoint({"lead", "delivery", "attempts", "due", "dead", "owned", "expiring"})


async def test_floor_marks_and_tombstones_outlive_everything(store: Store) -> None:
    await store.leads.accept([a_plan(a_lead("floor"), mode=Mode.FLOOR), a_plan(a_lead("gone"))])
    await store.leads.erase([lead_uid("seloger", "gone")])
    await Forgetting(store, RETENTION, lambda: datetime.now(UTC) + timedelta(days=400)).round()
    plans = [a_plan(a_lead("floor")), a_plan(a_lead("gone"))]
    assert [result.what for result in await store.leads.accept(plans)] == ["floor", "erased"]  # type: ignore[union-attr]
