"""Replaying and discarding many: which ones are meant, the question first, then in batches.

An interrupted command has done whole batches and is safe to repeat: the store refuses what is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.cli import audited, output
from gateway.cli.command import Invocation
from gateway.cli.faults import UsageError

if TYPE_CHECKING:
    from gateway.cli.finding import Wanted
    from gateway.store import Store

    Change = Callable[[Sequence[str]], Awaitable[list[str]]]

BATCH = 100
"""Deliveries changed in one round trip."""

_REFUSALS = {
    "gone": "unknown: there is no such delivery",
    "erased": "left alone: its lead was erased",
    "not dead": "left alone: no dead letter (lead-gateway deliveries show ID tells)",
    "delivered": "left alone: delivered already (deliveries replay --force sends it again)",
    "discarded": "left alone: discarded for good",
    "already": "left alone: discarded already",
    "delivering": "left alone: being delivered right now",
}
"""Why the store left a delivery as it is, in words."""


@dataclass(frozen=True, slots=True)
class Meant:
    """What a person pointed at: ids, or filters, or everything. ``dead_only``: nothing else."""

    wanted: Wanted
    ids: tuple[str, ...] = ()
    everything: bool = False
    dead_only: bool = False

    def check(self) -> None:
        """Raises :class:`UsageError` for too much or too little."""
        if self.ids and not self.wanted.is_everything:
            raise UsageError("write ids or filters, not both")
        if not self.ids and self.wanted.is_everything and not self.everything:
            raise UsageError("say which: ids, --destination, --reason, --since, or --all")


async def replay(
    invocation: Invocation, meant: Meant, *, yes: bool = False, force: bool = False
) -> int:
    """Try deliveries again now; the exit code."""
    meant.check()
    async with invocation.gateway() as gateway:

        async def change(some: Sequence[str]) -> list[str]:
            return [what for what, _ in await gateway.pipeline.replay(some, force=force)]

        return await _act(gateway.store, meant, change, "replay", "replayed", yes)


async def discard(invocation: Invocation, meant: Meant, *, yes: bool = False) -> int:
    """Give deliveries up for good; the exit code."""
    meant.check()
    async with invocation.store() as store:
        return await _act(store, meant, store.deliveries.discard, "discard", "discarded", yes)


async def _act(store: Store, meant: Meant, change: Change, verb: str, done: str, yes: bool) -> int:
    chosen = await _chosen(store, meant)
    if not chosen:
        output.note(f"Nothing to {verb}.")
        return 0
    if len(chosen) > 1 and not yes and not output.ask(f"{verb} {len(chosen)} deliveries?"):
        return 1
    counts: dict[str, int] = {}
    try:
        with output.progress(len(chosen)) as advance:
            for start in range(0, len(chosen), BATCH):
                some = chosen[start : start + BATCH]
                results = await _changed(store, some, change, meant.dead_only)
                for item in some:
                    what = results[item]
                    counts[what] = counts.get(what, 0) + 1
                    if what != done and len(chosen) <= BATCH:
                        output.note(f"{item}: {_REFUSALS.get(what, what)}")
                advance(len(some))
                _go_on()
    except asyncio.CancelledError:
        seen = sum(counts.values())
        output.note(f"Interrupted after {seen} of {len(chosen)}: the same command does the rest.")
        raise
    finally:
        did = f"{'dead-letters' if meant.dead_only else 'deliveries'}.{verb}"
        await audited.note(store, did, count=counts.get(done, 0))
    for what, number in sorted(counts.items(), key=lambda pair: pair[0] != done):
        output.line(f"{number} {what if what == done else _REFUSALS.get(what, what)}")
    return 0 if counts.get(done, 0) == len(chosen) else 1


def _go_on() -> None:
    """Raises CancelledError after Ctrl-C. In Python 3.11 one that comes just as an answer does is
    lost in ``asyncio.wait_for``, through which every command to the store goes.
    """
    task = asyncio.current_task()
    if task and task.cancelling():
        raise asyncio.CancelledError


async def _chosen(store: Store, meant: Meant) -> list[str]:
    from gateway.cli import finding

    if meant.ids:
        return list(dict.fromkeys(meant.ids))
    known = await store.deliveries.destinations()
    finding.check_names(meant.wanted.destinations, known, "destination with deliveries")
    # All of them before the first is changed: a changed one would shift what a cursor points at.
    return [delivery.id async for delivery in finding.deliveries(store, meant.wanted)]


async def _changed(
    store: Store, some: Sequence[str], change: Change, dead_only: bool
) -> dict[str, str]:
    """What became of each id. Those that a dead-letter command must leave alone are left alone."""
    results: dict[str, str] = {}
    if dead_only:
        for delivery in await store.deliveries.get_many(some):
            if delivery.state.value != "dead":
                results[delivery.id] = "not dead"
    rest = [item for item in some if item not in results]
    results |= dict(zip(rest, await change(rest), strict=True))
    return results
