"""What can go wrong at the portal, and which fault the next call meets.

Decides, and never answers a call: :mod:`gateway.sandbox.portal.trouble` does what a fault says.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from gateway.destinations.common import Strict
from gateway.units import Duration

Operation = Literal[
    "token", "leads", "lead", "classifieds", "classified", "agencies", "estimations", "projects"
]
OPERATIONS: tuple[str, ...] = get_args(Operation)

Fault = Literal[
    "400", "401", "403", "404", "429", "500", "502", "503", "504",
    "html", "empty", "truncated", "drop", "slow",
    "repeat_key", "huge", "null_contacts", "insert", "remove",
]  # fmt: skip
FAULTS: tuple[str, ...] = get_args(Fault)
"""Every way in which a call can fail; docs/sandbox.md says what each does."""

BY_CHANCE = ("500", "502", "503", "429", "401", "html", "empty", "truncated", "drop", "slow")
"""What ``--errors`` draws from: what a portal that works most of the time does now and then."""

WAITS = {"slow": 1.0, "429": 2.0, "503": 2.0}
"""Seconds: how late a slow answer comes, and the ``Retry-After`` of the others."""


def share(value: Any) -> float:
    """``5%`` or 0.05. Raises ValueError with what to write instead."""
    text = str(value).strip()
    try:
        number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        number = -1.0
    if isinstance(value, bool) or not 0 <= number <= 1:
        raise ValueError("write a share between 0% and 100%, for example 5%")
    return number


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, (str, int)) else value


def _name(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Share = Annotated[float, BeforeValidator(share)]
FaultName = Annotated[Fault, BeforeValidator(_name)]


class Rule(Strict):
    """One fault that is to happen: to which operations, and how often or for how long."""

    fault: FaultName
    on: Annotated[tuple[Operation, ...], BeforeValidator(_one_or_many), Field(min_length=1)] = (
        tuple(name for name in get_args(Operation) if name != "token")
    )
    """An operation or a list of them; without it all but ``token``."""
    share: Share = 1.0
    """Of the calls, by chance."""
    times: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """How often in all."""
    after: Duration = timedelta(0)
    """From so long after it was said."""
    lasts: Annotated[Duration | None, Field(alias="for")] = None
    """For so long from then."""
    wait: Annotated[Duration, Field(le=timedelta(minutes=10))] | None = None
    """How late a slow answer comes; the ``Retry-After`` of 429 and 503."""

    @model_validator(mode="after")
    def _can_happen(self) -> Rule:
        if "token" in self.on and self.fault in ("repeat_key", "null_contacts", "insert", "remove"):
            raise ValueError("fault: happens to a page of leads, and a token is none")
        return self


@dataclass(frozen=True, slots=True)
class Met:
    """A fault that one call meets."""

    fault: str
    wait: float


@dataclass(slots=True)
class _Armed:
    rule: Rule
    since: float
    met: int = 0


class Faults:
    """Faults said for the next calls, then by rule, then by chance; the chance is the seed's."""

    def __init__(self, seed: int) -> None:
        self.errors = 0.0
        """The share of calls, tokens aside, that fail in one of the ways of :data:`BY_CHANCE`."""
        self.next: list[str] = []
        """Faults for the next calls, tokens aside, in order, before any other."""
        self._rules: list[_Armed] = []
        self._seed = seed
        self._draw = random.Random(seed ^ 0x5EED)

    def add(self, rules: Iterable[Rule], now: float) -> None:
        """Let faults happen by rule from ``now`` (seconds)."""
        self._rules += [_Armed(rule, now) for rule in rules]

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self.errors, self.next, self._rules = 0.0, [], []

    def draw(self, operation: str, now: float) -> Met | None:
        """The fault that a call meets, if any."""
        if self.next and operation != "token":
            return _met(self.next.pop(0))
        for armed in self._rules:
            if self._happens(armed, operation, now):
                armed.met += 1
                return _met(armed.rule.fault, armed.rule.wait)
        if self.errors and operation != "token" and self._draw.random() < self.errors:
            return _met(self._draw.choice(BY_CHANCE))
        return None

    def describe(self, now: float) -> list[dict[str, Any]]:
        """The rules in force or still to come, and how often each happened."""
        return [
            {**armed.rule.model_dump(mode="json", by_alias=True, exclude_defaults=True),
             "met": armed.met}
            for armed in self._rules
            if not _is_over(armed, now)
        ]  # fmt: skip

    def _happens(self, armed: _Armed, operation: str, now: float) -> bool:
        rule = armed.rule
        if operation not in rule.on or _is_over(armed, now):
            return False
        if now < armed.since + rule.after.total_seconds():
            return False
        return rule.share >= 1 or self._draw.random() < rule.share


def _is_over(armed: _Armed, now: float) -> bool:
    rule = armed.rule
    if rule.times is not None and armed.met >= rule.times:
        return True
    if rule.lasts is None:
        return False
    return now >= armed.since + (rule.after + rule.lasts).total_seconds()


def _met(fault: str, wait: timedelta | None = None) -> Met:
    return Met(fault, wait.total_seconds() if wait is not None else WAITS.get(fault, 0.0))
