"""How fast leads are taken in."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from bench.entry import Rounds, Run
from bench.rig import accept, rig
from gateway.sandbox.leads import LeadFactory
from gateway.sources.gsl_lead import normalise

PAGE = 100


async def intake(run: Run) -> Rounds:
    """From a portal's JSON into the store: parsed, routed and written, page by page."""
    async with rig() as bench:
        for number in run.rounds():
            factory, now = LeadFactory(number), datetime.now(UTC)
            raw = [
                factory.make("CLASSIFIED", now).feeds["leads"] for _ in range(run.size(5000, 500))
            ]
            started = time.perf_counter()
            for start in range(0, len(raw), PAGE):
                page = [
                    normalise({"leads": item}, source="web", identity="web", received_at=now)
                    for item in raw[start : start + PAGE]
                ]
                await accept(bench.gateway, page)
            yield {"leads_per_s": len(raw) / (time.perf_counter() - started)}
