"""The worker's log: a line for each delivery, and one a minute for a thousand that fail alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.delivery import Lane, Reason
from gateway.store import Finished, Report, Work
from tests.builders import NOON, a_lead
from workers.flights import Landing
from workers.saying import Saying


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def landing(number: int, reason: Reason = Reason.CONNECTION, to: str = "crm") -> Landing:
    work = Work(f"dlv_{number}", to, a_lead(), "new", NOON, 1, 0, 0, Lane.LIVE, {})
    return Landing(work, Report(work.id, 1, "deferred", reason, 12, wait=30.0))


def said(clock: Clock, saying: Saying, steps: Sequence[tuple[float, Landing, str]]) -> list[Any]:
    with capture_logs() as lines:
        for after, made, state in steps:
            clock.now += after
            saying.landed(made, Finished(state, ""))
    return lines


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_of_a_thousand_that_fail_alike_one_is_said_and_then_how_many(clock: Clock) -> None:
    saying = Saying(clock)
    lines = said(clock, saying, [(0.01, landing(n), "retrying") for n in range(1000)])
    assert [line["event"] for line in lines] == ["delivery retrying"]
    lines = said(clock, saying, [(60, landing(1001), "retrying")])
    (summary,) = lines
    assert summary["event"] == "deliveries put off"
    assert (summary["destination"], summary["reason"]) == ("crm", "connection")
    assert summary["count"] == 999


def test_another_reason_and_another_destination_are_said_at_once(clock: Clock) -> None:
    saying = Saying(clock)
    steps = [
        (0.0, landing(1), "retrying"),
        (0.1, landing(2, Reason.TIMEOUT), "retrying"),
        (0.1, landing(3, to="team"), "retrying"),
    ]
    assert len(said(clock, saying, steps)) == 3


def test_every_delivered_and_every_dead_one_keeps_its_line(clock: Clock) -> None:
    saying = Saying(clock)
    steps = [(0.0, landing(n), "delivered" if n % 2 else "dead") for n in range(10)]
    lines = said(clock, saying, steps)
    assert len(lines) == 10
    for line in lines:
        assert {"delivery", "lead", "source", "destination", "reason"} <= set(line)


def test_trouble_that_is_over_is_forgotten(clock: Clock) -> None:
    saying = Saying(clock)
    said(clock, saying, [(0.0, landing(1), "retrying")])
    lines = said(clock, saying, [(120, landing(2), "delivered"), (1, landing(3), "retrying")])
    assert [line["event"] for line in lines] == ["delivered", "delivery retrying"]
