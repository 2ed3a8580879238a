"""From hints to begun work: taken from RQ, begun in the store, the rest put where it belongs.

Owns one round of that and nothing of what happens in the air.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway.delivery import Lane, Reason
from gateway.destinations.common import DestinationConfig
from gateway.queue import Hint, Queue, Taken
from gateway.store import Begun, Claim, Report, Store, Work
from workers.slots import Slots, interleaved

ASK_AGAIN = 1.0
"""Seconds until a destination that refused without a time is asked again."""
LONGEST_CLOSED = 60.0
BROKEN_ASK_AGAIN = 5.0
"""The same at most for a broken one: a new lead may have come, and brings its probe forward."""
_COMES_AGAIN = frozenset({"rate", "broken", "throttled", "lease", "error"})
"""Refusals that pass by themselves: their hints go back to the front of the queue. Those of a
paused destination are let go; the sweeper brings them again when it is resumed."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round gave; ``more`` when hints were left that could follow at once."""

    work: list[Work]
    more: bool = False


class Claims:
    """One worker's."""

    def __init__(
        self,
        store: Store,
        queue: Queue,
        settings: Mapping[str, DestinationConfig],
        slots: Slots,
        worker: str,
        hints_ahead: int,
    ) -> None:
        self._store = store
        self._queue = queue
        self._settings = settings
        self._slots = slots
        self._worker = worker
        self._hints_ahead = hints_ahead
        self._places = {name: config.place for name, config in settings.items()}
        self._turn = 0

    async def round(self, clock: Callable[[], float]) -> Round:
        """Take as many hints as there is room for and begin them."""
        taken = await self._queue.take(self._worker, self._slots.shares(clock()))
        for name, some in taken.items():
            self._slots.waiting(name, sum(some.left))
        taken = {name: some for name, some in taken.items() if some.hints}
        if not taken:
            return Round([])
        self._turn += 1
        claims = [self._claim(name, some.hints) for name, some in taken.items()]
        begun = await self._store.deliveries.begin(self._worker, claims)
        results = dict(zip(taken, begun, strict=True))
        await self._settle(taken, results)
        now = clock()
        for name, result in results.items():
            if result.refused:
                longest = BROKEN_ASK_AGAIN if result.refused == "broken" else LONGEST_CLOSED
                wait = result.wait or ASK_AGAIN
                self._slots.close(name, now + min(max(wait, 0.01), longest))
            else:
                await self._refill(name, taken[name].left, result.waiting)
        return Round(
            [work for result in begun for work in result.work],
            any(any(result.waiting) and not result.refused for result in begun),
        )

    def _claim(self, name: str, hints: Sequence[Hint]) -> Claim:
        config = self._settings[name]
        ids = [hint.id for hint in hints]
        if config.rate:
            # Only the first few may get through: the lane that may wait gets its part of those too.
            live = [hint.id for hint in hints if hint.lane is Lane.LIVE]
            ids = interleaved(live, ids[len(live) :], self._turn)
        return Claim(name, ids, config.timeout.total_seconds(), config.rate, self._places[name])

    async def _settle(self, taken: Mapping[str, Taken], results: Mapping[str, Begun]) -> None:
        """What becomes of hints that led to no work."""
        stale: list[Hint] = []
        again: list[Hint] = []
        unreadable: list[Report] = []
        for name, result in results.items():
            mine = {work.id for work in result.work}
            rest = [hint for hint in taken[name].hints if hint.id not in mine]
            broken_off = {item for item, _ in result.unreadable}
            unreadable += [_unreadable(item, number) for item, number in result.unreadable]
            if result.refused in _COMES_AGAIN:
                again += [hint for hint in rest if hint.id not in broken_off]
                rest = [hint for hint in rest if hint.id in broken_off]
            stale += rest
        if unreadable:
            await self._store.deliveries.finish(self._worker, unreadable)
        await self._queue.done(self._worker, stale)
        await self._queue.put_back(self._worker, again)

    async def _refill(self, name: str, left: tuple[int, int], waiting: tuple[int, int]) -> None:
        """RQ runs low while the ready sets hold more: hint at the next ones at once."""
        for lane, hints, ready in zip((Lane.LIVE, Lane.LATER), left, waiting, strict=True):
            if hints < min(ready, self._hints_ahead):
                ids = await self._store.deliveries.ready(name, lane, 2 * self._hints_ahead)
                await self._queue.enqueue([Hint(item, name, lane) for item in ids])
                self._slots.waiting(name, len(ids))


def _unreadable(delivery_id: str, number: int) -> Report:
    text = "the stored lead can not be read by this version of the program"
    return Report(delivery_id, number, "refused", Reason.CONFIGURATION, 0, answer=text)
