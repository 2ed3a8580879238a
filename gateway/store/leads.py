"""Leads in the store: accepted once, read again, listed, forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from gateway.delivery import Lane, Reason
from gateway.store import erasing
from gateway.store.connection import Connection
from gateway.store.erasing import Told
from gateway.store.paging import Page, oldest_before, pages_of
from gateway.store.plans import (
    AMONG,
    FIELDS,
    PARTS,
    Accepted,
    Known,
    Plan,
    Rewrite,
    StoredLead,
    arguments_of,
    expires_of,
    stored_of,
    terms_of,
)
from gateway.store.sealing import Marks, Seal
from gateway.store.seen import Seen
from gateway.store.threads import Threads


class Leads:
    """Reads and writes leads. Every write is one script."""

    def __init__(
        self,
        connection: Connection,
        seal: Seal,
        marks: Marks,
        seen: Seen,
        threads: Threads,
        told: Told,
    ) -> None:
        self._c = connection
        self._seal = seal
        self._marks = marks
        self._threads = threads
        self._seen = seen
        self.told = told

    async def lookup(self, uids: Sequence[str]) -> list[Known | None]:
        """What is known of each lead, in one round trip; None for a lead never seen."""
        pipeline = self._c.redis.pipeline(transaction=False)
        for uid in uids:
            self._seen.ask(pipeline, uid)
            pipeline.hmget(self._c.key("lead", uid), "digest", "sources")
        answers = await self._c.execute(pipeline)
        known: list[Known | None] = []
        each = self._seen.questions + 1
        for start in range(0, len(answers), each):
            *marks, fields = answers[start : start + each]
            for answer in (*marks, fields):
                if isinstance(answer, BaseException):
                    raise answer
            mark = next(filter(None, marks), None)
            if mark is None:
                known.append(None)
                continue
            digest, sources = ((value or b"").decode() for value in fields)
            known.append(Known(mark.decode(), digest, tuple(sources.split())))
        return known

    async def accept(self, plans: Sequence[Plan]) -> list[Accepted | Exception]:
        """Store each lead with its deliveries, atomically one by one, in one round trip.

        A lead that the store refuses stands as an exception in its place and stops no other.
        """
        answers = await self._c.run_many(
            [("accept", arguments_of(plan, self._seal, self._marks, self._seen)) for plan in plans]
        )
        return [
            answer
            if isinstance(answer, Exception)
            else Accepted(answer[0].decode(), tuple(item.decode() for item in answer[1:]))
            for answer in answers
        ]

    async def rewrite(self, items: Sequence[Rewrite]) -> list[bool]:
        """Replace the content of known leads, in one round trip; whether each was replaced."""
        answers = await self._c.run_many(
            [
                (
                    "update",
                    (
                        item.uid,
                        item.expected,
                        item.digest,
                        self._seal.close(item.lead.to_json()),
                        expires_of(item.lead),
                        terms_of(item.lead, self._marks),
                    ),
                )
                for item in items
            ]
        )
        return [answer == b"updated" for answer in answers]

    async def get(self, uid: str) -> StoredLead | None:
        """One lead, or None if the store has none (any more)."""
        (found,) = await self.get_many([uid])
        return found

    async def get_many(self, uids: Sequence[str]) -> list[StoredLead | None]:
        """Leads in one round trip; None where there is none."""
        pipeline = self._c.redis.pipeline(transaction=False)
        for uid in uids:
            pipeline.hmget(self._c.key("lead", uid), *FIELDS)
            for among in AMONG:
                pipeline.zscore(self._c.key(among), uid)
        answers = await self._c.execute(pipeline) if uids else []
        return [
            None
            if isinstance(fields, BaseException) or fields[0] is None
            else stored_of(uid, fields, scores, self._seal)
            for uid, (fields, *scores) in zip(
                uids, zip(*[iter(answers)] * PARTS, strict=True), strict=True
            )
        ]

    async def add_deliveries(
        self,
        uid: str,
        deliveries: Sequence[tuple[str, str, str]],
        *,
        lane: Lane = Lane.LATER,
        decision: str = "",
    ) -> Accepted:
        """Add what a stored lead lacks: ``added`` or ``gone``, and the deliveries made."""
        answer = await self._c.run(
            "deliver", uid, lane.value, decision, *(cell for item in deliveries for cell in item)
        )
        return Accepted(answer[0].decode(), tuple(item.decode() for item in answer[1:]))

    async def page(
        self, cursor: str | None = None, limit: int = 50, *, unrouted: bool = False
    ) -> Page[StoredLead]:
        """Leads by the time they were received, newest first."""
        key = self._c.key("unrouted" if unrouted else "leads")
        names, next_cursor = await pages_of(self._c, key, cursor, limit)
        found = await self.get_many(names)
        return Page([lead for lead in found if lead is not None], next_cursor)

    async def count(self, *, unrouted: bool = False) -> int:
        """How many leads are stored; ``unrouted`` only those that no route sends anywhere."""
        key = self._c.key("unrouted" if unrouted else "leads")
        return int(await self._c.command("ZCARD", key))

    async def identities(self) -> list[str]:
        """Every identity a stored lead has ever had."""
        found = await self._c.command("SMEMBERS", self._c.key("identities"))
        return sorted(item.decode() for item in found)

    async def received_before(self, before: datetime, limit: int, skip: int = 0) -> list[str]:
        """Leads received before a time, the oldest first, after the ``skip`` oldest of all."""
        return await oldest_before(self._c, self._c.key("leads"), before, limit, skip)

    async def expired(self, limit: int, skip: int = 0) -> list[str]:
        """Leads whose time at the portal is over, by the store's clock, after ``skip`` others."""
        now = datetime.fromtimestamp(await self._c.now_ms() / 1000, UTC)
        return await oldest_before(self._c, self._c.key("expiring"), now, limit, skip)

    async def retire(self, uids: Sequence[str]) -> int:
        """Forget leads that have no unfinished or dead delivery; how many were forgotten."""
        return await self._forget(uids, "retired")

    async def expire(self, uids: Sequence[str]) -> int:
        """Forget leads whose time is over: what waits or is dead of them is discarded.

        How many were forgotten; one with a delivery on the wire is left for the next time.
        """
        return await self._forget(uids, "expired")

    async def _forget(self, uids: Sequence[str], why: str) -> int:
        answers = await self._c.run_many([("forget", (uid, why)) for uid in uids])
        return sum(answer in (b"forgotten", b"gone") for answer in answers)

    async def erase(self, uids: Sequence[str], *, reason: Reason = Reason.ERASED) -> list[str]:
        """Forget leads for good, with what their deliveries know of them, one script per lead.

        ``erased``, ``already`` or ``unknown`` for each. Unsent deliveries are discarded with
        ``reason``; one on the wire ends by itself and keeps no answer. A lead read again later
        stays erased. Who is to be told (``told``) gets a delivery with ids alone.
        """
        stored = await self.get_many(uids)
        calls: list[tuple[str, Sequence[Any]]] = []
        for uid, item in zip(uids, stored, strict=True):
            lead, made = (item.lead, item.delivery_ids) if item else (None, ())
            more = await erasing.arguments_of(self._c, self._seal, lead, made, self.told)
            calls.append(("erase", (self._seen.of(uid), reason.value, *more)))
        answers = await self._c.run_many(calls)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        await self._threads.forget([item.lead for item in stored if item])
        return [answer.decode() for answer in answers]
