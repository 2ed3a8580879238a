"""The escalator: when nobody claims a lead in time, the next step of its ladder goes out.

Runs beside the sweeper and under its lease. Each step is settled by the store: one that meets a
claim, another escalator or a restart is taken once or not at all.
"""

from __future__ import annotations

import structlog

from gateway.delivery import Lane
from gateway.planning import Planner
from gateway.queue import Hint, Queue
from gateway.store import Store

BATCH = 100
"""Leads escalated in one round; the rest is a second later."""

log = structlog.get_logger()


class Escalator:
    """Takes the steps that are due."""

    def __init__(self, store: Store, queue: Queue, planner: Planner) -> None:
        self._store = store
        self._queue = queue
        self._planner = planner

    async def round(self) -> int:
        """One round: how many steps were taken."""
        taken = 0
        waiting = await self._store.ladders.due(BATCH)
        stored = await self._store.leads.get_many([item.uid for item in waiting])
        for item, found in zip(waiting, stored, strict=True):
            if found is None:
                continue
            step = await self._planner.escalation(item, found.lead)
            what, made = await self._store.ladders.escalate(
                item.uid,
                item.step,
                step.next_at if step else None,
                step.agent if step else None,
                step.deliveries if step else (),
            )
            if what != "escalated" or step is None:
                continue
            taken += 1
            by_id = dict(step.deliveries)
            await self._queue.enqueue([Hint(name, by_id[name], Lane.LIVE) for name in made])
            log.info(
                "lead escalated",
                source=found.lead.source,
                lead=found.lead.id,
                step=item.step,
                destinations=",".join(by_id[name] for name in made),
            )
        return taken
