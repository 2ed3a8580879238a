"""Leads looked for: by what they are found by, or by source and category, page by page.

Reads and changes nothing. A page is put together from a bounded number of entries, however many
leads there are: it may be short and still have a next.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.delivery import lead_uid
from gateway.lookup import ways
from gateway.store.connection import Connection
from gateway.store.index import Index
from gateway.store.paging import Page, check_cursor, cursor_at, pages_of, place_of

LOOK_AT = 2_000
"""Entries that one page of a filtered list looks at."""
CHUNK = 200


class Search:
    """Finds leads; answers with their uids, newest first."""

    def __init__(self, connection: Connection, index: Index) -> None:
        self._c = connection
        self._index = index

    async def text(
        self, text: str, identities: Sequence[str], cursor: str | None = None, limit: int = 50
    ) -> Page[str]:
        """Leads whose person, reference or id this is: whole words of a name, whole values."""
        check_cursor(cursor)
        wanted = text.strip()
        found: set[str] = set()
        for terms in ways(wanted):
            found.update(await self._index.find(terms))
        # An id as it is, and as SOURCE/ID.
        ids = {wanted, wanted.partition("/")[2]} - {""}
        found.update(lead_uid(identity, item) for identity in identities for item in ids)
        return await self._newest(sorted(found), cursor, limit)

    async def filtered(
        self,
        cursor: str | None = None,
        limit: int = 50,
        *,
        source: str | None = None,
        category: str | None = None,
        unrouted: bool = False,
    ) -> Page[str]:
        """Leads of one source, of one category (as it came, of the known ones), or both."""
        key = self._c.key("unrouted" if unrouted else "leads")
        items: list[str] = []
        for _ in range(LOOK_AT // CHUNK):
            names, following = await pages_of(self._c, key, cursor, CHUNK)
            kept = set(await self._matching(names, source, category))
            for position, name in enumerate(names):
                if name not in kept:
                    continue
                items.append(name)
                if len(items) == limit:
                    more = following is not None or position < len(names) - 1
                    return Page(items, await self._after(key, name) if more else None)
            cursor = following
            if cursor is None:
                break
        return Page(items, cursor)

    async def _matching(
        self, names: Sequence[str], source: str | None, category: str | None
    ) -> list[str]:
        pipeline = self._c.redis.pipeline(transaction=False)
        for name in names:
            pipeline.hmget(self._c.key("lead", name), "sources", "category")
        answers = await self._c.execute(pipeline) if names else []
        return [
            name
            for name, fields in zip(names, answers, strict=True)
            if not isinstance(fields, BaseException)
            and (source is None or source in (fields[0] or b"").decode().split())
            and (category is None or (fields[1] or b"").decode() == category)
        ]

    async def _after(self, key: str, name: str) -> str:
        return cursor_at(name, float(await self._c.command("ZSCORE", key, name) or 0))

    async def _newest(self, uids: Sequence[str], cursor: str | None, limit: int) -> Page[str]:
        """A page of these, by the time they were received."""
        if not uids:
            return Page([])
        times = await self._c.command("ZMSCORE", self._c.key("leads"), *uids)
        there = [
            (float(at), uid) for uid, at in zip(uids, times, strict=True) if at is not None
        ]  # fmt: skip
        there.sort(reverse=True)
        if cursor:
            place = place_of(cursor)
            there = [couple for couple in there if couple < place]
        page = there[:limit]
        more = len(there) > limit
        return Page([uid for _, uid in page], cursor_at(page[-1][1], page[-1][0]) if more else None)
