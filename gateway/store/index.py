"""Leads by person: found by keyed hashes of e-mail, phone and the words of the name.

Reads the index that the scripts keep with each lead (``lua/_prelude.lua``). A hash says "perhaps":
who acts on what is found compares the lead itself (``gateway.lookup.is_about``).
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.lookup import Term
from gateway.store.connection import Connection
from gateway.store.sealing import Marks

MOST = 10_000
"""Leads of one word that are looked at."""
_BUCKET = 3
"""Hex digits of a hash that choose its set; ``lua/_prelude.lua`` has the same number."""


class Index:
    """Finds leads by what their person is known by."""

    def __init__(self, connection: Connection, marks: Marks) -> None:
        self._c = connection
        self._marks = marks

    async def find(self, terms: Sequence[Term]) -> list[str]:
        """The uids of leads that have every one of these terms, at most :data:`MOST` of each."""
        if not terms:
            return []
        pipeline = self._c.redis.pipeline(transaction=False)
        starts = []
        for kind, value in terms:
            mark = self._marks.of(kind, value)
            start = mark[_BUCKET:]
            starts.append(len(start))
            pipeline.zrange(
                self._c.key("find", mark[:_BUCKET]),
                f"[{start}",
                f"({start}g",
                bylex=True,
                offset=0,
                num=MOST,
            )
        common: set[str] | None = None
        for length, answer in zip(starts, await self._c.execute(pipeline), strict=True):
            if isinstance(answer, BaseException):
                raise answer
            uids = {member[length:].decode() for member in answer}
            common = uids if common is None else common & uids
        return sorted(common or ())
