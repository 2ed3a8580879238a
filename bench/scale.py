"""Whether it stays as fast as it grows: a long queue, and a store of a million leads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace

import psutil

from bench.copies import Copies, unlogged
from bench.entry import Figures, Rounds, Run, Skipped
from bench.meters import round_trips, used_memory
from bench.rig import (
    Rig,
    Worker,
    accept,
    delivered,
    hold,
    leads,
    release,
    rig,
    until_delivered,
    worker,
)
from gateway.delivery import Lane

NEEDED_GB = 6
"""Memory that a million leads want, their copy during a rewrite included."""

SLOTS = 50
"""Concurrency of the workers with a queue before them: a hundred in it is a queue for them too."""
FEED_EVERY = 0.01


@dataclass(frozen=True, slots=True)
class Arm:
    """One of two gateways that are compared."""

    bench: Rig
    process: Worker
    copies: Copies


@asynccontextmanager
async def _arm(*, is_delivered: bool, concurrency: int) -> AsyncIterator[Arm]:
    """A gateway whose store holds one small lead, delivered or waiting, to be copied."""
    async with rig() as bench, worker(bench, concurrency) as process:
        (lead,) = leads(1)
        small = lead.model_copy(update={"original": {"leadMetaInfos": {"leadId": lead.id}}})
        if is_delivered:
            (made,) = await accept(bench.gateway, [small])
            await until_delivered(bench.gateway, 1)
        else:
            (made,) = await hold(bench, [small])
        yield Arm(bench, process, await Copies.of(bench.gateway, made))


async def backlog(run: Run) -> Rounds:
    """Deliveries with 100,000 waiting before them, against 100 waiting, both kept topped up."""
    long, short, count = run.size(100_000, 2000), 100, run.size(5000, 500)
    async with (
        _arm(is_delivered=False, concurrency=SLOTS) as large,
        _arm(is_delivered=False, concurrency=SLOTS) as small,
    ):
        run.say("filling")
        async with unlogged(large.bench.gateway.store):
            await large.copies.make(long)
        for number in run.rounds():
            found: dict[str, Figures] = {}
            for name, arm, level in _in_turns(
                number, ("short", small, short), ("long", large, long)
            ):
                found[name] = await _with_backlog(arm, level, count)
            short_one, long_one = found["short"], found["long"]
            yield {
                "short_per_s": short_one["per_s"],
                "long_per_s": long_one["per_s"],
                "throughput_ratio": long_one["per_s"] / short_one["per_s"],
                "short_round_trips": short_one["trips"],
                "long_round_trips": long_one["trips"],
                "round_trips_ratio": long_one["trips"] / short_one["trips"],
            }


async def _with_backlog(arm: Arm, level: int, count: int) -> Figures:
    """Deliver ``count`` while as many wait as ``level`` says."""
    gateway = arm.bench.gateway

    async def feed() -> None:
        waiting = sum((await gateway.store.deliveries.waiting(["crm"]))["crm"])
        if waiting < level:
            made = await arm.copies.make(min(level - waiting, 400))
            await gateway.queue.enqueue(arm.copies.hints(made, Lane.LIVE))

    await feed()
    done, trips, started = await delivered(gateway, ["crm"]), arm.process.round_trips(), time.time()
    await release(arm.bench)
    async with asyncio.timeout(120):
        while (now := await delivered(gateway, ["crm"])) < done + count:
            await feed()
            await asyncio.sleep(FEED_EVERY)
    took, trips = time.time() - started, arm.process.round_trips() - trips
    await gateway.store.destinations.pause("crm")
    return {"per_s": (now - done) / took, "trips": trips / (now - done)}


async def million(run: Run) -> Rounds:
    """Leads into and out of a store that holds 1,000,000, against one that holds 10,000."""
    many, few, count = run.size(1_000_000, 20_000), run.size(10_000, 1000), run.size(3000, 400)
    if psutil.virtual_memory().available < NEEDED_GB * 2**30 and not run.quick:
        raise Skipped(f"needs {NEEDED_GB} GB of free memory")
    async with (
        _arm(is_delivered=True, concurrency=200) as large,
        _arm(is_delivered=True, concurrency=200) as small,
    ):
        run.say("filling")
        for arm, size in ((small, few), (large, many)):
            async with unlogged(arm.bench.gateway.store):
                await arm.copies.make(size)
        stored = await used_memory(large.bench.gateway.store) / many
        for number in run.rounds(5):
            found: dict[str, Figures] = {}
            for name, arm in _in_turns(number, ("few", small), ("many", large)):
                found[name] = await _in_and_out(arm, count)
            yield {
                f"{key}_ratio": value / found["few"][key] for key, value in found["many"].items()
            } | {
                "accept_ms_per_lead": found["many"]["accept_time"] / count * 1000,
                "deliver_ms_per_lead": found["many"]["deliver_time"] / count * 1000,
                "bytes_per_small_lead": stored,
            }


async def _in_and_out(arm: Arm, count: int) -> Figures:
    """Take leads in, then deliver them."""
    some, mine, before = leads(count), SimpleNamespace(value=0), arm.process.round_trips()
    done = await delivered(arm.bench.gateway, ["crm"])
    started = time.perf_counter()
    with round_trips(mine):
        await hold(arm.bench, some)
    accepted = time.perf_counter() - started
    await arm.bench.sink.taken()
    before = arm.process.round_trips()
    await release(arm.bench)
    await until_delivered(arm.bench.gateway, done + count)
    taken = await arm.bench.sink.taken()
    return {
        "accept_time": accepted,
        "accept_round_trips": mine.value,
        "deliver_time": max(taken.times) - taken.began,
        "deliver_round_trips": arm.process.round_trips() - before,
    }


def _in_turns(number: int, *arms: tuple) -> list[tuple]:  # type: ignore[type-arg]
    """The arms, the other way round in every other round: whoever goes first has no advantage."""
    return list(arms if number % 2 else reversed(arms))
