from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from gateway.lead import (
    Agent,
    Contact,
    Estimation,
    Financing,
    Lead,
    Person,
    Project,
    Property,
    is_erased_upstream,
    lead_paths,
    merge,
)
from tests.builders import NOON, a_lead

CONTRACT = {
    "lead": [
        "id", "source", "identity", "kind", "category", "intention", "created_at", "received_at",
        "expires_at", "portals", "partner_id", "seeker_id", "is_called", "has_rental_documents",
        "message", "test", "late", "contact", "property", "estimation", "project", "financing",
        "person_status", "person", "agent", "original",
    ],
    "contact": [
        "full_name", "first_name", "last_name", "salutation", "email", "phone", "phone_raw",
        "address",
    ],
    "property": [
        "reference", "marketing_key", "classified_id", "type", "types", "subtype", "transaction",
        "transactions", "city", "cities", "postal_code", "postal_codes", "departments", "country",
        "price", "rent", "currency", "price_on_demand", "rooms", "rooms_min", "rooms_max",
        "surface", "surface_min", "surface_max", "surface_unit", "budget", "budget_min",
        "budget_max", "age", "build_state", "market_status", "holiday_rental", "url", "message",
    ],
    "person": ["recent_count", "first_seen_at"],
    "agent": ["name", "email", "phone", "slack", "ids"],
}  # fmt: skip
ADDRESS = ["street", "house_number", "postal_code", "city", "country"]


def bare(**fields: Any) -> Lead:
    return Lead(id="L-1", source="s", identity="i", kind="gsl", received_at=NOON, **fields)


def test_every_key_of_the_contract_is_there_in_its_order_even_when_nothing_is_known() -> None:
    lead = bare().as_dict()
    assert list(lead) == CONTRACT["lead"]
    for name in ("contact", "property", "person", "agent"):
        assert list(lead[name]) == CONTRACT[name]
    assert list(lead["contact"]["address"]) == ADDRESS


def test_what_is_unknown_is_null_and_lists_are_empty() -> None:
    lead = bare().as_dict()
    assert (lead["portals"], lead["property"]["types"], lead["agent"]["ids"]) == ([], [], {})
    assert (lead["category"], lead["contact"]["phone"], lead["property"]["price"]) == (None,) * 3
    assert (lead["test"], lead["late"]) == (False, False)


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (datetime(2026, 11, 24, 5, tzinfo=UTC), "2026-11-24T05:00:00Z"),
        (datetime(2026, 11, 24, 5, 0, 0, 250999, tzinfo=UTC), "2026-11-24T05:00:00.250Z"),
        (datetime(2026, 11, 24, 5, 0, 0, 999, tzinfo=UTC), "2026-11-24T05:00:00Z"),
        (
            datetime(2026, 11, 24, 6, tzinfo=timezone(timedelta(hours=1))),
            "2026-11-24T05:00:00Z",
        ),
    ],
)
def test_times_are_utc_and_show_milliseconds_only_where_there_are_some(
    moment: datetime, written: str
) -> None:
    lead = bare(created_at=moment, person=Person(first_seen_at=moment))
    assert lead.as_dict()["created_at"] == written
    assert lead.model_copy(update={"created_at": moment}).as_dict()["created_at"] == written
    assert lead.as_dict()["person"]["first_seen_at"] == written
    assert Lead.from_json(lead.to_json()) == lead
    assert json.loads(lead.as_json()) == lead.as_dict()
    assert list(json.loads(lead.as_json())) == list(lead.as_dict())


def test_a_time_without_a_zone_is_a_fault() -> None:
    with pytest.raises(ValidationError):
        bare(created_at=datetime(2026, 11, 24, 5))


def test_a_lead_can_not_be_changed() -> None:
    with pytest.raises(ValidationError):
        bare().category = "PROJECT"  # type: ignore[misc]


def test_the_stored_form_leaves_out_what_is_not_known() -> None:
    stored = json.loads(bare(original={"a": None, "b": {}}, late=False).to_json())
    assert stored == {
        "id": "L-1",
        "source": "s",
        "identity": "i",
        "kind": "gsl",
        "received_at": "2026-11-24T12:00:00Z",
        "original": {"a": None, "b": {}},
    }


def values(model: type[BaseModel]) -> st.SearchStrategy[Any]:
    def of(annotation: Any, name: str) -> st.SearchStrategy[Any]:
        words = str(annotation)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return values(annotation)
        if name == "original":
            return st.dictionaries(st.text(), st.none() | st.integers() | st.lists(st.text()))
        if name == "ids":
            return st.dictionaries(st.text(), st.text())
        if words.startswith("tuple"):
            return st.lists(st.text()).map(tuple)
        if "datetime" in words.lower():
            return st.datetimes(timezones=st.just(UTC))
        if "float" in words:
            return st.integers() | st.floats(allow_nan=False, allow_infinity=False)
        return {bool: st.booleans(), str: st.text()}.get(
            annotation,
            st.booleans() if "bool" in words else st.integers() if "int" in words else st.text(),
        )

    strategies = {}
    for name, field in model.model_fields.items():
        strategy = of(field.annotation, name)
        nullable = "None" in str(field.annotation)
        strategies[name] = st.none() | strategy if nullable else strategy
    return st.fixed_dictionaries(strategies).map(model.model_validate)


@settings(deadline=None, max_examples=60)
@given(lead=values(Lead))
def test_reading_back_what_was_stored_gives_the_same_lead(lead: Lead) -> None:
    again = Lead.from_json(lead.to_json())
    assert again == lead
    assert json.dumps(again.as_dict()) == json.dumps(lead.as_dict())


@settings(deadline=None, max_examples=60)
@given(lead=values(Lead))
def test_its_json_says_what_its_dictionary_says_in_the_same_order(lead: Lead) -> None:
    found = json.loads(lead.as_json())
    assert (found, list(found)) == (lead.as_dict(), list(lead.as_dict()))


def test_every_name_an_expression_may_use_is_known() -> None:
    paths = lead_paths()
    assert {"category", "contact", "contact.email", "contact.address.city", "agent.ids"} <= paths
    assert {"property.price", "estimation.portal_price", "financing.saving_capacity"} <= paths
    assert "contact.mail" not in paths


class TestMerge:
    def test_a_later_reading_updates_what_is_known(self) -> None:
        old = a_lead(is_called=False, property=Property(price=300000, reference="AB-1"))
        new = a_lead(is_called=True, property=Property(price=290000, rooms=4))
        merged = merge(old, new)
        assert merged.is_called is True
        assert merged.property == Property(price=290000, reference="AB-1", rooms=4)

    def test_a_poorer_reading_drops_nothing(self) -> None:
        old = a_lead(
            estimation=Estimation(rooms=4), project=Project(comment="vite"), portals=("A",)
        )
        new = a_lead(contact=Contact(), message=None)
        merged = merge(old, new)
        assert (
            merged.contact,
            merged.estimation,
            merged.project,
            merged.message,
            merged.portals,
        ) == ((old.contact, old.estimation, old.project, old.message, ("A",)))

    def test_a_section_that_arrives_later_is_added(self) -> None:
        old = a_lead(original={"leadMetaInfos": {"leadId": "lead-1"}})
        new = a_lead(
            financing=Financing(saving_capacity=20000),
            original={"leadMetaInfos": {"leadId": "lead-1"}, "project": {"a": 1}},
        )
        merged = merge(old, new)
        assert merged.financing.saving_capacity == 20000
        assert list(merged.original) == ["leadMetaInfos", "project"]

    def test_a_poor_feed_read_later_only_fills_the_gaps_of_a_rich_one(self) -> None:
        rich = a_lead(
            is_called=False,
            property=Property(type="HOUSE", types=("HOUSE", "PLOT"), city="Lyon"),
            original={"project": {"a": 1}, "property": {"estateType": ["HOUSE", "PLOT"]}},
        )
        poor = a_lead(
            is_called=True,
            property=Property(type="HOUSE", types=("HOUSE",), subtype="VILLA", price=1),
            original={"property": {"estateType": "HOUSE"}, "extra": 1},
        )
        merged = merge(rich, poor)
        assert merged.property == Property(
            type="HOUSE", types=("HOUSE", "PLOT"), city="Lyon", price=1
        )
        assert merged.original == {**rich.original, "extra": 1}
        assert merged.is_called is True

    def test_a_rich_feed_read_later_takes_over(self) -> None:
        poor = a_lead(property=Property(city="Bron", price=1), original={"property": {"c": "Bron"}})
        rich = a_lead(
            property=Property(city="Lyon"),
            original={"project": {"a": 1}, "property": {"c": "Lyon"}},
        )
        merged = merge(poor, rich)
        assert (merged.property.city, merged.property.price) == ("Lyon", 1)
        assert merged.original == rich.original

    def test_a_price_that_went_on_demand_is_gone(self) -> None:
        old = a_lead(property=Property(price=300000, price_on_demand=False))
        new = a_lead(property=Property(price_on_demand=True))
        assert merge(old, new).property == Property(price_on_demand=True)

    def test_names_and_phones_of_two_readings_are_not_mixed(self) -> None:
        old = a_lead(
            contact=Contact(full_name="Camille Essai", first_name="Camille", last_name="Essai",
                            phone="+33639981234", phone_raw="0639981234", email="c@example.com")
        )  # fmt: skip
        new = a_lead(contact=Contact(full_name="Modèle", last_name="Modèle", phone_raw="le soir"))
        assert merge(old, new).contact == Contact(
            full_name="Modèle", last_name="Modèle", phone_raw="le soir", email="c@example.com"
        )

    def test_what_the_gateway_decided_stays(self) -> None:
        old = a_lead(agent=Agent(name="Anne"), person=Person(recent_count=2), late=True)
        new = a_lead(received_at=NOON + timedelta(hours=1), source="other", kind="push")
        merged = merge(old, new)
        for name in (
            "agent",
            "person",
            "late",
            "received_at",
            "source",
            "identity",
            "kind",
            "test",
        ):
            assert getattr(merged, name) == getattr(old, name)

    def test_reading_the_same_again_changes_nothing(self) -> None:
        lead = a_lead(property=Property(price=1), original={"project": {}, "x": None})
        assert merge(lead, lead) == lead


class TestErasedUpstream:
    NULLED: dict[str, Any] = {"fullName": None, "email": None, "phoneNumber": None}  # noqa: RUF012

    def read_again(self, request: Any) -> bool:
        known = a_lead(
            contact=Contact(full_name="A B", email="a@example.com", phone="+33199001234")
        )
        return is_erased_upstream(known, a_lead(original={"contactRequest": request}))

    def test_a_person_nulled_in_full_is_erased(self) -> None:
        assert self.read_again(self.NULLED)
        assert self.read_again({"message": "x", **self.NULLED})

    def test_a_person_of_a_project_is_found_too(self) -> None:
        assert self.read_again({"personContact": self.NULLED})

    @pytest.mark.parametrize(
        "request_",
        [
            None,
            {},
            {"message": "x"},
            {"personContact": None},
            {"fullName": None, "email": None},
            {"fullName": None, "email": None, "phoneNumber": ""},
            {"fullName": None, "email": None, "phoneNumber": "01 99 00 12 34"},
            {"personContact": {}, "fullName": None},
            {"personContact": NULLED, "email": "a@example.com"},
        ],
    )
    def test_silence_and_half_a_null_are_no_erasure(self, request_: Any) -> None:
        assert not self.read_again(request_)

    def test_what_was_never_there_can_not_be_erased(self) -> None:
        known = a_lead(contact=Contact(full_name="A B", email="a@example.com"))
        assert not is_erased_upstream(known, a_lead(original={"contactRequest": self.NULLED}))

    def test_an_address_we_could_not_read_was_there_all_the_same(self) -> None:
        raw = {"fullName": "A B", "email": "a at example", "phoneNumber": "le soir"}
        known = a_lead(contact=Contact(full_name="A B"), original={"contactRequest": raw})
        assert is_erased_upstream(known, a_lead(original={"contactRequest": self.NULLED}))
