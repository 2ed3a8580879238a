"""Everything goes wrong at random moments: nothing is lost, nothing has two records, and what is
sent again carries the same id.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import pytest

from gateway.store.leases import WORKER_LEASE
from gateway.wiring import open_store
from tests.chaos.conftest import Town
from tests.chaos.storm import LONG, RENEWED_EVERY, SHORT, Count, Storm, count

pytestmark = pytest.mark.anyio

SEED = int(os.environ.get("CHAOS_SEED", random.randrange(10**6)))


def holds(town: Town, found: Count) -> None:
    """What is promised whatever happens (contract §7)."""
    assert (found.lost, found.doubled) == (0, 0)
    assert town.received() == set(town.portal.created)
    assert found.delivered == len(town.crm.got.by_id) == found.leads
    assert found.repeated <= found.uncertain
    assert (town.crm.bad_signatures, town.crm.redirected) == (0, 0)
    # The same delivery was under way twice only where a worker's lease had run out before.
    assert all(gap >= WORKER_LEASE - RENEWED_EVERY for gap in found.overlaps)


@pytest.mark.timeout(120)
async def test_a_short_storm_loses_nothing(town: Town, say: Callable[[str], None]) -> None:
    storm = Storm(town, random.Random(SEED))
    first, *others = SHORT
    storm.draw.shuffle(others)
    await storm.rage([first, *others], leads=270)
    async with open_store(town.settings) as (store, _):
        found = await count(town, store, 60)
    say(f"short storm, seed {SEED}: {found}")
    holds(town, found)


@pytest.mark.chaos
@pytest.mark.timeout(540)
async def test_a_long_storm_loses_nothing(town: Town, say: Callable[[str], None]) -> None:
    storm = Storm(town, random.Random(SEED))
    hits = [storm.draw.choice(LONG) for _ in range(50)]
    await storm.rage(hits, leads=5000)
    async with open_store(town.settings) as (store, _):
        found = await count(town, store, 150)
    say(f"long storm, seed {SEED}: {found}; {dict(storm.hits)}")
    holds(town, found)
