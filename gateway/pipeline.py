"""The story of a lead on one page: accept, attempt, replay.

Decides nothing by itself: routes say where a lead goes, the store says whether it may, a
destination says what came of it, the schedule says when again. Here they meet, in that order.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from gateway.agency import Agency
from gateway.backoff import next_wait
from gateway.concealing import conceal
from gateway.delivery import (
    ANSWER_LIMIT,
    CLAIMED,
    Continue,
    Deferred,
    Delivered,
    Lane,
    Message,
    Outcome,
    Reason,
    Refused,
    State,
    delivery_id,
    lead_uid,
)
from gateway.destinations.common import DestinationConfig
from gateway.destinations.protocol import Destination
from gateway.lead import Lead, merge
from gateway.planning import STALE_AFTER, Planner
from gateway.queue import Hint, Queue
from gateway.render import TemplateError
from gateway.store import (
    Accepted,
    Claimed,
    Known,
    Mode,
    Plan,
    Report,
    Rewrite,
    Store,
    StoredLead,
    StoreUnavailable,
    Work,
)

log = structlog.get_logger()

BATCH = 100
"""Leads stored in one round trip."""

_DOWN = frozenset(
    {
        Reason.DNS,
        Reason.CONNECTION,
        Reason.TLS,
        Reason.TIMEOUT,
        Reason.PROTOCOL,
        Reason.SERVER_ERROR,
        Reason.CREDENTIALS,
        Reason.SMTP_DEFERRED,
    }
)
"""Reasons that speak of the destination rather than of this lead: in a row they open its breaker.
"""


def _is_down(outcome: Deferred) -> bool:
    """A receiver that says when to come again is waited for, and is not down."""
    busy = outcome.reason is Reason.RATE_LIMITED and outcome.retry_after is None
    return busy or outcome.reason in _DOWN


def digest(content: Any) -> str:
    """A short fingerprint of what the portal sent, to tell a re-read from a change."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


class Pipeline:
    """Takes leads in and deliveries out. One per process."""

    def __init__(
        self,
        store: Store,
        queue: Queue,
        agencies: Mapping[str, Agency],
        destinations: Mapping[str, Destination],
        settings: Mapping[str, DestinationConfig],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        draw: Callable[[], float] = random.random,
        complete: Callable[[Lead], Lead] = lambda lead: lead,
        stale_after: timedelta = STALE_AFTER,
    ) -> None:
        self._store = store
        self._queue = queue
        self.planner = Planner(store, agencies, clock, stale_after)
        self.destinations = destinations
        self.settings = settings
        self._draw = draw
        self._complete = complete

    async def accept(
        self,
        leads: Sequence[Lead],
        *,
        mode: Mode = Mode.LIVE,
        floor: datetime | None = None,
        digests: Sequence[str] | None = None,
    ) -> list[Accepted | Exception]:
        """Store leads with their deliveries, then hint at them. A lead known already falls out.

        ``floor``: leads created before it are remembered as seen and not delivered (contract §7).
        One lead that can not be planned or stored stands as an exception and stops no other.
        """
        leads = [self._completed(lead) for lead in leads]
        results: list[Accepted | Exception] = []
        marks = digests or [digest(lead.original) for lead in leads]
        for start in range(0, len(leads), BATCH):
            some = list(
                zip(leads[start : start + BATCH], marks[start : start + BATCH], strict=True)
            )
            results += await self._accept_batch(some, mode, floor)
        return results

    def _completed(self, lead: Lead) -> Lead:
        try:
            return self._complete(lead)
        except TemplateError as error:
            # A lead without a link is worth more than no lead.
            log.warning("links.classified failed", source=lead.source, problem=str(error))
            return lead

    async def _accept_batch(
        self, leads: Sequence[tuple[Lead, str]], mode: Mode, floor: datetime | None
    ) -> list[Accepted | Exception]:
        plans = await self.planner.plans(leads, mode, floor)
        good = [plan for plan in plans if isinstance(plan, Plan)]
        stored = iter(await self._store.leads.accept(good) if good else [])
        results = [next(stored) if isinstance(plan, Plan) else plan for plan in plans]

        lane = Lane.LIVE if mode is Mode.LIVE else Lane.LATER
        hints = []
        for plan, result in zip(plans, results, strict=True):
            if not isinstance(plan, Plan) or not isinstance(result, Accepted):
                continue
            if result.what == "changed":
                await self._reread(plan)
            made = set(result.deliveries)
            hints += [Hint(id, dest, lane) for id, dest, _ in plan.deliveries if id in made]
        await self._queue.enqueue(hints)
        return results

    async def _reread(self, plan: Plan) -> None:
        """A known lead came back with other content: keep the union, deliver nothing."""
        (known,) = await self._store.leads.lookup([plan.uid])
        stored = await self._store.leads.get(plan.uid)
        if known is None or stored is None:
            return
        whole = merge(stored.lead, plan.lead)
        await self._store.leads.rewrite([Rewrite(plan.uid, whole, known.digest, plan.digest)])

    async def known(self, identity: str, lead_ids: Sequence[str]) -> list[Known | None]:
        """What is known of leads before they are parsed: most of a re-read is skipped by it."""
        return await self._store.leads.lookup([lead_uid(identity, item) for item in lead_ids])

    async def attempt(self, work: Work) -> Report:
        """Make one attempt and say how it ended; the caller writes it down with ``finish``."""
        destination = self.destinations[work.destination]
        started = time.monotonic()
        message = await self._message(work, destination)
        outcome: Outcome
        try:
            prepared = destination.render(work.lead, message)
        except TemplateError as error:
            outcome = Refused(Reason.TEMPLATE, answer=str(error))
        else:
            outcome = await destination.send(prepared)
        if isinstance(outcome, Delivered) and outcome.thread and message.person:
            with contextlib.suppress(StoreUnavailable):
                await self._store.threads.keep(
                    work.destination, message.person, outcome.thread, instead_of=message.thread
                )
        return self._report(work, outcome, round((time.monotonic() - started) * 1000))

    async def _message(self, work: Work, destination: Destination) -> Message:
        person, thread = self._store.threads.person(work.lead), ""
        if person and destination.threads:
            # A lead is worth more than its place in a thread.
            with contextlib.suppress(StoreUnavailable):
                thread = await self._store.threads.of(work.destination, person)
        return Message(
            id=work.id,
            destination=work.destination,
            accepted_at=work.accepted_at,
            occasion=work.occasion,
            attempt=work.number,
            saved=work.saved,
            person=person,
            thread=thread,
            taken=work.taken,
            earlier=await self._earlier(work) if work.occasion == CLAIMED else (),
        )

    async def _earlier(self, work: Work) -> tuple[tuple[str, str], ...]:
        """What the destination made of this lead before: occasion and its own name of each."""
        with contextlib.suppress(StoreUnavailable):
            stored = await self._store.leads.get(lead_uid(work.lead.identity, work.lead.id))
            made = await self._store.deliveries.get_many(stored.delivery_ids if stored else ())
            return tuple(
                (item.occasion, item.remote_id)
                for item in made
                if item.destination == work.destination and item.remote_id and item.id != work.id
            )
        return ()

    def _report(self, work: Work, outcome: Outcome, duration_ms: int) -> Report:
        answer = conceal(outcome.answer, work.lead)[:ANSWER_LIMIT]
        match outcome:
            case Delivered():
                return Report(
                    work.id, work.number, "delivered", outcome.reason, duration_ms,
                    status=outcome.status, answer=answer, health="up",
                    remote_id=outcome.remote_id or "",
                )  # fmt: skip
            case Continue():
                return Report(
                    work.id, work.number, "continue", Reason.ACCEPTED, duration_ms,
                    status=outcome.status, answer=answer, health="up", saved=outcome.saved,
                )  # fmt: skip
            case Refused():
                return Report(
                    work.id, work.number, "refused", outcome.reason, duration_ms,
                    status=outcome.status, answer=answer, pause=outcome.pause,
                    health="unknown" if outcome.reason is Reason.TEMPLATE else "up",
                )  # fmt: skip
            case Deferred():
                retry = self.settings[work.destination].retry
                wait = next_wait(retry, work.made + 1, outcome.retry_after, self._draw())
                # Who got part of the way found the destination alive.
                health = "up" if outcome.saved else "down" if _is_down(outcome) else "unknown"
                return Report(
                    work.id, work.number, "deferred", outcome.reason, duration_ms,
                    status=outcome.status, answer=answer, wait=wait,
                    uncertain=outcome.uncertain, saved=outcome.saved, health=health,
                    throttle=outcome.retry_after if outcome.throttle else None,
                )  # fmt: skip

    async def claim(self, stored: StoredLead, agent: str, via: str) -> Claimed:
        """Give a lead to whoever says first that they take it, and tell those who are to know."""
        telling = self.planner.claim(stored, agent, await self._showing(stored))
        claimed = await self._store.ladders.claim(
            stored.uid,
            agent,
            via,
            on_time=telling.on_time,
            known_as=telling.known_as,
            deliveries=telling.deliveries,
        )
        by_id = dict(telling.deliveries)
        await self._queue.enqueue(
            [Hint(name, by_id[name], Lane.LIVE) for name in claimed.deliveries]
        )
        return claimed

    async def _showing(self, stored: StoredLead) -> list[str]:
        """Destinations whose message of this lead is to say who has it. What still waits to go out
        there says it by itself.
        """
        made = await self._store.deliveries.get_many(stored.delivery_ids)
        return [
            item.destination
            for item in made
            if item.state in (State.DELIVERED, State.DELIVERING)
            and (settings := self.settings.get(item.destination))
            and settings.shows_claims
        ]

    async def route(
        self, stored: StoredLead, destinations: Sequence[str] | None = None
    ) -> tuple[str, ...]:
        """Make the deliveries a stored lead lacks: where its rules send it now, or to
        ``destinations``. The names of those made.
        """
        decision = self.planner.decide_again(stored)
        names = decision.destinations if destinations is None else destinations
        lead = stored.lead
        wanted = [(delivery_id(lead.identity, lead.id, name), name, "new") for name in names]
        kept = decision.as_json() if destinations is None else ""
        added = await self._store.leads.add_deliveries(stored.uid, wanted, decision=kept)
        made = set(added.deliveries)
        hints = [Hint(item, name, Lane.LATER) for item, name, _ in wanted if item in made]
        await self._queue.enqueue(hints)
        return tuple(hint.destination for hint in hints)

    async def replay(self, ids: Sequence[str], *, force: bool = False) -> list[tuple[str, str]]:
        """Try deliveries again now: (``replayed`` or why not, destination) for each."""
        results = await self._store.deliveries.replay(ids, force=force)
        await self._queue.enqueue(
            [
                Hint(item, result.destination, result.lane)
                for item, result in zip(ids, results, strict=True)
                if result.what == "replayed"
            ]
        )
        return [(result.what, result.destination) for result in results]
