from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.lead import Lead, RejectedItem, lead_paths
from gateway.sources.push_lead import parse_push
from tests.builders import NOON, a_lead


def push(item: Any) -> Lead:
    return parse_push(item, source="website", identity="website", received_at=NOON)


def refusal(item: Any) -> str:
    with pytest.raises(RejectedItem) as caught:
        push(item)
    return caught.value.reason


def test_an_id_is_enough() -> None:
    lead = push({"id": "w-1"})
    assert (lead.id, lead.source, lead.kind) == ("w-1", "website", "push")
    assert lead.created_at == lead.received_at == NOON
    assert lead.original == {"id": "w-1"}


def test_a_lead_in_our_own_shape_comes_back_as_it_was() -> None:
    shown = a_lead(portals=("SELOGER",), expires_at=NOON).as_dict()
    again = push(shown).as_dict()
    ours = {"source", "identity", "kind", "original", "contact"}
    assert {k: v for k, v in again.items() if k not in ours} == {
        k: v for k, v in shown.items() if k not in ours
    }
    assert again["contact"]["email"] == shown["contact"]["email"]
    assert again["contact"]["phone"] == shown["contact"]["phone"]


def test_keys_that_are_not_ours_to_know_are_kept_in_the_original_only() -> None:
    lead = push({"id": 7, "utm": {"campaign": "été"}, "contact": {"twitter": "@x"}})
    assert lead.id == "7"
    assert lead.original == {"id": 7, "utm": {"campaign": "été"}, "contact": {"twitter": "@x"}}
    assert set(lead.as_dict()) == {path for path in lead_paths() if "." not in path}


def test_what_the_gateway_decides_can_not_be_pushed() -> None:
    lead = push({
        "id": "w-1", "source": "seloger", "identity": "x", "kind": "gsl", "late": True,
        "received_at": "2020-01-01T00:00:00Z", "agent": {"name": "Anne"}, "original": {"a": 1},
        "person": {"recent_count": 9},
    })  # fmt: skip
    assert (lead.source, lead.identity, lead.kind, lead.late) == (
        "website", "website", "push", False,
    )  # fmt: skip
    assert (lead.agent.name, lead.person.recent_count, lead.received_at) == (None, None, NOON)
    assert lead.original["original"] == {"a": 1}


def test_a_test_lead_says_so() -> None:
    assert push({"id": "w-1", "test": True}).test is True


def test_the_contact_is_made_usable() -> None:
    contact = push(
        {"id": 1, "contact": {"full_name": "Zoé de La Tour", "phone": "01 99 00 12 34",
                              "email": " zoe@EXAMPLE.com "}}
    ).contact  # fmt: skip
    assert (contact.first_name, contact.last_name) == ("Zoé de La", "Tour")
    assert (contact.phone, contact.phone_raw) == ("+33199001234", "01 99 00 12 34")
    assert contact.email == "zoe@example.com"


def test_a_name_in_two_parts_is_left_in_its_parts() -> None:
    contact = push({"id": 1, "contact": {"first_name": "Zoé", "last_name": "de La Tour"}}).contact
    assert contact.full_name == "Zoé de La Tour"
    assert contact.last_name == "de La Tour"


def test_half_a_name_is_not_completed_from_the_whole() -> None:
    contact = push({"id": 1, "contact": {"first_name": "Zoé", "full_name": "Zoé T"}}).contact
    assert (contact.first_name, contact.last_name) == ("Zoé", None)


def test_a_phone_typed_raw_is_read() -> None:
    contact = push({"id": 1, "contact": {"phone": "?", "phone_raw": "06 39 98 12 34"}}).contact
    assert (contact.phone, contact.phone_raw) == ("+33639981234", "06 39 98 12 34")


def test_one_and_many_say_the_same() -> None:
    found = push(
        {"id": 1, "property": {"type": "HOUSE", "cities": ["Lyon", "Bron"], "postal_code": 69001}}
    ).property
    assert (found.types, found.city, found.postal_codes) == (("HOUSE",), "Lyon", ("69001",))


def test_a_price_on_demand_has_no_price() -> None:
    assert push({"id": 1, "property": {"price": 5, "price_on_demand": True}}).property.price is None


def test_nulls_and_blanks_are_as_good_as_absent() -> None:
    given = {
        "id": 1, "test": None, "portals": None, "message": "  ", "contact": None,
        "property": {"types": None, "city": ""}, "person_status": {}, "created_at": None,
    }  # fmt: skip
    lead = push(given)
    assert lead.model_copy(update={"original": {}}) == push({"id": 1}).model_copy(
        update={"original": {}}
    )
    assert lead.original == given


@pytest.mark.parametrize(
    ("written", "created_at"),
    [
        ("2026-11-24T05:00:00Z", "2026-11-24T05:00:00Z"),
        ("2026-11-24T06:00:00.5+01:00", "2026-11-24T05:00:00.500Z"),
        ("2026-11-24T05:00:00", "2026-11-24T05:00:00Z"),
    ],
)
def test_a_pushed_time_may_have_any_zone_and_none_is_utc(written: str, created_at: str) -> None:
    assert push({"id": 1, "created_at": written}).as_dict()["created_at"] == created_at


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ("Zoé", "a lead must be a JSON object"),
        ([], "a lead must be a JSON object"),
        ({}, "id: required, as text or a whole number"),
        ({"id": None}, "id: required, as text or a whole number"),
        ({"id": True}, "id: required, as text or a whole number"),
        ({"id": 1.5}, "id: required, as text or a whole number"),
        ({"id": " "}, "id: required, as text or a whole number"),
        ({"id": "\ud800"}, "id: required, as text or a whole number"),
        ({"id": "x" * 257}, "id: at most 256 characters"),
        ({"id": 10**300}, "id: at most 256 characters"),
        ({"id": 1, "contact": "Zoé"}, "contact: must be an object"),
        ({"id": 1, "contact": {"email": ["zoe@example.com"]}}, "contact.email: must be text"),
        ({"id": 1, "contact": {"address": 5}}, "contact.address: must be an object"),
        ({"id": 1, "property": {"price": "350 000"}}, "property.price: must be a number"),
        ({"id": 1, "property": {"price": True}}, "property.price: must be a number"),
        ({"id": 1, "property": {"types": "HOUSE"}}, "property.types: must be a list"),
        ({"id": 1, "portals": ["A", {}]}, "portals.1: must be text"),
        ({"id": 1, "is_called": "peut-être"}, "is_called: must be true or false"),
        (
            {"id": 1, "created_at": 1795496400},
            "created_at: must be a time such as 2026-11-24T08:00:00Z",
        ),
        (
            {"id": 1, "expires_at": "demain"},
            "expires_at: must be a time such as 2026-11-24T08:00:00Z",
        ),
        (
            {"id": 1, "created_at": "0001-01-01T00:00:00+14:00"},
            "created_at: must lie between the years 1 and 9999",
        ),
    ],
)
def test_a_refusal_names_the_field_and_never_its_value(item: Any, reason: str) -> None:
    assert refusal(item) == reason


def test_a_number_that_is_none_in_json_is_no_price() -> None:
    lead = push({"id": 1, "property": {"price": float("nan")}, "x": [float("inf")]})
    assert lead.property.price is None
    assert lead.original == {"id": 1, "property": {"price": None}, "x": [None]}


keys = st.sampled_from(sorted({part for path in lead_paths() for part in path.split(".")}))
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=9)
    | st.sampled_from(["\ud800", "2026-11-24T05:00:00Z", "a@example.com"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=15,
)  # fmt: skip


@settings(deadline=None)
@given(item=st.dictionaries(keys, anything, max_size=6), lead_id=anything)
def test_whatever_is_pushed_is_a_lead_or_refused(item: dict[str, Any], lead_id: Any) -> None:
    for wanted in ({**item, "id": lead_id}, {**item, "id": "w-1"}):
        try:
            lead = push(wanted)
        except RejectedItem:
            continue
        assert Lead.from_json(lead.to_json()) == lead
        json.dumps(lead.as_dict(), allow_nan=False).encode()
