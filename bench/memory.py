"""What one delivered lead takes in the store."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping

from bench.entry import Rounds, Run, Skipped
from bench.meters import used_memory
from bench.rig import accept, leads, rig, until_delivered, worker
from gateway.settings import SettingsError

PAGE = 500


async def store_bytes(run: Run) -> Rounds:
    """Memory per delivered lead: 1 KB of the portal's JSON, one destination, one attempt."""
    async for figures in _bytes_per_lead(run, {}):
        yield figures


async def store_bytes_encrypted(run: Run) -> Rounds:
    """The same with personal data encrypted at rest."""
    key = base64.urlsafe_b64encode(os.urandom(32)).decode()
    try:
        async for figures in _bytes_per_lead(run, {"LEAD_GATEWAY_ENCRYPTION_KEYS": key}):
            yield figures
    except SettingsError as error:
        raise Skipped(str(error)) from None


async def _bytes_per_lead(run: Run, environ: Mapping[str, str]) -> Rounds:
    # What is bounded (the stream of events, hours, counters) is full before anything is measured.
    bounded, count = run.size(6000, 500), run.size(5000, 500)
    async with rig(environ=environ) as bench, worker(bench):
        done = 0

        async def deliver(some: int) -> None:
            nonlocal done
            for start in range(0, some, PAGE):
                await accept(bench.gateway, leads(min(PAGE, some - start)))
            done += some
            await until_delivered(bench.gateway, done)

        await deliver(bounded)
        for _ in run.rounds(2):
            before = await used_memory(bench.gateway.store)
            await deliver(count)
            yield {"bytes_per_lead": (await used_memory(bench.gateway.store) - before) / count}
