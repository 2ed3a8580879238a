"""The processes that run now: role, machine, the configuration each works by, the wish to reload.

A record lives as long as its process says so every few seconds; who dies is forgotten by itself.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from gateway.store.connection import Connection

SILENT_AFTER = 20.0
"""Seconds after its last word that a process counts as gone; it speaks every two."""


@dataclass(frozen=True, slots=True)
class Process:
    """One running process. ``id`` names it among all that ever ran."""

    id: str
    role: str
    host: str
    pid: int
    version: str
    digest: str
    """Of the configuration it works by."""
    loaded_at: float
    """When it took that over, in Unix seconds."""
    problem: str = ""
    """Why it did not take over the configuration it was last asked to; empty when all is well."""
    reloads: int = 0
    """The last wish to reload that it has followed or refused."""
    key: str = ""
    """The short name of the encryption key it seals with; empty: it seals nothing."""

    @property
    def name(self) -> str:
        """As people say it."""
        return f"{self.role} on {self.host} ({self.pid})"

    @property
    def loaded(self) -> datetime:
        """``loaded_at`` as a moment."""
        return datetime.fromtimestamp(self.loaded_at, UTC)


class Processes:
    """Reads and writes who runs."""

    def __init__(self, connection: Connection) -> None:
        self._c = connection

    async def here(self, process: Process) -> int:
        """Say that a process runs, and how; the number of the newest wish to reload."""
        now = await self._c.now_ms()
        record = json.dumps({**asdict(process), "seen": now})
        pipeline = self._c.redis.pipeline(transaction=False)
        pipeline.hset(self._c.key("processes"), process.id, record)
        pipeline.get(self._c.key("reload"))
        answers = await self._c.execute(pipeline)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return int(answers[1] or 0)

    async def gone(self, process_id: str) -> None:
        """Forget a process that ended in order."""
        await self._c.command("HDEL", self._c.key("processes"), process_id)

    async def running(self) -> list[Process]:
        """Every process that spoke lately, by role and machine; those that died are forgotten."""
        key = self._c.key("processes")
        raw = await self._c.command("HVALS", key)
        oldest = await self._c.now_ms() - SILENT_AFTER * 1000
        found: list[Process] = []
        silent: list[str] = []
        for item in raw:
            record = json.loads(item)
            if record.pop("seen") < oldest:
                silent.append(record["id"])
            else:
                found.append(Process(**record))
        if silent:
            await self._c.command("HDEL", key, *silent)
        return sorted(found, key=lambda process: (process.role, process.host, process.pid))

    async def ask_reload(self) -> int:
        """Ask every process to read its configuration again; the number of this wish."""
        return int(await self._c.command("INCR", self._c.key("reload")))
