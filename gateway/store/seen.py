"""That a lead was here: a mark for good, which outlives the lead and tells nobody which it was.

Owns under which name a mark stands: a keyed hash of the lead's, so that who has the store's files
and a lead's id can not find out whether it was ever here. Marks of formats 1 and 2 stood under the
name itself; they are found there, and moved by whoever touches them and by ``move`` in small steps.
"""

from __future__ import annotations

import hmac
from typing import Any

from gateway.store.connection import Connection
from gateway.store.sealing import Marks

KEYS_AT_ONCE = 500
"""Keys that one step of ``move`` asks the server for."""
MOVED_AT_ONCE = 1000


class Seen:
    """Names marks, reads them, and moves the old ones."""

    def __init__(self, connection: Connection, marks: Marks) -> None:
        self._c = connection
        self._marks = marks
        self._place = 0
        self._left = False
        self.moved = False
        """Whether no mark stands under an old name any more."""

    def of(self, uid: str) -> str:
        """A lead's name with its mark before it, of 32 hex digits, as the scripts take them."""
        digest = hmac.digest(self._marks.secret, b"seen\x00" + uid.encode(), "sha256")
        return digest.hex()[:32] + uid

    def ask(self, pipeline: Any, uid: str) -> None:
        """Ask a pipeline for a lead's mark, and for its old one while there may be old ones."""
        mark = self.of(uid)[:32]
        pipeline.hget(self._c.key("mark", mark[:4]), bytes.fromhex(mark[4:]))
        if not self.moved:
            pipeline.hget(self._c.key("seen", uid[:4]), uid[4:])

    @property
    def questions(self) -> int:
        """How many :meth:`ask` adds."""
        return 1 if self.moved else 2

    async def open(self) -> None:
        """Learn whether there may be old marks. Raises StoreUnavailable."""
        self.moved = await self._c.command("HGET", self._c.key("meta"), "marks") == b"keyed"

    async def move(self) -> bool:
        """Move some old marks; whether all are moved. One caller at a time. A walk that was broken
        off begins anew, and finds less to do.
        """
        if self.moved:
            return True
        place, keys = await self._c.command(
            "SCAN", self._place, "MATCH", self._c.key("seen", "*"), "COUNT", KEYS_AT_ONCE
        )
        for key in keys:
            uids = [
                key.decode()[-4:] + rest.decode() for rest in await self._c.command("HKEYS", key)
            ]
            for start in range(0, len(uids), MOVED_AT_ONCE):
                some = uids[start : start + MOVED_AT_ONCE]
                await self._c.run("remark", *map(self.of, some))
            self._left = self._left or bool(uids)
        self._place = int(place)
        if self._place:
            return False
        # A walk that found nothing is the proof; the one that moved the last may have missed some.
        found, self._left = self._left, False
        if not found:
            await self._c.command("HSET", self._c.key("meta"), "marks", "keyed")
            self.moved = True
        return self.moved
