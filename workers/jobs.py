"""The function whose dotted path stands in Redis: keep it small, never rename it.

Our own worker never calls it: it reads the delivery id from the job and goes its own way. It is
here so that a stock RQ worker, started by hand beside ours, does the right thing with a job too.
"""

from __future__ import annotations

import asyncio

from gateway.settings import Settings
from gateway.store import Claim
from gateway.store.leases import Leases
from workers.tasks import end
from workers.tenure import RENEW_EVERY


def deliver(delivery_id: str) -> str:
    """Make one attempt at a delivery, if it is still to be made; its state afterwards."""
    return asyncio.run(_deliver(delivery_id))


async def _deliver(delivery_id: str) -> str:
    from gateway.wiring import open_gateway

    async with open_gateway(Settings.read()) as gateway:
        found = await gateway.store.deliveries.get(delivery_id)
        if found is None or found.destination not in gateway.destinations:
            return "unknown"
        worker = f"job-{delivery_id[-12:]}"
        config = gateway.pipeline.settings[found.destination]
        claim = Claim(
            found.destination,
            [delivery_id],
            config.timeout.total_seconds(),
            config.rate,
            config.place,
        )
        await gateway.store.leases.start_worker(worker)
        # An attempt may take longer than a lease.
        renewing = asyncio.create_task(_renew(gateway.store.leases, worker))
        try:
            (begun,) = await gateway.store.deliveries.begin(worker, [claim])
            if not begun.work:
                return begun.refused or found.state.value
            report = await gateway.pipeline.attempt(begun.work[0])
            (finished,) = await gateway.store.deliveries.finish(worker, [report])
        finally:
            await end(renewing)
            await gateway.store.leases.end_worker(worker)
        return finished.state


async def _renew(leases: Leases, worker: str) -> None:
    while True:
        await asyncio.sleep(RENEW_EVERY)
        await leases.renew_worker(worker)
