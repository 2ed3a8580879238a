"""What an answer means: the rules of ``success``, ``duplicate``, ``permanent`` and ``retry.when``.

Owns the rules' shape in gateway.yaml and in presets, and the order they are asked in: first whether
the receiver has the lead already, then what is worth another try, then what never is, then success;
what no rule speaks of is for the status table of contract §7 (classify.py). Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from gateway.backoff import parse_retry_after
from gateway.delivery import Deferred, Delivered, Outcome, Reason, Refused
from gateway.destinations.answer import (
    Answer,
    CutOff,
    Lift,
    Path,
    Pattern,
    has_group,
    lifted,
    same,
    search,
)
from gateway.destinations.classify import answer_text, classify
from gateway.destinations.common import Retry, Strict
from gateway.units import Duration

Status = Annotated[int, Field(ge=100, le=599)]
Statuses = Annotated[tuple[Status, ...], Field(min_length=1)]

TryAgainReason = Literal["rate_limited", "credentials", "server_error", "unsuccessful"]
NeverReason = Literal["rejected", "credentials", "not_found", "gone", "too_large"]


class Condition(Strict):
    """What an answer must be. All that is given must hold.

    ``headers`` maps a name to the value it must have; ``json`` a dotted path in the answer's JSON
    (``result.status``, ``items.0.ok``, ``errors.*.code`` for any of them) to the value that must be
    there, or to a list of values of which one must be; null means absent or null. ``text`` is a
    regular expression to find in the body; ``present`` names paths where something must stand.
    """

    status: Statuses | None = None
    headers: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    body: dict[Path, Any] = Field(default_factory=dict, alias="json")
    text: Pattern | None = None
    present: Annotated[tuple[Path, ...], Field(max_length=20)] = ()

    def holds(self, answer: Answer) -> bool:
        """Whether this is such an answer. Raises :class:`CutOff`."""
        if self.status is not None and answer.status not in self.status:
            return False
        if not all(
            same(answer.headers.get(name.lower()), value) for name, value in self.headers.items()
        ):
            return False
        if self.text is not None and search(self.text, answer.text) is None:
            return False
        if any(answer.at(path)[0] in (None, "") for path in self.present):
            return False
        return all(
            any(same(found, wanted) for found in answer.at(path))
            for path, wanted in self.body.items()
        )

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing, and so holds of every answer."""
        named = self.headers or self.body or self.present
        return self.status is None and not named and self.text is None


class Success(Condition):
    """The receiver has the lead. Nothing given: any 2xx. ``id`` is where its own id stands."""

    id: Path | Lift | None = None

    def holds(self, answer: Answer) -> bool:
        """See :class:`Condition`."""
        is_2xx = 200 <= answer.status < 300
        return (self.status is not None or is_2xx) and super().holds(answer)


class _Rule(Condition):
    @model_validator(mode="after")
    def _says_something(self) -> _Rule:
        if self.is_empty:
            raise ValueError("name at least one of status, headers, json, present, text")
        return self


class Duplicate(_Rule):
    """The receiver had the lead already. ``id`` is where its own id of it stands.

    Without ``id``, what ``text`` matches in its first group is the id.
    """

    id: Path | Lift | None = None

    def known_as(self, answer: Answer) -> str | int | None:
        """The receiver's id of the lead, when the answer has it. Raises :class:`CutOff`."""
        if self.id is None and self.text is not None and has_group(self.text):
            return lifted(Lift(text=self.text), answer)
        return lifted(self.id, answer)


class Permanent(_Rule):
    """Never in this form: a dead letter at once. ``pause`` stops the whole destination too."""

    reason: NeverReason | None = None
    pause: bool = False


class TryAgain(_Rule):
    """Not now. ``after`` is how long to wait at least, or the header that says so in seconds."""

    reason: TryAgainReason = "unsuccessful"
    after: Duration | None = None
    after_header: Annotated[str, Field(min_length=1)] | None = None


class WebhookRetry(Retry):
    """When to try again: on which schedule, and after which answers besides the usual ones."""

    when: Annotated[tuple[TryAgain, ...], Field(max_length=50)] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """All that is known of one receiver's answers."""

    success: Success = field(default_factory=Success)
    duplicate: tuple[Duplicate, ...] = ()
    permanent: tuple[Permanent, ...] = ()
    try_again: tuple[TryAgain, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means, and the receiver's id of the lead with its type as it came."""

    outcome: Outcome
    id: str | int | None = None


def judge(rules: Rules, answer: Answer, now: datetime) -> Verdict:
    """What ``answer`` means for the delivery."""
    status, text = answer.status, answer_text(answer.shown, answer.hide)
    try:
        for known in rules.duplicate:
            if known.holds(answer):
                found = known.known_as(answer)
                return Verdict(Delivered(Reason.DUPLICATE, status, text, _text(found)), found)
        for again in rules.try_again:
            if again.holds(answer):
                return Verdict(_later(again, answer, text, now))
        for never in rules.permanent:
            if never.holds(answer):
                reason = Reason(never.reason) if never.reason else _never(status)
                return Verdict(Refused(reason, status, text, pause=never.pause))
        if rules.success.holds(answer):
            found = lifted(rules.success.id, answer)
            return Verdict(Delivered(Reason.ACCEPTED, status, text, _text(found)), found)
    except CutOff:
        return Verdict(Deferred(Reason.TOO_LARGE, status, text, uncertain=True))
    unruled = classify(
        status, answer.headers, answer.shown, success=False, now=now, hide=answer.hide
    )
    return Verdict(unruled)


def _later(rule: TryAgain, answer: Answer, text: str, now: datetime) -> Deferred:
    said = [parse_retry_after(answer.headers.get("retry-after"), now)]
    if rule.after_header is not None:
        said.append(parse_retry_after(answer.headers.get(rule.after_header.lower()), now))
    said.append((rule.after or timedelta(0)).total_seconds() or None)
    wait = max((seconds for seconds in said if seconds is not None), default=None)
    reason = Reason(rule.reason)
    # A limit is the account's: what else is sent there now would only meet it too.
    throttle = reason is Reason.RATE_LIMITED and wait is not None
    return Deferred(reason, answer.status, text, wait, throttle=throttle)


def _never(status: int) -> Reason:
    known = {401: Reason.CREDENTIALS, 403: Reason.CREDENTIALS, 404: Reason.NOT_FOUND}
    return known.get(status, Reason.REJECTED)


def _text(found: str | int | None) -> str | None:
    return None if found is None else str(found)
