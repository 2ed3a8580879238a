"""Where a lead goes: pure, total, in order."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.render import Renderer
from gateway.routing import CompiledRoute, ConditionError, decide
from tests.builders import NOON, a_lead

NAMES = ("crm", "inbox", "team", "archive")


def _fails(context: Mapping[str, Any]) -> bool:
    raise ConditionError("lead.x: broken")


routes = st.lists(
    st.builds(
        CompiledRoute,
        st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(tuple),
        st.sampled_from([None, lambda context: True, lambda context: False, _fails]),
        st.booleans(),
    ),
    max_size=6,
)


@given(routes)
def test_any_routes_give_known_destinations_without_doubles(rules: list[CompiledRoute]) -> None:
    decision = decide({}, rules, NAMES, NOON)
    assert set(decision.destinations) <= set(NAMES)
    assert len(set(decision.destinations)) == len(decision.destinations)
    assert len(decision.rules) == len(decision.destinations)
    assert decision.unrouted == (not decision.destinations)
    assert decision == decide({}, rules, NAMES, NOON)


@given(routes)
def test_destinations_come_in_the_order_of_the_rules_that_chose_them(
    rules: list[CompiledRoute],
) -> None:
    decision = decide({}, rules, NAMES, NOON)
    assert list(decision.rules) == sorted(decision.rules)
    if rules:
        for name, number in zip(decision.destinations, decision.rules, strict=True):
            assert name in rules[number - 1].to


@given(routes, routes)
def test_what_stands_behind_a_stop_is_never_asked(
    before: list[CompiledRoute], behind: list[CompiledRoute]
) -> None:
    stop = CompiledRoute(("crm",), None, True)
    assert decide({}, [*before, stop, *behind], NAMES, NOON) == decide(
        {}, [*before, stop], NAMES, NOON
    )


@given(routes)
def test_a_failing_condition_that_is_reached_always_unroutes(rules: list[CompiledRoute]) -> None:
    reached = [CompiledRoute(rule.to, rule.when) for rule in rules]
    decision = decide({}, [*reached, CompiledRoute(("crm",), _fails)], NAMES, NOON)
    assert (decision.destinations, decision.error) == ((), "lead.x: broken")


def test_without_routes_a_lead_goes_everywhere() -> None:
    assert decide({}, [], NAMES, NOON).destinations == NAMES


def test_a_matching_stop_ends_the_walk() -> None:
    rules = [CompiledRoute(("inbox",), None, True), CompiledRoute(("crm",))]
    assert decide({}, rules, NAMES, NOON).destinations == ("inbox",)


def test_otherwise_is_for_leads_that_no_rule_above_wanted() -> None:
    rest = CompiledRoute(("archive",), otherwise=True)
    wanted = CompiledRoute(("crm",), lambda context: bool(context))
    assert decide({"lead": 1}, [wanted, rest], NAMES, NOON).destinations == ("crm",)
    assert decide({}, [wanted, rest], NAMES, NOON).destinations == ("archive",)


def test_a_rule_holds_within_its_hours_alone() -> None:
    day = CompiledRoute(("team",), hours=lambda now: now == NOON)
    assert decide({}, [day], NAMES, NOON).destinations == ("team",)
    assert decide({}, [day], NAMES, NOON + timedelta(hours=12)).unrouted


def test_a_condition_that_fails_leaves_the_lead_unrouted_and_says_so() -> None:
    rules = [CompiledRoute(("crm",)), CompiledRoute(("team",), _fails)]
    decision = decide({}, rules, NAMES, NOON)
    assert (decision.unrouted, decision.error) == (True, "lead.x: broken")


def test_comparing_with_null_is_false() -> None:
    values = a_lead().as_dict()
    context = {"lead": values, "agent": values["agent"]}
    ask = Renderer().expression
    assert not ask("lead.property.price > 100000")(context)
    assert not ask("lead.property.price < 100000")(context)
    assert ask('lead.category == "CLASSIFIED"')(context)
