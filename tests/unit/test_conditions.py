"""Short cuts of conditions answer as the template does, and leave to it what they can not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.conditions import short_cut
from gateway.lead import Agent, Contact, Lead, Property
from gateway.render import Renderer
from gateway.routing import ConditionError
from tests.builders import a_lead

PATHS = (
    "lead.category", "lead.property.price", "lead.property.city", "lead.portals", "lead.is_called",
    "lead.contact.email", "agent.name", "lead.property.rooms",
)  # fmt: skip
CONSTANTS = ('"CLASSIFIED"', '"Paris"', "100000", "3", "none", "true", '["Paris", "Nice"]', '""')
RENDERER = Renderer()

operands = st.sampled_from((*PATHS, *CONSTANTS))
comparisons = st.builds(
    lambda left, how, right: f"{left} {how} {right}",
    operands,
    st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "in", "not in"]),
    operands,
)
expressions = st.recursive(
    st.one_of(comparisons, st.sampled_from(PATHS)),
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=6,
)
leads = st.builds(
    lambda city, price, email, name, category: a_lead(
        category=category,
        property=Property(city=city, price=price, rooms=3),
        portals=("SELOGER",) if city else (),
        contact=Contact(email=email),
        agent=Agent(name=name),
    ),
    st.sampled_from([None, "Paris", "Lyon"]),
    st.sampled_from([None, 50_000, 100_000.0]),
    st.sampled_from([None, "camille@example.org"]),
    st.sampled_from([None, "Anne Martin"]),
    st.sampled_from([None, "CLASSIFIED", "ESTIMATION"]),
)


def context_of(lead: Lead) -> dict[str, Any]:
    values = lead.as_dict()
    return {"lead": values, "agent": values["agent"]}


def parsed(source: str) -> jinja2.nodes.Template:
    return jinja2.Environment(autoescape=True).parse("{{ " + source + " }}")


def by_template(source: str, context: Mapping[str, Any]) -> bool | str:
    """What the template alone says, in a spelling that no short cut knows."""
    try:
        return bool(RENDERER.expression(f"({source}) if true else false")(context))
    except ConditionError:
        return "refused"


def by_rule(source: str, context: Mapping[str, Any]) -> bool | str:
    try:
        return bool(RENDERER.expression(source)(context))
    except ConditionError:
        return "refused"


@given(expressions, leads)
def test_a_short_cut_and_the_template_agree(source: str, lead: Lead) -> None:
    context = context_of(lead)
    assert by_rule(source, context) == by_template(source, context)


@given(expressions)
def test_every_comparison_of_paths_and_constants_has_a_short_cut(source: str) -> None:
    assert short_cut(parsed(source)) is not None


@pytest.mark.parametrize(
    "source",
    [
        'lead.category | lower == "classified"',
        'lead.property.postal_code.startswith("75")',
        "lead.property.price * 2 > 5",
        "lead.contact.email is none",
        'lead["category"] == "A"',
        "lead.category == lead.contact.address.city",
        "event.id == 1",
        "lead.portals[0] == 1",
        "[lead.category] == []",
    ],
)
def test_what_is_more_is_left_to_the_template(source: str) -> None:
    assert short_cut(parsed(source)) is None


def test_a_missing_name_is_told_in_the_templates_words() -> None:
    ask = RENDERER.expression("agent.ids.hubspt == 1")
    with pytest.raises(ConditionError, match="hubspt"):
        ask(context_of(a_lead()))
