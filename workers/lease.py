"""Work that only one process may do: done while its lease is ours, ended when it is not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from gateway.store.leases import Leases
from workers.tasks import end

LEASE = 7.0
"""Seconds a lease runs without being renewed: others take over within this and one try."""
RENEW_EVERY = 2.0
TRY_EVERY = 2.0
"""Seconds between two tries for a lease that somebody else holds."""


async def while_held(
    leases: Leases, name: str, owner: str, work: Callable[[int], Awaitable[None]]
) -> bool:
    """Do ``work(token)`` if the lease ``name`` can be had; False at once if somebody has it.

    The work is cancelled as soon as the lease is known to be lost, or can not be renewed in its
    time. What the work raises is raised here.
    """
    taken_at = time.monotonic()
    token = await leases.take(name, owner, LEASE)
    if not token:
        return False
    working = asyncio.ensure_future(work(token))
    renewing = asyncio.create_task(_renew(leases, name, owner, token, taken_at))
    try:
        await asyncio.wait({working, renewing}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
        else:
            renewing.result()
    finally:
        await end(working, renewing)
    return True


async def _renew(leases: Leases, name: str, owner: str, token: int, taken_at: float) -> None:
    """Renew until the lease is lost. Raises StoreUnavailable."""
    while True:
        await asyncio.sleep(RENEW_EVERY)
        asked_at = time.monotonic()
        try:
            async with asyncio.timeout(max(0.1, taken_at + LEASE - asked_at)):
                if await leases.take(name, owner, LEASE) != token:
                    return
        except TimeoutError:
            return
        taken_at = asked_at
