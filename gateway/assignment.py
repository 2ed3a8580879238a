"""Whose a lead is: a lead and the agents in, candidates out. Pure, and total: it never raises.

Says who may have a lead and why, in an order of preference that the store settles: among several it
is their turn that decides, and a turn is taken once, by whoever takes the lead in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from fnmatch import translate
from functools import lru_cache
from re import IGNORECASE, Pattern, compile
from typing import get_args
from zoneinfo import ZoneInfo

from gateway.agents import AgentConfig, AssignmentConfig, Criterion, Method
from gateway.lead import Agent, Lead

UNASSIGNED = Agent()


@dataclass(frozen=True, slots=True)
class Choice:
    """Who may have a lead. ``why``: a criterion, ``otherwise`` or ``nobody``.

    Before them comes whoever knows the person already (``returning``), unless they are ``away``.
    """

    candidates: tuple[str, ...]
    why: str
    method: Method
    returning: bool = False
    away: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Index:
    """Which agents, by their place, answer to a value of one criterion."""

    exact: Mapping[str, tuple[int, ...]]
    patterns: tuple[tuple[Pattern[str], int], ...]

    def find(self, values: Iterable[str]) -> tuple[int, ...]:
        """The agents that one of ``values`` belongs to, in their own order."""
        found: set[int] = set()
        for value in values:
            found.update(self.exact.get(value.casefold(), ()))
            found.update(place for pattern, place in self.patterns if pattern.match(value))
        return tuple(sorted(found))


@dataclass(frozen=True)
class Roster:
    """The agents of one agency, indexed once. Deciding costs the same with ten or ten thousand."""

    agents: tuple[AgentConfig, ...]
    assignment: AssignmentConfig
    zone: ZoneInfo
    _indexes: Mapping[Criterion, _Index] = field(init=False, repr=False)
    _by_name: Mapping[str, AgentConfig] = field(init=False, repr=False)
    _present: Callable[[date], _Present] = field(init=False, repr=False, compare=False)
    _everybody: Callable[[datetime], tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        made = {
            "_indexes": {name: _index(self.agents, _THEIRS[name]) for name in get_args(Criterion)},
            "_by_name": {agent.name: agent for agent in self.agents},
            # Absences change by the day and hours by the minute: worked out once in each.
            "_present": lru_cache(maxsize=4)(self._present_on),
            "_everybody": lru_cache(maxsize=4)(self._everybody_at),
        }
        for name, value in made.items():
            object.__setattr__(self, name, value)

    def choose(self, lead: Lead, now: datetime) -> Choice:
        """Who may have ``lead`` at ``now`` (aware).

        An agent who is away gets nothing. Among those a criterion names, who works now comes before
        who does not; a lead that is somebody's goes to them even at night, because it is theirs.
        """
        minute = now.astimezone(self.zone).replace(second=0, microsecond=0)
        here = self._present(minute.date())
        method = self.assignment.otherwise
        returning = bool(self.assignment.returning)
        for criterion in self.assignment.by:
            found = self._indexes[criterion].find(_OF_LEAD[criterion](lead))
            named = [place for place in found if place in here.places]
            if named:
                chosen = self._names(self._working(named, minute) or named)
                # A criterion names them: even without a rule for the rest, one of them gets it.
                way = "round_robin" if method == "none" else method
                return Choice(chosen, criterion, way, returning, here.away)
        everybody = () if method == "none" else self._everybody(minute)
        why = "otherwise" if everybody else "nobody"
        return Choice(everybody, why, method, returning, here.away)

    def others(self, lead: Lead, now: datetime, than: str | None) -> tuple[str, ...]:
        """Who may have ``lead`` besides somebody: those it suits, else whoever works now."""
        suited = self.choose(lead, now).candidates
        minute = now.astimezone(self.zone).replace(second=0, microsecond=0)
        return next(
            (
                rest
                for names in (suited, self._everybody(minute))
                if (rest := tuple(name for name in names if name != than))
            ),
            (),
        )

    def agent(self, name: str | None) -> Agent:
        """The agent as a lead carries it; all null for nobody, or for one who is gone."""
        found = self._by_name.get(name) if name else None
        if found is None:
            return UNASSIGNED
        return Agent(
            name=found.name,
            email=found.email,
            phone=found.phone,
            slack=found.slack,
            ids=dict(found.ids),
        )

    def _present_on(self, day: date) -> _Present:
        away = {place for place, agent in enumerate(self.agents) if agent.is_away(day)}
        places = frozenset(range(len(self.agents))) - away
        return _Present(places, self._names(sorted(away)))

    def _everybody_at(self, minute: datetime) -> tuple[str, ...]:
        places = sorted(self._present(minute.date()).places)
        return self._names(self._working(places, minute) or places)

    def _working(self, places: Sequence[int], minute: datetime) -> Sequence[int]:
        return [place for place in places if self.agents[place].works(minute, self.zone)]

    def _names(self, places: Sequence[int]) -> tuple[str, ...]:
        return tuple(self.agents[place].name for place in places)


@dataclass(frozen=True, slots=True)
class _Present:
    """Who is there on a day, by place, and who is not, by name."""

    places: frozenset[int]
    away: tuple[str, ...]


def _index(agents: Sequence[AgentConfig], theirs: Callable[[AgentConfig], Sequence[str]]) -> _Index:
    exact: dict[str, tuple[int, ...]] = {}
    patterns = []
    for place, agent in enumerate(agents):
        for value in theirs(agent):
            if set(value) & set("*?["):
                patterns.append((compile(translate(value), IGNORECASE), place))
            else:
                key = value.casefold()
                exact[key] = (*exact.get(key, ()), place)
    return _Index(exact, tuple(patterns))


_THEIRS: Mapping[Criterion, Callable[[AgentConfig], Sequence[str]]] = {
    "reference": lambda agent: agent.references,
    "postal_code": lambda agent: agent.postal_codes,
    "department": lambda agent: agent.departments,
    "category": lambda agent: agent.categories,
    "portal": lambda agent: agent.portals,
    "partner": lambda agent: agent.partner_ids,
}


def _some(*values: str | None) -> tuple[str, ...]:
    return tuple(value for value in values if value)


def _postal_codes(lead: Lead) -> tuple[str, ...]:
    """Of the property; of an estimation's; else where the person wants to live."""
    return (
        _some(lead.property.postal_code)
        or _some(lead.estimation.postal_code, lead.estimation.user_postal_code)
        or lead.property.postal_codes
    )


def departments_of(postal_codes: Iterable[str]) -> tuple[str, ...]:
    """The French departments of postal codes: two digits, three overseas, 2A and 2B in Corsica."""
    found = []
    for code in postal_codes:
        if len(code) != 5 or not code.isdigit():
            continue
        if code.startswith(("97", "98")):
            found.append(code[:3])
        elif code.startswith("20"):
            # 200 and 201 are Ajaccio's side, 202 and 206 Bastia's.
            found.append("2A" if code[2] in "01" else "2B")
        else:
            found.append(code[:2])
    return tuple(dict.fromkeys(found))


def _departments(lead: Lead) -> tuple[str, ...]:
    own = departments_of(_postal_codes(lead))
    return own or tuple(code.upper() for code in lead.property.departments)


_OF_LEAD: Mapping[Criterion, Callable[[Lead], Iterable[str]]] = {
    "reference": lambda lead: _some(lead.property.reference),
    "postal_code": _postal_codes,
    "department": _departments,
    "category": lambda lead: _some(lead.category),
    "portal": lambda lead: lead.portals,
    "partner": lambda lead: _some(lead.partner_id),
}
