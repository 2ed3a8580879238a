"""Whose a lead is: pure, total, by the criteria's order, among those who are there."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.agents import AgentConfig, AssignmentConfig
from gateway.assignment import Choice, Roster, departments_of
from gateway.lead import Estimation, Lead, Property
from tests.builders import NOON, a_lead

PARIS = ZoneInfo("Europe/Paris")
NIGHT = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)
REFERENCES = ("AB1", "AB2", "CD1", "")
CODES = ("75001", "75002", "69003", "20137", "97400", "")


def an_agent(name: str, **keys: Any) -> dict[str, Any]:
    return {"name": name, **keys}


def a_roster(*agents: dict[str, Any], **assignment: Any) -> Roster:
    # By way of JSON, as the file gives it: lists, not tuples.
    return Roster(
        tuple(AgentConfig.model_validate(json.loads(json.dumps(agent))) for agent in agents),
        AssignmentConfig.model_validate(assignment),
        PARIS,
    )


def about(**keys: Any) -> Lead:
    return a_lead(property=Property(**keys))


def chosen(roster: Roster, lead: Lead, now: datetime = NOON) -> tuple[tuple[str, ...], str]:
    choice = roster.choose(lead, now)
    return choice.candidates, choice.why


def test_the_first_criterion_that_an_agent_answers_to_decides() -> None:
    roster = a_roster(
        an_agent("Anne", references=["AB*"]), an_agent("Bob", postal_codes=["75001", "69*"])
    )
    assert chosen(roster, about(reference="ab12", postal_code="75001")) == (("Anne",), "reference")
    assert chosen(roster, about(reference="ZZ", postal_code="75001")) == (("Bob",), "postal_code")
    assert chosen(roster, about(postal_code="69008")) == (("Bob",), "postal_code")
    assert chosen(roster, about(postal_code="13001")) == (("Anne", "Bob"), "otherwise")


def test_who_is_away_gets_nothing_not_even_what_is_theirs() -> None:
    roster = a_roster(
        an_agent("Anne", references=["AB*"], away=["2026-11-23..2026-11-24"]), an_agent("Bob")
    )
    choice = roster.choose(about(reference="AB1"), NOON)
    assert choice == Choice(("Bob",), "otherwise", "round_robin", True, ("Anne",))
    assert chosen(roster, about(reference="AB1"), datetime(2026, 11, 25, 9, tzinfo=UTC)) == (
        ("Anne",),
        "reference",
    )


def test_a_lead_that_is_somebodys_goes_to_them_even_at_night() -> None:
    roster = a_roster(
        an_agent("Anne", references=["AB*"], hours="Mon-Fri 09:00-19:00"), an_agent("Bob")
    )
    assert chosen(roster, about(reference="AB1"), NIGHT) == (("Anne",), "reference")
    assert chosen(roster, about(reference="ZZ"), NIGHT) == (("Bob",), "otherwise")


def test_among_several_who_work_now_comes_before_who_does_not() -> None:
    roster = a_roster(
        an_agent("Anne", postal_codes=["75001"], hours="Mon-Fri 09:00-19:00"),
        an_agent("Bob", postal_codes=["75001"], hours="18:00-24:00"),
    )
    assert chosen(roster, about(postal_code="75001")) == (("Anne",), "postal_code")
    assert chosen(roster, about(postal_code="75001"), NIGHT) == (("Bob",), "postal_code")


def test_nobody_is_chosen_where_the_rest_is_the_teams() -> None:
    roster = a_roster(an_agent("Anne", references=["AB*"]), otherwise="none")
    assert chosen(roster, about(reference="ZZ")) == ((), "nobody")
    assert chosen(roster, about(reference="AB1")) == (("Anne",), "reference")
    assert chosen(a_roster(), about(reference="AB1")) == ((), "nobody")


@pytest.mark.parametrize(
    ("criterion", "keys", "lead"),
    [
        ("category", {"categories": ["ESTIMATION"]}, a_lead(category="ESTIMATION")),
        ("portal", {"portals": ["seloger"]}, a_lead(portals=("LOGIC_IMMO", "SELOGER"))),
        ("partner", {"partner_ids": ["4711"]}, a_lead(partner_id="4711")),
        ("department", {"departments": ["92"]}, about(postal_code="92200")),
        ("department", {"departments": ["2a"]}, about(postal_code="20137")),
        ("department", {"departments": ["974"]}, about(departments=("974",))),
        ("postal_code", {"postal_codes": ["75001"]}, about(postal_codes=("13001", "75001"))),
        (
            "postal_code",
            {"postal_codes": ["75001"]},
            a_lead(estimation=Estimation(user_postal_code="75001")),
        ),
    ],
)
def test_every_criterion_finds_its_agent(criterion: str, keys: Any, lead: Lead) -> None:
    roster = a_roster(an_agent("Bob"), an_agent("Anne", **keys), by=[criterion])
    assert chosen(roster, lead) == (("Anne",), criterion)
    assert chosen(roster, a_lead())[1] != criterion or criterion == "category"


def test_departments_follow_the_post() -> None:
    found = departments_of(["75001", "20000", "20200", "97410", "01000", "1000", "SW1A 1AA"])
    assert found == ("75", "2A", "2B", "974", "01")


def test_another_is_one_it_suits_too_else_whoever_works() -> None:
    roster = a_roster(
        an_agent("Anne", references=["AB*"]),
        an_agent("Bob", references=["AB*"]),
        an_agent("Chloé", hours="20:00-22:00"),
    )
    assert roster.others(about(reference="AB1"), NOON, "Anne") == ("Bob",)
    alone = a_roster(an_agent("Anne", references=["AB*"]), an_agent("Chloé"))
    assert alone.others(about(reference="AB1"), NOON, "Anne") == ("Chloé",)
    assert a_roster(an_agent("Anne")).others(a_lead(), NOON, "Anne") == ()


def test_an_agent_who_is_gone_is_nobody() -> None:
    roster = a_roster(an_agent("Anne", email="anne@agency.example", ids={"hubspot": "77"}))
    assert roster.agent("Anne").ids == {"hubspot": "77"}
    assert roster.agent("Bob") == roster.agent(None) == type(roster.agent(None))()


@pytest.mark.parametrize(
    ("keys", "word"),
    [
        ({"postal_codes": [1000]}, "quotes"),
        ({"away": ["next week"]}, "2026-12-24"),
        ({"away": ["2026-12-24..2026-12-01"]}, "ends before"),
        ({"away": ["2026-02-30"]}, "2026-12-24"),
        ({"departments": ["Paris"]}, "2A"),
        ({"email": "anne"}, "anne@agency.example"),
        ({"hours": "always"}, "write hours"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_what_an_agent_can_not_be_is_told(keys: dict[str, Any], word: str) -> None:
    with pytest.raises(ValidationError, match=word):
        AgentConfig.model_validate(an_agent("Anne", **keys))


agents = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from([f"Agent {number}" for number in range(8)])},
        optional={
            "references": st.lists(st.sampled_from(["AB*", "AB1", "CD?"]), max_size=2),
            "postal_codes": st.lists(st.sampled_from(["75001", "75*", "69003"]), max_size=2),
            "departments": st.lists(st.sampled_from(["75", "69", "974"]), max_size=2),
            "hours": st.sampled_from(["Mon-Fri 09:00-19:00", "20:00-06:00"]),
            "away": st.lists(st.sampled_from(["2026-11-24", "2026-11-01..2026-12-31"]), max_size=1),
        },
    ),
    max_size=8,
    unique_by=lambda agent: str(agent["name"]),
)
leads = st.builds(
    lambda reference, code: about(reference=reference or None, postal_code=code or None),
    st.sampled_from(REFERENCES),
    st.sampled_from(CODES),
)
criteria = st.lists(
    st.sampled_from(["reference", "postal_code", "department", "category"]), unique=True
)


@given(
    agents,
    leads,
    criteria,
    st.sampled_from(["round_robin", "least_loaded", "none"]),
    st.datetimes(datetime(2026, 11, 1), datetime(2026, 12, 31), timezones=st.just(UTC)),
)
def test_any_choice_is_of_present_agents_and_made_the_same_twice(
    some: list[dict[str, Any]], lead: Lead, by: list[str], otherwise: str, now: datetime
) -> None:
    roster = a_roster(*some, by=by, otherwise=otherwise)
    choice = roster.choose(lead, now)
    assert choice == a_roster(*some, by=by, otherwise=otherwise).choose(lead, now)
    day = now.astimezone(PARIS).date()
    present = [agent.name for agent in roster.agents if not agent.is_away(day)]
    assert set(choice.candidates) <= set(present)
    assert len(set(choice.candidates)) == len(choice.candidates)
    assert set(choice.away) == {agent.name for agent in roster.agents} - set(present)
    assert bool(choice.candidates) == (choice.why != "nobody")
    assert choice.candidates or otherwise == "none" or not present
