"""Leads in the store: accepted once, read again, listed, forgotten."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from gateway.delivery import Lane, Reason
from gateway.lead import Lead
from gateway.lookup import terms
from gateway.store import erasing
from gateway.store.connection import Connection
from gateway.store.erasing import Told
from gateway.store.paging import Page, oldest_before, pages_of
from gateway.store.sealing import Marks, Seal
from gateway.store.threads import Threads


class Mode(StrEnum):
    """On whose behalf a lead is accepted, and so what may come of it."""

    LIVE = "live"
    """Just read: deliver, ahead of everything that may wait."""
    LATER = "later"
    """A backfill or another wish for old leads: deliver, behind what is live."""
    FLOOR = "floor"
    """Older than the source's start: remember it was seen, keep nothing, deliver nothing."""
    STORE = "store"
    """Keep it and deliver nothing."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One lead with the deliveries to make of it; ``deliveries`` are (id, destination,
    occasion).
    """

    uid: str
    lead: Lead
    digest: str
    mode: Mode = Mode.LIVE
    deliveries: tuple[tuple[str, str, str], ...] = ()
    decision: str = ""
    """Whose it is and which rule chose each destination, as JSON, kept to be shown."""
    to_claim: bool = False
    """Whether somebody is to claim it."""
    escalate_at: datetime | None = None
    """When the first step of its ladder is due; None: it has none."""
    promised_by: datetime | None = None
    """Until when somebody is to claim it; None: at any time."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a plan: new, added, known, changed, floor or erased; and deliveries made."""

    what: str
    deliveries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows of a lead before it is parsed: enough to skip most re-reads."""

    mark: str
    digest: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rewrite:
    """New content of a known lead, to be written if nobody else did since ``expected`` was read."""

    uid: str
    lead: Lead
    expected: str
    digest: str


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided when a lead came. ``rules``: which route (0: no routes) chose each
    destination; ``why`` the agent: a criterion, ``otherwise``, ``returning``, ``nobody``.
    """

    agency: str
    agent: str | None
    why: str
    rules: Mapping[str, int]
    error: str | None


@dataclass(frozen=True, slots=True)
class StoredLead:
    """A lead with what the store knows about it."""

    uid: str
    lead: Lead
    sources: tuple[str, ...]
    received_at: datetime
    delivery_ids: tuple[str, ...]
    unrouted: bool = False
    decision: Decided | None = None
    claimed_by: str | None = None
    claimed_at: datetime | None = None
    claimed_via: str | None = None
    step: int | None = None
    """The next step of its ladder, counted from 1; None: it never had one."""
    delivered_at: datetime | None = None
    """When it first arrived anywhere."""
    waits: bool = False
    """Whether somebody is to claim it and nobody has."""
    promised_by: datetime | None = None
    """Until when somebody should, while it waits; None: at any time."""
    next_at: datetime | None = None
    """When its ladder's next step is due; None: there is none to come."""


class Leads:
    """Reads and writes leads. Every write is one script."""

    def __init__(
        self, connection: Connection, seal: Seal, marks: Marks, threads: Threads, told: Told
    ) -> None:
        self._c = connection
        self._seal = seal
        self._marks = marks
        self._threads = threads
        self.told = told

    async def lookup(self, uids: Sequence[str]) -> list[Known | None]:
        """What is known of each lead, in one round trip; None for a lead never seen."""
        pipeline = self._c.redis.pipeline(transaction=False)
        for uid in uids:
            pipeline.hget(self._c.key("seen", uid[:4]), uid[4:])
            pipeline.hmget(self._c.key("lead", uid), "digest", "sources")
        answers = await self._c.execute(pipeline)
        known: list[Known | None] = []
        for mark, fields in zip(answers[::2], answers[1::2], strict=True):
            for answer in (mark, fields):
                if isinstance(answer, BaseException):
                    raise answer
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
        answers = await self._c.run_many([("accept", self._arguments(plan)) for plan in plans])
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
                        _expires(item.lead),
                        self._terms(item.lead),
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
            pipeline.hmget(self._c.key("lead", uid), *_FIELDS)
            for among in _AMONG:
                pipeline.zscore(self._c.key(among), uid)
        answers = await self._c.execute(pipeline) if uids else []
        return [
            None
            if isinstance(fields, BaseException) or fields[0] is None
            else _stored(uid, fields, scores, self._seal)
            for uid, (fields, *scores) in zip(
                uids, zip(*[iter(answers)] * _PARTS, strict=True), strict=True
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
            calls.append(("erase", (uid, reason.value, *more)))
        answers = await self._c.run_many(calls)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        await self._threads.forget([item.lead for item in stored if item])
        return [answer.decode() for answer in answers]

    def _arguments(self, plan: Plan) -> list[Any]:
        lead = plan.lead
        created = lead.created_at or lead.received_at
        kept = plan.mode is not Mode.FLOOR
        arguments: list[Any] = [
            plan.uid,
            lead.id,
            lead.source,
            lead.identity,
            lead.category or "",
            _ms(created),
            plan.digest,
            self._seal.close(lead.to_json()) if kept else b"",
            plan.mode.value,
            plan.decision,
            "" if not plan.to_claim else "-" if plan.escalate_at is None else _ms(plan.escalate_at),
            _expires(lead),
            self._terms(lead) if kept else b"",
            _ms(plan.promised_by) if plan.promised_by else NEVER,
        ]
        if plan.mode in (Mode.LIVE, Mode.LATER):
            for delivery in plan.deliveries:
                arguments.extend(delivery)
        return arguments

    def _terms(self, lead: Lead) -> bytes:
        """The hashes by which the lead's person is found, as the scripts take them."""
        return bytes.fromhex("".join(self._marks.of(kind, value) for kind, value in terms(lead)))


NEVER = 10**15
"""In ms: later than anything."""

_AMONG = ("unrouted", "unclaimed", "ladder")
"""Sets that say more of a lead by its being in them, and by the score it has there."""
_PARTS = 1 + len(_AMONG)

_FIELDS = (
    "body", "sources", "received", "deliveries", "decision", "claimed_by", "claimed_at",
    "claimed_via", "step", "delivered",
)  # fmt: skip


def _stored(
    uid: str, fields: Sequence[bytes | None], scores: Sequence[float | None], seal: Seal
) -> StoredLead:
    unrouted, unclaimed, ladder = scores
    value = {name: (raw or b"").decode() for name, raw in zip(_FIELDS[1:], fields[1:], strict=True)}
    return StoredLead(
        uid=uid,
        lead=Lead.from_json(seal.open(fields[0] or b"")),
        sources=tuple(value["sources"].split()),
        received_at=datetime.fromtimestamp(int(value["received"]) / 1000, UTC),
        delivery_ids=tuple(value["deliveries"].split()),
        unrouted=unrouted is not None,
        decision=_decided(value["decision"]),
        claimed_by=value["claimed_by"] or None,
        claimed_at=_moment(value["claimed_at"]),
        claimed_via=value["claimed_via"] or None,
        step=int(value["step"]) if value["step"] else None,
        delivered_at=_moment(value["delivered"]),
        waits=unclaimed is not None,
        promised_by=_moment(str(int(unclaimed))) if unclaimed and unclaimed < NEVER else None,
        next_at=_moment(str(int(ladder))) if ladder else None,
    )


def _decided(text: str) -> Decided | None:
    if not text:
        return None
    kept = json.loads(text)
    return Decided(
        kept.get("agency", ""),
        kept.get("agent"),
        kept.get("why", ""),
        kept.get("rules", {}),
        kept.get("error"),
    )


def _moment(text: str) -> datetime | None:
    return datetime.fromtimestamp(int(text) / 1000, UTC) if text else None


def _expires(lead: Lead) -> int | str:
    return _ms(lead.expires_at) if lead.expires_at else ""


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
