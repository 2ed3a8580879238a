"""From a lead to what is to be done with it: whose it is, and which deliveries to make.

Asks the agency's rules, has the store settle whose turn it is, and puts both into a plan. Changes
nothing else: what of a plan comes true is decided when it is accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.agency import Agency
from gateway.claims import NEXT, promised_by
from gateway.delivery import CLAIMED, delivery_id, lead_uid
from gateway.lead import Agent, Lead, Person
from gateway.routing import Decision
from gateway.store import Mode, Plan, Settled, Store, StoredLead, Waiting, Wish

STALE_AFTER = timedelta(hours=2)
"""The age from which a lead that comes in is late."""


@dataclass(frozen=True, slots=True)
class Escalation:
    """One step of a ladder: the deliveries (id, destination), whom they are for, when the next is
    due.
    """

    next_at: datetime | None
    agent: Agent | None
    deliveries: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Telling:
    """What follows a claim: until when it is on time, whom others hear of, in which deliveries."""

    on_time: timedelta | None
    known_as: Agent
    deliveries: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Again:
    """A decision made once more for a stored lead; whose it is was decided before."""

    decision: Decision
    agency: str
    agent: str | None
    why: str

    @property
    def destinations(self) -> tuple[str, ...]:
        """Where the lead goes by the rules of now."""
        return self.decision.destinations

    def as_json(self) -> str:
        """As it is kept with the lead."""
        return self.decision.as_json(self.agency, self.agent, self.why)


class Planner:
    """Plans leads. One per process."""

    def __init__(
        self,
        store: Store,
        agencies: Mapping[str, Agency],
        clock: Callable[[], datetime],
        stale_after: timedelta = STALE_AFTER,
    ) -> None:
        self._store = store
        self._agencies = agencies
        self._clock = clock
        self._stale_after = stale_after

    async def plans(
        self, leads: Sequence[tuple[Lead, str]], mode: Mode, floor: datetime | None
    ) -> list[Plan | Exception]:
        """What to store of each lead: whose it is, then where it goes."""
        now = self._clock()
        leads = [(self._dated(lead, now), mark) for lead, mark in leads]
        wishes = [self._wish_or_fault(lead, mode, floor, now) for lead, _ in leads]
        asked = [wish for wish in wishes if isinstance(wish, Wish)]
        answers = iter(await self._settled(asked) if asked else [])
        return [
            self._plan_or_fault(
                lead, mark, mode, next(answers) if isinstance(wish, Wish) else wish, now
            )
            for (lead, mark), wish in zip(leads, wishes, strict=True)
        ]

    async def _settled(self, wishes: Sequence[Wish]) -> list[Settled | Exception]:
        """Whose each lead is. Somebody who returns to an agent who left is anybody's."""
        answers = await self._store.people.settle(wishes)
        known = {agency.name: agency for agency in self._agencies.values()}
        left = {
            place: replace(wishes[place], instead_of=answer.agent)
            for place, answer in enumerate(answers)
            if isinstance(answer, Settled)
            and answer.agent
            and not known[wishes[place].agency].roster.agent(answer.agent).name
        }
        if left:
            again = await self._store.people.settle(list(left.values()))
            for place, answer in zip(left, again, strict=True):
                answers[place] = answer
        return answers

    def destinations(self, lead: Lead) -> tuple[str, ...]:
        """Where the rules of now would send a lead that is nobody's yet. Settles nothing."""
        return self._agencies[lead.source].decide(lead, self._clock()).destinations

    def _dated(self, lead: Lead, now: datetime) -> Lead:
        """A lead that comes long after it was made says so, to whoever gets it (contract §7)."""
        late = lead.created_at is not None and lead.created_at < now - self._stale_after
        return lead.model_copy(update={"late": True}) if late and not lead.test else lead

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
            # Of late leads, tests and backfills nobody is told at night that they wait.
            to_claim=(to_claim := _is_to_claim(lead, mode, agency)),
            escalate_at=agency.step_due(1, now) if to_claim else None,
            promised_by=agency.promised_by(now) if to_claim else None,
        )

    async def escalation(self, waiting: Waiting, lead: Lead) -> Escalation | None:
        """What the due step of a lead's ladder does; None when its rules have no such step."""
        agency = self._agencies.get(lead.source)
        if agency is None or agency.claim is None or waiting.step > len(agency.claim.then):
            return None
        step = agency.claim.then[waiting.step - 1]
        occasion = f"escalation:{waiting.step}"
        agent = agency.roster.agent(step.agent) if step.agent else None
        if step.agent == NEXT:
            agent = agency.roster.agent(await self._another(agency, waiting, lead))
        return Escalation(
            agency.step_due(waiting.step + 1, waiting.received_at),
            agent if agent and agent.name else None,
            tuple((delivery_id(lead.identity, lead.id, name, occasion), name) for name in step.to),
        )

    def claim(self, stored: StoredLead, agent: str, showing: Sequence[str] = ()) -> Telling:
        """Who is told that ``agent`` takes a lead, and until when that is on time.

        ``showing`` are destinations whose message of the lead is to say it.
        """
        lead = stored.lead
        agency = self._agencies.get(lead.source)
        rules = agency.claim if agency else None
        if agency is None or rules is None:
            return Telling(None, Agent(name=agent), _telling(lead, showing))
        until = promised_by(rules, stored.received_at, agency.roster.zone)
        found = agency.roster.agent(agent)
        return Telling(
            until - stored.received_at if until else None,
            found if found.name else Agent(name=agent),
            _telling(lead, (*rules.on_claim, *showing)),
        )

    def decide_again(self, stored: StoredLead) -> Again:
        """Where the rules of now send a stored lead; whose it is stays."""
        agency = self._agencies.get(stored.lead.source)
        if agency is None:
            return Again(Decision((), (), "its source is not configured"), "", None, "")
        decided = stored.decision
        return Again(
            agency.decide(stored.lead, self._clock()),
            agency.name,
            decided.agent if decided else None,
            decided.why if decided else "",
        )

    async def _another(self, agency: Agency, waiting: Waiting, lead: Lead) -> str | None:
        """Somebody else's turn: taken once for this step, however often it is asked."""
        others = agency.roster.others(lead, self._clock(), waiting.agent)
        wish = Wish(
            uid=f"{waiting.uid}:{waiting.step}",
            agency=agency.name,
            marks=(),
            method="round_robin",
            why="escalation",
            remembered=timedelta(0),
            away=(),
            candidates=others,
        )
        (settled,) = await self._store.people.settle([wish])
        return settled.agent if isinstance(settled, Settled) else None


def _telling(lead: Lead, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (delivery_id(lead.identity, lead.id, name, CLAIMED), name) for name in dict.fromkeys(names)
    )


def _is_to_claim(lead: Lead, mode: Mode, agency: Agency) -> bool:
    fresh = mode is Mode.LIVE and not lead.late and not lead.test
    return fresh and agency.claim is not None
