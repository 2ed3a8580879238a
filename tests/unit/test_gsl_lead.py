from __future__ import annotations

import copy
import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.lead import Lead, RejectedItem
from gateway.sources.gsl_lead import lead_id_of, normalise

AT = datetime(2026, 11, 24, 7, 0, 0, 123456, tzinfo=UTC)


def item(*, meta: Any = None, **sections: Any) -> dict[str, Any]:
    return {"leadMetaInfos": {"leadId": "L-1", **(meta or {})}, **sections}


def read(raw: Any = None, **feeds: Any) -> Lead:
    feeds = feeds or {"leads": raw}
    return normalise(feeds, source="seloger", identity="agency-7", received_at=AT)


def classified(**parts: Any) -> Lead:
    return read(item(property=parts))


def test_a_lead_says_where_it_came_from() -> None:
    lead = read(item(meta={"leadCategory": "CLASSIFIED", "projectIntention": "BUYER"}))
    assert (lead.id, lead.source, lead.identity, lead.kind) == ("L-1", "seloger", "agency-7", "gsl")
    assert (lead.category, lead.intention) == ("CLASSIFIED", "BUYER")
    assert lead.received_at == AT.replace(microsecond=123000)


def test_a_value_nobody_has_seen_passes_through() -> None:
    lead = read(item(meta={"leadCategory": "HOUSE_SWAP", "novelty": {"a": [1, None]}}, extra=None))
    assert lead.category == "HOUSE_SWAP"
    assert lead.original["leadMetaInfos"]["novelty"] == {"a": [1, None]}
    assert lead.original["extra"] is None


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (None, "an item is null instead of an object"),
        (["Camille"], "an item is a list instead of an object"),
        ("Camille", "an item is text instead of an object"),
        (7, "an item is a number instead of an object"),
        (True, "an item is true or false instead of an object"),
        ({}, "an item has no leadMetaInfos.leadId"),
        ({"leadMetaInfos": "Camille"}, "an item has no leadMetaInfos.leadId"),
        ({"leadMetaInfos": {"leadId": "  "}}, "an item has no leadMetaInfos.leadId"),
        ({"leadMetaInfos": {"leadId": True}}, "an item has no leadMetaInfos.leadId"),
        ({"leadMetaInfos": {"leadId": ["L-1"]}}, "an item has no leadMetaInfos.leadId"),
        ({"leadMetaInfos": {"leadId": "x" * 257}}, "an item has no leadMetaInfos.leadId"),
        ({"leadMetaInfos": {"leadId": "L-\ud800"}}, "an item has no leadMetaInfos.leadId"),
        ({"leadMetaInfos": {"leadId": 10**5000}}, "an item has no leadMetaInfos.leadId"),
    ],
)
def test_what_is_no_lead_is_rejected_in_words_without_its_values(raw: Any, reason: str) -> None:
    with pytest.raises(RejectedItem) as caught:
        read(raw)
    assert str(caught.value) == caught.value.reason == reason


def test_a_lead_id_may_be_a_number() -> None:
    assert lead_id_of({"leadMetaInfos": {"leadId": 4711}}) == "4711"
    assert read({"leadMetaInfos": {"leadId": 4711}}).id == "4711"


class TestFeeds:
    def test_the_most_specific_feed_is_the_original_and_others_add_sections(self) -> None:
        project = item(meta={"classifiedID": 5}, project={"distributionType": "BUY"}, property=None)
        poorer = item(meta={"isCalled": True}, property={"estateType": "HOUSE"}, contactRequest={})
        lead = read(leads=poorer, projects=project)
        assert lead.original == {
            "leadMetaInfos": {"leadId": "L-1", "classifiedID": 5},
            "project": {"distributionType": "BUY"},
            "property": {"estateType": "HOUSE"},
            "contactRequest": {},
        }
        assert list(lead.original) == ["leadMetaInfos", "project", "property", "contactRequest"]

    def test_what_only_a_poorer_feed_says_is_read_too(self) -> None:
        lead = read(
            leads=item(meta={"hasRentalDocumentAttached": True, "isCalled": False}),
            projects=item(meta={"isCalled": True, "seekerID": ""}),
        )
        assert (lead.has_rental_documents, lead.is_called) == (True, True)

    def test_where_feeds_differ_the_most_specific_one_counts(self) -> None:
        lead = read(
            leads=item(property={"estateType": "FLAT", "geo": {"postalCode": "69001"}}),
            projects=item(
                property={"estateType": ["HOUSE", "PLOT"], "geo": {"postalCodes": ["75001"]}}
            ),
        )
        assert lead.property.types == ("HOUSE", "PLOT")
        assert lead.property.postal_codes == ("75001",)

    def test_the_order_of_the_feeds_changes_nothing(self) -> None:
        feeds = {
            "agencies": item(contactRequest={"email": "a@example.com"}),
            "estimations": item(estimation={"isFree": True}),
            "leads": item(property={"estateType": "HOUSE"}),
        }
        backwards = dict(reversed(feeds.items()))
        assert read(**feeds).to_json() == read(**backwards).to_json()

    def test_a_single_lead_completes_an_estimation(self) -> None:
        lead = read(lead=item(estimation={"actorEstimatedPrice": 310000}), agencies=item())
        assert lead.estimation.actor_price == 310000

    def test_the_items_themselves_are_left_alone(self) -> None:
        feeds = {"leads": item(contactRequest={"message": " a "}), "projects": item(project={})}
        before = copy.deepcopy(feeds)
        assert read(**feeds).message == "a"
        assert feeds == before


class TestContact:
    def contact(self, **request: Any) -> dict[str, Any]:
        return read(item(contactRequest=request)).as_dict()["contact"]  # type: ignore[no-any-return]

    def test_the_last_word_of_a_full_name_is_the_last_name(self) -> None:
        found = self.contact(fullName="  Jean-Baptiste  de La Tour ")
        assert (found["first_name"], found["last_name"]) == ("Jean-Baptiste de La", "Tour")
        assert found["full_name"] == "Jean-Baptiste  de La Tour"

    def test_a_single_word_is_a_last_name(self) -> None:
        found = self.contact(fullName="Essai")
        assert (found["first_name"], found["last_name"]) == (None, "Essai")

    def test_a_phone_is_e164_and_kept_as_typed(self) -> None:
        found = self.contact(phoneNumber="06.39.98 12-34")
        assert (found["phone"], found["phone_raw"]) == ("+33639981234", "06.39.98 12-34")

    def test_a_phone_that_can_not_be_one_is_kept_as_typed_only(self) -> None:
        found = self.contact(phoneNumber="le soir")
        assert (found["phone"], found["phone_raw"]) == (None, "le soir")

    def test_the_country_says_where_a_phone_is_at_home(self) -> None:
        raw = item(contactRequest={"phoneNumber": "01632 960123"})
        lead = normalise({"leads": raw}, source="s", identity="s", received_at=AT, country="GB")
        assert lead.contact.phone == "+441632960123"

    def test_a_project_names_the_person_one_level_deeper(self) -> None:
        address = {"street": "rue des Tests", "houseNumber": 12, "postalCode": 75001}
        person = {"fullName": "Camille Essai", "salutation": "MRS", "adresse": address}
        found = self.contact(personContact=person, email="camille@EXAMPLE.org")
        assert found["full_name"] == "Camille Essai"
        assert found["email"] == "camille@example.org"
        assert found["address"]["house_number"] == "12"
        assert found["address"]["postal_code"] == "75001"

    def test_no_contact_at_all_is_nulls_with_every_key(self) -> None:
        found = read(item()).as_dict()["contact"]
        address = found.pop("address")
        assert set(found.values()) | set(address.values()) == {None}


class TestProperty:
    def test_a_price_on_demand_is_no_price(self) -> None:
        offer = {"amount": 0, "priceInformation": "PRICE_ON_DEMAND"}
        found = classified(prices={"buy": {"price": offer}, "currency": "EUR"}).property
        assert (found.price, found.price_on_demand, found.currency) == (None, True, "EUR")

    def test_a_rent_stands_beside_a_price_on_demand(self) -> None:
        prices = {
            "buy": {"price": {"amount": 1, "priceInformation": "PRICE_ON_DEMAND"}},
            "rent": {"totalRent": {"amount": 1250.5}},
        }
        found = classified(prices=prices).property
        assert (found.price, found.rent, found.price_on_demand) == (None, 1250.5, True)

    def test_a_known_price_is_not_on_demand_and_no_price_says_nothing(self) -> None:
        assert (
            classified(prices={"buy": {"price": {"amount": 1}}}).property.price_on_demand is False
        )
        assert classified(prices={"buy": {"price": {}}}).property.price_on_demand is None

    def test_numbers_stay_as_they_are_written(self) -> None:
        found = classified(
            structure={"rooms": {"numberOfRooms": 4}}, spaces={"overallSpace": 82.50}
        ).as_dict()["property"]
        assert json.dumps([found["rooms"], found["surface"]]) == "[4, 82.5]"

    def test_a_scalar_and_a_list_read_the_same(self) -> None:
        one = classified(estateType="HOUSE", distributionType="BUY", geo={"city": "Lyon"})
        many = classified(estateType=["HOUSE"], distributionType=["BUY"], geo={"city": ["Lyon"]})
        assert one.property == many.property
        assert one.property.transactions == ("BUY",)

    def test_several_types_and_towns_are_all_kept(self) -> None:
        found = classified(
            estateType=["HOUSE", "PLOT", "HOUSE", None],
            geo={"city": ["Lyon", "Bron"], "postalCodes": ["69001", 69500], "departments": ["69"]},
        ).property
        assert (found.type, found.types) == ("HOUSE", ("HOUSE", "PLOT"))
        assert (found.city, found.cities) == ("Lyon", ("Lyon", "Bron"))
        assert (found.postal_code, found.postal_codes) == ("69001", ("69001", "69500"))
        assert found.departments == ("69",)

    @pytest.mark.parametrize(
        ("kind", "subtype"),
        [
            ("HOUSE", "VILLA"),
            ("STORAGE_PRODUCTION", "WAREHOUSE_HALL"),
            ("GASTRO_HOTEL", "RESTAURANT"),
            ("CASTLE", "VILLA"),
        ],
    )
    def test_the_subtype_is_that_of_the_estates_kind(self, kind: str, subtype: str) -> None:
        subtypes = {
            "plot": None,
            "house": "VILLA",
            "gastroHotel": "RESTAURANT",
            "storageProduction": "WAREHOUSE_HALL",
        }
        assert classified(estateType=kind, estateSubType=subtypes).property.subtype == subtype

    def test_the_whole_surface_comes_before_its_parts(self) -> None:
        spaces = {"residential": {"livingSpace": 70}, "commercial": {"commercialSpace": 30}}
        assert classified(spaces=spaces).property.surface == 70
        lead = classified(spaces={**spaces, "overalSpaces": 100})
        assert lead.property.surface == 100
        assert (lead.project.surface_living, lead.project.surface_commercial) == (70, 30)

    def test_the_reference_may_stand_with_the_classified(self) -> None:
        origin = {"metaData": {"source": {"offererEstateId": "AB-1", "offererMarketingKey": "k"}}}
        found = read(item(classified=origin, property={"metaData": {"source": {}}})).property
        assert (found.reference, found.marketing_key) == ("AB-1", "k")


CREATED = "2026-11-24T05:00:00Z"


@pytest.mark.parametrize(
    ("time_to_live", "expires_at"),
    [
        (0, None),
        (-5, None),
        (None, None),
        ("never", None),
        (86400, "2026-11-25T05:00:00Z"),
        ("86400", "2026-11-25T05:00:00Z"),
        (94_608_000, "2029-11-23T05:00:00Z"),
        (1_764_000_000, "2082-10-17T21:00:00Z"),
        (1_795_600_000, "2026-11-25T09:46:40Z"),
        (1_795_600_000_000, "2026-11-25T09:46:40Z"),
        (2**62, None),
    ],
)
def test_a_time_to_live_before_the_creation_is_a_duration(
    time_to_live: Any, expires_at: str | None
) -> None:
    lead = read(item(meta={"creationDate": CREATED, "timeToLive": time_to_live}))
    assert lead.as_dict()["expires_at"] == expires_at


@pytest.mark.parametrize(
    ("written", "created_at"),
    [
        ("2026-11-24T05:00:00Z", "2026-11-24T05:00:00Z"),
        ("2026-11-24T05:00:00.1234567Z", "2026-11-24T05:00:00.123Z"),
        ("2026-11-24T06:00:00+01:00", "2026-11-24T05:00:00Z"),
        ("2026-11-24T05:00:00", "2026-11-24T05:00:00Z"),
        (" 2026-11-24 05:00 ", "2026-11-24T05:00:00Z"),
        (1_795_496_400, "2026-11-24T05:00:00Z"),
        ("1795496400", "2026-11-24T05:00:00Z"),
        (1_795_496_400_250, "2026-11-24T05:00:00.250Z"),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        ({}, None),
        (-1, None),
        (1e300, None),
    ],
)
def test_times_are_read_as_utc(written: Any, created_at: str | None) -> None:
    assert read(item(meta={"creationDate": written})).as_dict()["created_at"] == created_at


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("250000", 250000),
        ("82.5", 82.5),
        ("82,5", 82.5),
        ([4, 5], 4),
        (10**30, None),
        ("250,000", None),
        ("1_000", None),
        ("250 000 €", None),
        ("٣", 3),
        ("nan", None),
        ("1e5", None),
        (True, None),
        ([], None),
        ({"amount": 5}, None),
        (math.nan, None),
        (-math.inf, None),
    ],
)
def test_a_number_is_read_or_null_and_never_guessed(written: Any, amount: Any) -> None:
    assert classified(budget={"amount": written}).property.budget == amount


@pytest.mark.parametrize(
    ("written", "called"),
    [
        (True, True),
        ("true", True),
        ("False", False),
        (1, True),
        (0, False),
        ("oui", None),
        (2, None),
    ],
)
def test_a_flag_is_true_false_or_null(written: Any, called: bool | None) -> None:
    assert read(item(meta={"isCalled": written})).is_called is called


def nested(levels: int) -> Any:
    deep: Any = "bottom"
    for _ in range(levels):
        deep = {"d": [deep]}
    return deep


class TestTolerance:
    def test_a_hundred_kilobytes_of_text_come_through(self) -> None:
        message = "é🏡" * 25_000
        lead = read(item(contactRequest={"message": message, "email": message}))
        assert lead.message == message
        assert lead.contact.email is None
        assert Lead.from_json(lead.to_json()) == lead

    def test_half_a_character_is_mended_so_that_the_lead_can_be_stored(self) -> None:
        lead = read(item(contactRequest={"fullName": "Zo\ud83c Essai", "\udfe1": "\ud83c\udfe1"}))
        assert lead.contact.first_name == "Zo\ufffd"
        assert lead.original["contactRequest"]["\ufffd"] == "🏡"
        assert Lead.from_json(lead.to_json()) == lead

    def test_deep_nesting_stays_readable_for_the_worker(self) -> None:
        deep = nested(300)
        lead = read(item(contactRequest={"fullName": deep, "message": "ok"}, more=deep))
        assert (lead.contact.full_name, lead.message) == (None, "ok")
        assert Lead.from_json(lead.to_json()) == lead
        assert "bottom" in lead.to_json().decode()

    def test_nesting_past_all_reason_does_not_stop_a_lead(self) -> None:
        lead = read(item(contactRequest={"message": "ok"}, more=nested(20_000)))
        assert Lead.from_json(lead.to_json()).message == "ok"

    def test_what_is_no_json_number_becomes_null(self) -> None:
        lead = read(item(property={"rooms": math.nan, "x": [math.inf, 10**5000, 1.5]}))
        assert lead.original["property"] == {"rooms": None, "x": [None, None, 1.5]}

    def test_nulls_everywhere_are_a_lead_without_values(self) -> None:
        nulled = read(item(contactRequest=None, property=None, estimation=None, project=None))
        assert nulled.model_copy(update={"original": {}}) == read(item()).model_copy(
            update={"original": {}}
        )


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(
        ["PRICE_ON_DEMAND", "HOUSE", "2026-11-24T05:00:00Z", "06 39 98 12 34", "\ud800"]
    )
)
NAMES = [
    "leadMetaInfos", "leadId", "creationDate", "timeToLive", "portals", "contactRequest",
    "personContact", "adresse", "fullName", "email", "phoneNumber", "message", "property",
    "estateType", "estateSubType", "house", "geo", "city", "postalCode", "postalCodes", "prices",
    "buy", "price", "amount", "priceInformation", "spaces", "residential", "estimation",
    "estimationProperty", "project", "commercial", "business", "borrowingCapacities", "income",
    "metaData", "source", "classified",
]  # fmt: skip
keys = st.sampled_from(NAMES) | st.text(max_size=5)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6),
    max_leaves=25,
)
sections = st.sampled_from(["contactRequest", "property", "estimation", "project", "classified"])
leads = st.builds(
    lambda meta, rest: {**rest, "leadMetaInfos": {**meta, "leadId": "L-1"}},
    st.dictionaries(keys, anything, max_size=5),
    st.dictionaries(sections, anything, max_size=5),
)
feeds = st.sampled_from(["leads", "classifieds", "agencies", "estimations", "projects", "lead"])


@settings(deadline=None)
@given(raw=anything)
def test_whatever_comes_is_a_lead_or_rejected(raw: Any) -> None:
    try:
        lead = read(raw)
    except RejectedItem:
        return
    assert Lead.from_json(lead.to_json()) == lead


@settings(deadline=None)
@given(items=st.dictionaries(feeds, leads, min_size=1))
def test_any_object_with_an_id_is_a_lead_that_can_be_stored_and_sent(items: dict[str, Any]) -> None:
    lead = read(**items)
    again = Lead.from_json(lead.to_json())
    assert again == lead
    assert json.dumps(again.as_dict()) == json.dumps(lead.as_dict())
    json.dumps(lead.as_dict(), allow_nan=False).encode()


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)  # fmt: skip


@settings(deadline=None)
@given(extra=st.dictionaries(st.text(max_size=5), plain))
def test_the_original_is_the_portals_json_to_the_letter(extra: dict[str, Any]) -> None:
    raw = {**extra, "leadMetaInfos": {"leadId": "L-1", "more": extra}}
    stored = Lead.from_json(read(raw).to_json())
    assert json.dumps(stored.original) == json.dumps(raw)
