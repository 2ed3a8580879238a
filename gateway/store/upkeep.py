"""What keeps the server's own files honest: erased content leaves the append-only file too.

The scripts that erase or retire write down since when a rewrite is wanted; the sweeper calls
``rewrite`` now and then, and that is all there is to it. Never looks at a lead.
"""

from __future__ import annotations

from typing import Any

from redis import exceptions as redis_errors

from gateway.store.connection import Connection

REWRITE_AFTER = 12 * 3600.0
"""Seconds that erased content may stay in the append-only file before a rewrite is begun: half of
the day that is promised, so that a rewrite that fails can be repeated."""
RETRY_AFTER = 1800.0
"""Seconds until a rewrite that failed is begun again."""


class Upkeep:
    """Has the append-only file rewritten. One caller at a time: the holder of the sweeper's lease.

    Fields of ``meta``: ``rewrite_wanted`` since when (ms), set by the scripts; ``rewrite_running``
    the same of the rewrite under way, with the ``rewrite_run`` of the server that does it;
    ``rewrite_not_before`` (ms) after one that failed.
    """

    def __init__(self, connection: Connection) -> None:
        self._c = connection

    async def rewrite(self) -> str:
        """One look: what was done or found, in a word.

        ``idle``, ``waiting`` (not yet due), ``started``, ``running``, ``done``, ``failed`` (tried
        again later), ``refused`` (the server does not let us: its own rewriting must do).
        """
        meta = self._c.key("meta")
        wanted, running, run, not_before = await self._c.command(
            "HMGET", meta, "rewrite_wanted", "rewrite_running", "rewrite_run", "rewrite_not_before"
        )
        if running is not None:
            return await self._finish(meta, running, run)
        if wanted is None:
            return "idle"
        now = await self._c.now_ms()
        if now < max(int(wanted) + REWRITE_AFTER * 1000, int(not_before or 0)):
            return "waiting"
        return await self._start(meta, wanted)

    async def _start(self, meta: str, wanted: bytes) -> str:
        try:
            info = await self._info()
            if not int(info.get("aof_enabled", 0)):
                # Nothing is appended anywhere: a snapshot holds only what there is.
                await self._c.command("HDEL", meta, "rewrite_wanted")
                return "done"
            if int(info["aof_rewrite_in_progress"]):
                return "waiting"  # it began before us and may miss what was erased since
            # From here on what is erased wants the next rewrite, for this one may miss it.
            pipeline = self._c.redis.pipeline(transaction=True)
            pipeline.hset(meta, mapping={"rewrite_running": wanted, "rewrite_run": info["run_id"]})
            pipeline.hdel(meta, "rewrite_wanted", "rewrite_not_before")
            await self._c.execute(pipeline)
            await self._c.command("BGREWRITEAOF")
        except redis_errors.ResponseError:
            await self._again(meta, wanted)
            return "refused"
        return "started"

    async def _finish(self, meta: str, running: bytes, run: bytes) -> str:
        info = await self._info()
        if int(info["aof_rewrite_in_progress"]) or int(info["aof_rewrite_scheduled"]):
            return "running"
        # A server that was restarted knows nothing of the rewrite it was asked for.
        if info["run_id"] != run.decode() or info["aof_last_bgrewrite_status"] != "ok":
            await self._again(meta, running)
            return "failed"
        await self._c.command("HDEL", meta, "rewrite_running", "rewrite_run")
        return "done"

    async def _again(self, meta: str, since: bytes) -> None:
        later = await self._c.now_ms() + round(RETRY_AFTER * 1000)
        pipeline = self._c.redis.pipeline(transaction=True)
        pipeline.hset(meta, mapping={"rewrite_wanted": since, "rewrite_not_before": later})
        pipeline.hdel(meta, "rewrite_running", "rewrite_run")
        await self._c.execute(pipeline)

    async def memory(self) -> tuple[int, int]:
        """Bytes the server uses, and the most it may: what is set, else what the machine has.

        (0, 0) where the server does not say.
        """
        try:
            found = await self._c.command("INFO", "memory")
        except redis_errors.ResponseError:
            return (0, 0)
        used = int(found.get("used_memory", 0))
        return used, int(found.get("maxmemory", 0)) or int(found.get("total_system_memory", 0))

    async def _info(self) -> dict[str, Any]:
        pipeline = self._c.redis.pipeline(transaction=False)
        pipeline.info("persistence")
        pipeline.info("server")
        persistence, server = await self._c.execute(pipeline)
        for part in (persistence, server):
            if isinstance(part, BaseException):
                raise part
        return {**persistence, **server}
