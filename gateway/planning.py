"""From a lead to what is to be done with it: whose it is, and which deliveries to make.

Asks the agency's rules, has the store settle whose turn it is, and puts both into a plan. Changes
nothing else: what of a plan comes true is decided when it is accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from gateway.agency import Agency
from gateway.delivery import delivery_id, lead_uid
from gateway.lead import Lead, Person
from gateway.store import Mode, Plan, Settled, Store, Wish


class Planner:
    """Plans leads. One per process."""

    def __init__(
        self, store: Store, agencies: Mapping[str, Agency], clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._agencies = agencies
        self._clock = clock

    async def plans(
        self, leads: Sequence[tuple[Lead, str]], mode: Mode, floor: datetime | None
    ) -> list[Plan | Exception]:
        """What to store of each lead: whose it is, then where it goes."""
        now = self._clock()
        wishes = [self._wish_or_fault(lead, mode, floor, now) for lead, _ in leads]
        asked = [wish for wish in wishes if isinstance(wish, Wish)]
        answers = iter(await self._store.people.settle(asked) if asked else [])
        return [
            self._plan_or_fault(
                lead, mark, mode, next(answers) if isinstance(wish, Wish) else wish, now
            )
            for (lead, mark), wish in zip(leads, wishes, strict=True)
        ]

    def _wish_or_fault(
        self, lead: Lead, mode: Mode, floor: datetime | None, now: datetime
    ) -> Wish | Exception | None:
        """What to ask the store of a lead; None for one below the floor: it takes nobody's turn."""
        if (
            floor is not None
            and mode is Mode.LIVE
            and (lead.created_at or lead.received_at) < floor
        ):
            return None
        try:
            return self._wish(lead, now)
        except Exception as error:
            return error

    def _plan_or_fault(
        self, lead: Lead, mark: str, mode: Mode, settled: Settled | Exception | None, now: datetime
    ) -> Plan | Exception:
        """The plan; one lead's fault is kept in its place and must not stop the others."""
        if isinstance(settled, Exception):
            return settled
        if settled is None:
            return Plan(lead_uid(lead.identity, lead.id), lead, mark, Mode.FLOOR)
        try:
            return self._plan(lead, mark, mode, settled, now)
        except Exception as error:
            return error

    def _wish(self, lead: Lead, now: datetime) -> Wish:
        agency = self._agencies[lead.source]
        choice = agency.roster.choose(lead, now)
        return Wish(
            uid=lead_uid(lead.identity, lead.id),
            agency=agency.name,
            marks=self._store.threads.marks(lead),
            method=choice.method,
            why=choice.why,
            remembered=agency.roster.assignment.returning,
            away=choice.away,
            candidates=choice.candidates,
        )

    def _plan(self, lead: Lead, mark: str, mode: Mode, settled: Settled, now: datetime) -> Plan:
        agency = self._agencies[lead.source]
        person = Person(recent_count=settled.recent_count, first_seen_at=settled.first_seen_at)
        agent = agency.roster.agent(settled.agent)
        lead = lead.model_copy(update={"agent": agent, "person": person})
        decision = agency.decide(lead, now)
        return Plan(
            lead_uid(lead.identity, lead.id),
            lead,
            mark,
            mode,
            tuple(
                (delivery_id(lead.identity, lead.id, name), name, "new")
                for name in decision.destinations
            ),
            decision.as_json(agency.name, settled.agent, settled.why),
        )
