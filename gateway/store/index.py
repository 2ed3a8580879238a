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
_HASH = 7
"""Bytes of the hash that begin a member."""
_UID = 16
"""Bytes of the lead's uid that end it."""


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
        for kind, value in terms:
            mark = self._marks.of(kind, value)
            for first, last in (_bounds(mark), _format_1(mark)):
                pipeline.zrange(
                    self._c.key("find", mark[:_BUCKET]), first, last, bylex=True, offset=0, num=MOST
                )
        common: set[str] | None = None
        answers = await self._c.execute(pipeline)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        for now, before in zip(answers[::2], answers[1::2], strict=True):
            uids = {member[_HASH:].hex() for member in now if len(member) == _HASH + _UID}
            uids |= {member[-2 * _UID :].decode() for member in before}
            common = uids if common is None else common & uids
        return sorted(common or ())


def _bounds(mark: str) -> tuple[bytes, bytes]:
    """Where the members of a hash begin and end: seven bytes of it, then a uid's."""
    start = bytes.fromhex(mark)[1:]
    return b"[" + start, b"[" + start + b"\xff" * (_UID + 1)


def _format_1(mark: str) -> tuple[bytes, bytes]:
    """The same for members as format 1 wrote them: hex digits. They go with their leads."""
    start = mark[_BUCKET:].encode()
    return b"[" + start, b"(" + start + b"g"
