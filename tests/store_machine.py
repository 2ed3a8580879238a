"""A state machine that does to a real store whatever may be done, in any order.

After every step the whole store is read and held against the rules in ``store_snapshot``; a move
that is refused must have changed nothing.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gateway.delivery import Lane, lead_uid
from gateway.lead import Lead
from gateway.store import Accepted, Claim, LeaseLost, Mode, Store, connect
from tests.builders import a_lead, a_plan
from tests.store_snapshot import Snapshot, check, check_history, look, outcome

T = TypeVar("T")
LEADS = [f"lead-{n}" for n in range(3)]
DESTINATIONS = ("crm", "team")
WORKERS = ("w1", "w2", "w3")

leads = st.sampled_from(LEADS)
workers = st.sampled_from(WORKERS)
destinations = st.sampled_from(DESTINATIONS)
indexes = st.integers(0, 30)


class StoreMachine(RuleBasedStateMachine):
    """``flights`` are attempts begun and never reported, ours or long given to others."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self.store = Store(connect(self.url), f"m{uuid.uuid4().hex[:12]}")
        self.do(self.store.open())
        self.flights: list[tuple[str, str, int]] = []
        self.reported: list[tuple[str, Any]] = []
        self.promised: set[str] = set()
        self.seen = Snapshot()

    def do(self, step: Awaitable[T]) -> T:
        async def run() -> T:
            return await step

        return self._runner.run(run())

    def teardown(self) -> None:
        self.do(self._clear())
        self._runner.close()

    async def _clear(self) -> None:
        redis = self.store.connection.redis
        names = [name async for name in redis.scan_iter(f"{self.store.namespace}:*", count=1000)]
        if names:
            await redis.delete(*names)
        await self.store.close()

    def look(self) -> Snapshot:
        return self.do(look(self.store))

    def some(self, index: int) -> str | None:
        """A delivery that exists, or none."""
        names = sorted(self.seen.under("delivery"))
        return names[index % len(names)] if names else None

    def unchanged(self) -> None:
        assert self.look().settled() == self.seen.settled(), "a refused move changed something"

    @initialize()
    def something_waits(self) -> None:
        for lead in LEADS[:2]:
            self.accept_as(a_lead(lead), set(DESTINATIONS), Mode.LIVE)

    # -- what comes in --------------------------------------------------------------------------

    @rule(
        lead=leads,
        source=st.sampled_from(("seloger", "belles-demeures")),
        to=st.sets(destinations),
        mode=st.sampled_from((Mode.LIVE, Mode.LIVE, Mode.LATER, Mode.FLOOR, Mode.STORE)),
        expires=st.sampled_from((None, None, -60, 600)),
    )
    def accept(self, lead: str, source: str, to: set[str], mode: Mode, expires: int | None) -> None:
        now = self.do(self.store.connection.now_ms()) / 1000
        ends = None if expires is None else datetime.fromtimestamp(now + expires, UTC)
        self.accept_as(a_lead(lead, source=source, expires_at=ends), to, mode)

    def accept_as(self, lead: Lead, to: set[str], mode: Mode) -> None:
        plan = a_plan(lead, tuple(sorted(to)), mode)
        (result,) = self.do(self.store.leads.accept([plan]))
        assert isinstance(result, Accepted)
        assert set(result.deliveries).isdisjoint(self.promised), "made twice"
        self.promised |= set(result.deliveries)

    # -- workers --------------------------------------------------------------------------------

    @rule(worker=workers)
    def live(self, worker: str) -> None:
        self.do(self.store.leases.start_worker(worker))

    @rule(worker=workers)
    def renew(self, worker: str) -> None:
        try:
            renewal = self.do(self.store.leases.renew_worker(worker))
        except LeaseLost:
            assert worker not in self.seen.keys.get("workers", {})
        else:
            assert renewal.owned == len(self.seen.keys.get(f"owned:{worker}", ()))

    @rule(worker=workers)
    def leave(self, worker: str) -> None:
        self.do(self.store.leases.end_worker(worker))

    @rule(
        worker=workers,
        alive=st.sampled_from((True, True, True, False)),
        dest=destinations,
        picks=st.lists(indexes, max_size=4),
        rate=st.sampled_from((None, None, (2, 30.0))),
        place=st.sampled_from(("", "webhook here")),
    )
    def begin(
        self,
        worker: str,
        alive: bool,
        dest: str,
        picks: list[int],
        rate: tuple[int, float] | None,
        place: str,
    ) -> None:
        if alive:
            self.do(self.store.leases.start_worker(worker))
        self.claim(worker, dest, picks, rate, place)

    def claim(
        self,
        worker: str,
        dest: str,
        picks: list[int] | None = None,
        rate: tuple[int, float] | None = None,
        place: str = "",
    ) -> None:
        ready = [
            item for lane in Lane for item in self.do(self.store.deliveries.ready(dest, lane, 3))
        ]
        ids = list(dict.fromkeys([*ready, *(x for n in picks or () if (x := self.some(n)))]))
        claim = Claim(dest, ids, 5.0, rate, place)
        (begun,) = self.do(self.store.deliveries.begin(worker, [claim]))
        before = self.seen.under("delivery")
        for work in begun.work:
            assert before[work.id]["state"] in ("pending", "retrying")
            assert before[work.id]["destination"] == dest
            assert work.number == int(before[work.id]["total"]) + 1
            self.flights.append((worker, work.id, work.number))
        if begun.refused in ("lease", "paused", "moved", "throttled"):
            assert not begun.work

    @precondition(lambda self: self.flights)
    @rule(
        index=indexes,
        how=st.sampled_from(("delivered", "deferred", "deferred", "refused", "continue")),
        wait=st.sampled_from((None, 0.0, 30.0)),
        health=st.sampled_from(("up", "down", "down", "unknown")),
        throttle=st.sampled_from((None, None, None, 20.0)),
        pause=st.sampled_from((False, False, False, True)),
    )
    def finish(
        self,
        index: int,
        how: str,
        wait: float | None,
        health: str,
        throttle: float | None,
        pause: bool,
    ) -> None:
        worker, delivery, number = self.flights.pop(index % len(self.flights))
        report = outcome(
            delivery, number, how, wait=wait, throttle=throttle,
            health="up" if how == "delivered" else health, pause=pause and how == "refused",
            saved={"step": number} if how == "continue" else None,
        )  # fmt: skip
        before = self.seen.under("delivery").get(delivery)
        (finished,) = self.do(self.store.deliveries.finish(worker, [report]))
        self.reported.append((worker, report))
        after = self.look().under("delivery").get(delivery)
        if before is None:
            assert finished.state == "gone"
        elif (before["state"], before.get("owner"), before["total"]) == (
            "delivering", worker, str(number),
        ):  # fmt: skip
            assert finished.state not in ("stale", "gone")
        elif how == "delivered" and before["state"] not in ("delivered", "discarded"):
            assert finished.state == "delivered", "a late truth wins"
        else:
            assert after is not None
            assert after["state"] == before["state"], "a late answer moved something"

    @rule(worker=workers, dest=destinations, how=st.sampled_from(("deferred", "refused")))
    def fail(self, worker: str, dest: str, how: str) -> None:
        """A whole attempt that goes wrong, and is tried again or dead."""
        self.do(self.store.leases.start_worker(worker))
        self.claim(worker, dest)
        for owner, delivery, number in [self.flights.pop() for _ in self.flights[-2:]]:
            report = outcome(delivery, number, how, wait=1.0, health="unknown")
            self.do(self.store.deliveries.finish(owner, [report]))

    @rule(worker=workers, other=workers, dest=destinations)
    def change_hands(self, worker: str, other: str, dest: str) -> None:
        """A worker dies with something in the air that another one takes over at once."""
        self.do(self.store.leases.start_worker(worker))
        self.claim(worker, dest)
        self.store.connection.clock_shift += 11
        self.reap()
        self.seen = self.look()
        self.do(self.store.leases.start_worker(other))
        self.claim(other, dest)

    @precondition(lambda self: self.reported)
    @rule(index=indexes)
    def finish_again(self, index: int) -> None:
        worker, report = self.reported[index % len(self.reported)]
        self.do(self.store.deliveries.finish(worker, [report]))
        self.unchanged()

    @rule(worker=workers, sent=st.booleans(), picks=st.lists(indexes, max_size=3))
    def hand_back(self, worker: str, sent: bool, picks: list[int]) -> None:
        ids = [item for n in picks if (item := self.some(n))]
        ids += self.seen.keys.get(f"owned:{worker}", ())
        for back in self.do(self.store.deliveries.hand_back(worker, ids, sent=sent)):
            assert self.seen.keys[f"delivery:{back.id}"]["owner"] == worker

    # -- the sweeper and the clock --------------------------------------------------------------

    @rule(seconds=st.sampled_from((1, 9, 15, 45, 700)))
    def time_passes(self, seconds: int) -> None:
        self.store.connection.clock_shift += seconds

    @rule()
    def sweep(self) -> None:
        self.do(self.store.deliveries.sweep_due(DESTINATIONS))

    @rule()
    def reap(self) -> None:
        for worker in self.do(self.store.leases.dead_workers()):
            left = 1
            while left:
                left, _, _ = self.do(self.store.deliveries.reap(worker, 2))

    @rule(worker=workers)
    def reap_the_living(self, worker: str) -> None:
        if worker in self.do(self.store.leases.workers()):
            self.do(self.store.deliveries.reap(worker))
            self.unchanged()

    @rule()
    def expire(self) -> None:
        self.do(self.store.leads.expire(self.do(self.store.leads.expired(10))))

    @rule(lead=leads)
    def retire(self, lead: str) -> None:
        uid = lead_uid("seloger", lead)
        open_ = {
            name
            for name, f in self.seen.under("delivery").items()
            if f["lead"] == uid and f["state"] not in ("delivered", "discarded")
        }
        gone = self.do(self.store.leads.retire([uid]))
        if open_ and uid in self.seen.under("lead"):
            assert gone == 0
            self.unchanged()

    @rule(dest=destinations)
    def drop(self, dest: str) -> None:
        later = datetime.now(UTC) + timedelta(days=3650)
        ids = self.do(self.store.deliveries.made_before(dest, later, 50))
        self.do(self.store.deliveries.drop(dest, ids))
        left = set(self.look().under("delivery"))
        for name in set(ids) - left:
            before = self.seen.keys[f"delivery:{name}"]
            assert before["state"] in ("delivered", "discarded")
            assert f"lead:{before['lead']}" not in self.seen.keys
            self.promised.discard(name)

    # -- operators ------------------------------------------------------------------------------

    @rule(dest=destinations)
    def pause(self, dest: str) -> None:
        self.do(self.store.destinations.pause(dest))

    @rule(dest=destinations)
    def resume(self, dest: str) -> None:
        self.do(self.store.destinations.resume(dest))

    @rule(dest=destinations, place=st.sampled_from(("webhook here", "webhook there")))
    def recognise(self, dest: str, place: str) -> None:
        self.do(self.store.destinations.recognise({dest: place}))

    @rule(index=indexes, force=st.booleans())
    def replay(self, index: int, force: bool) -> None:
        if delivery := self.some(index):
            state = self.seen.keys[f"delivery:{delivery}"]["state"]
            (result,) = self.do(self.store.deliveries.replay([delivery], force=force))
            if result.what != "replayed":
                assert result.what in (state, "erased")
                self.unchanged()
            elif state == "delivered":
                assert force

    @rule(index=indexes)
    def discard(self, index: int) -> None:
        if delivery := self.some(index):
            (result,) = self.do(self.store.deliveries.discard([delivery]))
            if result != "discarded":
                self.unchanged()

    @rule(lead=leads)
    def erase(self, lead: str) -> None:
        (result,) = self.do(self.store.leads.erase([lead_uid("seloger", lead)]))
        if result != "erased":
            self.unchanged()

    # -- the rules ------------------------------------------------------------------------------

    @invariant()
    def holds(self) -> None:
        found = self.look()
        check(found)
        check_history(self.seen, found)
        assert self.promised <= set(found.under("delivery")), "a delivery was lost"
        self.seen = found


def drive(server: str, *, examples: int, steps: int) -> None:
    """So many orders of so many moves, on one server."""

    class Machine(StoreMachine):
        url = server

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
