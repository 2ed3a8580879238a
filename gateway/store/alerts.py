"""What was said about what is wrong, and what is still to be brought out.

Written by one alerter at a time, by lease; a lost lease costs at most a notice twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.store.connection import Connection

OUTBOX_KEPT = 50
"""Notices that wait to be delivered, the oldest dropped first."""


class Alerts:
    """Keeps the alerter's memory and its outbox, as JSON of its own making."""

    def __init__(self, connection: Connection) -> None:
        self._c = connection

    async def recall(self) -> tuple[dict[str, Any], float, list[dict[str, Any]]]:
        """What is remembered by condition, when the last notice was made (Unix seconds), and
        the notices that are still to be delivered.
        """
        memory, last, outbox = await self._c.command(
            "HMGET", self._c.key("alerts"), "memory", "last", "outbox"
        )
        return (
            json.loads(memory) if memory else {},
            float(last or 0),
            json.loads(outbox) if outbox else [],
        )

    async def remember(
        self, memory: Mapping[str, Any], last: float, outbox: Sequence[Mapping[str, Any]]
    ) -> None:
        """Keep all of it, in one step: what is remembered as said is in the outbox."""
        await self._c.command(
            "HSET", self._c.key("alerts"),
            "memory", json.dumps(memory), "last", last,
            "outbox", json.dumps(list(outbox)[-OUTBOX_KEPT:]),
        )  # fmt: skip

    async def empty(self, outbox: Sequence[Mapping[str, Any]]) -> None:
        """Keep only what is still to be delivered."""
        await self._c.command("HSET", self._c.key("alerts"), "outbox", json.dumps(list(outbox)))
