"""The backup that docs/operations.md tells: the data directory, copied while nothing runs."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from tests.chaos.conftest import Town

pytestmark = [pytest.mark.anyio, pytest.mark.chaos, pytest.mark.timeout(120)]


async def test_what_came_after_a_backup_is_read_and_sent_again_under_the_same_id(
    town: Town,
) -> None:
    data, kept = town.settings.data_dir, town.config.parent / "backup"
    town.portal.add(3)
    town.start("poller", "worker")
    await town.all_arrived(3, 30)
    await asyncio.to_thread(town.stop_all)
    shutil.copytree(data, kept, ignore=shutil.ignore_patterns("*.sock"))
    town.portal.add(2)
    town.start("poller", "worker")
    await town.all_arrived(5, 30)
    await asyncio.to_thread(town.stop_all)

    shutil.rmtree(data)
    shutil.copytree(kept, data)
    town.portal.add(1)
    town.start("poller", "worker")
    await town.all_arrived(6, 30)
    async with asyncio.timeout(30):
        while town.crm.got.repeated < 2:
            await asyncio.sleep(0.05)
    # The first three were in the backup, and are known; the next two come again, as repeats.
    assert len(town.crm.got.by_id) == 6
    assert town.crm.got.repeated == 2
