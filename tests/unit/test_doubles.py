"""The doubles of the CRMs refuse what the vendors refuse: else no test of a preset means much."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.doubles.hubspot import HubSpot
from tests.doubles.kinds import DOUBLES
from tests.doubles.odoo import Odoo
from tests.doubles.others import Apimo, FollowUpBoss
from tests.doubles.pipedrive import Pipedrive
from tests.doubles.salesforce import Salesforce
from tests.doubles.vendor import SECRET, Vendor
from tests.doubles.zoho import Zoho

BEARER = {"authorization": f"Bearer {SECRET}"}
PIPEDRIVE = {"x-api-token": SECRET}
UPSERT = "/crm/v3/objects/contacts/batch/upsert"
LEAD = "/services/data/v62.0/sobjects/Lead/Portal_Lead_Id__c/lead-1"
ZOHO = {"duplicate_check_fields": ["Portal_Lead_Id"]}


class Client:
    """Asks one double, without a network between."""

    def __init__(self, crm: Vendor, headers: dict[str, str]) -> None:
        self.headers = headers
        self.auth: tuple[str, str] | None = None
        self._app = crm.app()

    def request(self, method: str, path: str, **given: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://crm") as http:
                return await http.request(
                    method, path, headers=self.headers, auth=self.auth, **given
                )

        return asyncio.run(ask())

    def post(self, path: str, **given: Any) -> httpx.Response:
        return self.request("POST", path, **given)

    def patch(self, path: str, **given: Any) -> httpx.Response:
        return self.request("PATCH", path, **given)

    def get(self, path: str, **given: Any) -> httpx.Response:
        return self.request("GET", path, **given)


def client(crm: Vendor, **headers: str) -> Client:
    return Client(crm, headers)


def signed_in(crm: Salesforce | Zoho, **more: str) -> Client:
    opened = client(crm)
    form = {"client_secret": SECRET, "refresh_token": f"{SECRET}-refresh"}
    token = opened.post(crm.token_path, data=form).json()["access_token"]
    opened.headers["authorization"] = f"{crm.scheme} {token}"
    return opened


@pytest.mark.parametrize("case", DOUBLES)
def test_a_double_that_always_fails_says_429_or_5xx_in_its_own_words(case: str) -> None:
    crm = DOUBLES[case][0](fail_share=1.0)
    statuses = {crm.limited().status_code, crm.broken().status_code}
    assert all(status >= 400 or isinstance(crm, Zoho) for status in statuses)
    crm.may_enter = lambda request: True  # type: ignore[method-assign]
    method, path, name, _ = crm.routes()[-1]
    answers = [client(crm).request(method, path.replace("{lead}", "1").replace("{secret}", "x"))
               for _ in range(20)]  # fmt: skip
    assert {answer.status_code for answer in answers} == statuses
    assert crm.calls[name] == 20
    assert crm.made() == []


@pytest.mark.parametrize("case", sorted(set(DOUBLES) - {"odoo-lead-jsonrpc"}))
def test_nobody_enters_with_wrong_credentials(case: str) -> None:
    crm = DOUBLES[case][0]()
    method, path, _, _ = next(one for one in crm.routes() if "token" not in one[1])
    answer = client(crm, authorization="Bearer wrong").request(
        method, path.replace("{lead}", "1").replace("{secret}", "wrong"), json={}
    )
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("person", "status"),
    [
        ({"name": "A"}, 200),
        ({"name": ""}, 400),
        ({}, 400),
        ({"name": "A", "owner_id": "12"}, 400),
    ],
)
def test_pipedrive_wants_a_name_and_numbers(person: dict[str, Any], status: int) -> None:
    assert (
        client(Pipedrive(), **PIPEDRIVE).post("/api/v2/persons", json=person).status_code == status
    )


def test_pipedrive_takes_no_text_for_a_person_and_finds_what_it_has() -> None:
    crm = client(Pipedrive(), **PIPEDRIVE)
    person = {"name": "A", "emails": [{"value": "A@example.org"}]}
    number = crm.post("/api/v2/persons", json=person).json()["data"]["id"]
    lead = {"title": "T", "person_id": number, "origin_id": "lead-1"}

    assert crm.post("/v1/leads", json={**lead, "person_id": str(number)}).status_code == 400
    assert crm.post("/v1/leads", json={**lead, "person_id": 99}).status_code == 404
    assert crm.post("/v1/leads", json=lead).status_code == 201
    found = crm.get("/api/v2/persons/search", params={"term": "a@example.org", "fields": "email"})
    assert [item["item"]["id"] for item in found.json()["data"]["items"]] == [number]
    leads = crm.get("/v1/leads", params={"person_id": number}).json()["data"]
    assert [one["origin_id"] for one in leads] == ["lead-1"]


@pytest.mark.parametrize(
    ("properties", "status"),
    [
        ({"email": "a@example.org"}, 200),
        ({"email": "none"}, 400),
        ({"prix": 12}, 400),
        ({"unknown": "x"}, 400),
    ],
)
def test_hubspot_takes_texts_of_properties_it_knows(
    properties: dict[str, Any], status: int
) -> None:
    one = {"idProperty": "email", "id": "a@example.org", "properties": properties}
    answer = client(HubSpot(), **BEARER).post(UPSERT, json={"inputs": [one]})
    assert answer.status_code == status
    assert (answer.json().get("category") == "VALIDATION_ERROR") is (status == 400)


def test_hubspot_knows_a_contact_again_and_names_its_id() -> None:
    crm = client(HubSpot(), **BEARER)
    body = {"properties": {"email": "a@example.org"}, "associations": []}
    first = crm.post("/crm/v3/objects/contacts", json=body)
    second = crm.post("/crm/v3/objects/contacts", json=body)
    assert (first.status_code, second.status_code) == (201, 409)
    assert f"Existing ID: {first.json()['id']}" in second.json()["message"]
    assert crm.post("/crm/v3/objects/contacts", json={"properties": {}}).status_code == 400


@pytest.mark.parametrize(
    ("lead", "code"),
    [
        ({"Company": "P"}, "REQUIRED_FIELD_MISSING"),
        ({"LastName": "A"}, "REQUIRED_FIELD_MISSING"),
        ({"LastName": "A" * 81, "Company": "P"}, "STRING_TOO_LONG"),
        ({"LastName": "A", "Company": "P", "Nope__c": "x"}, "INVALID_FIELD"),
        ({"LastName": "A", "Company": "P", "Portal_Lead_Id__c": "lead-1"}, "INVALID_FIELD"),
    ],
)
def test_salesforce_refuses_with_a_list_of_codes(lead: dict[str, Any], code: str) -> None:
    answer = signed_in(Salesforce()).patch(LEAD, json=lead)
    assert answer.status_code == 400
    assert [error["errorCode"] for error in answer.json()] == [code]


def test_salesforce_creates_then_updates_and_takes_only_the_newest_token() -> None:
    crm = Salesforce()
    first = signed_in(crm)
    lead = {"LastName": "A", "Company": "P"}
    assert [first.patch(LEAD, json=lead).status_code for _ in range(2)] == [201, 200]
    signed_in(crm)
    assert first.patch(LEAD, json=lead).json()[0]["errorCode"] == "INVALID_SESSION_ID"


@pytest.mark.parametrize(
    ("lead", "code"),
    [
        ({"Company": "P"}, "MANDATORY_NOT_FOUND"),
        ({"Last_Name": "A" * 81, "Company": "P"}, "INVALID_DATA"),
        ({"Last_Name": "A", "Company": "P", "Phone": 12}, "INVALID_DATA"),
        ({"Last_Name": "A", "Company": "P", "Owner": {"id": 7}}, "INVALID_DATA"),
        ({"Last_Name": "A", "Company": "P", "Portal_Lead_Id": "1"}, "SUCCESS"),
    ],
)
def test_zoho_says_everything_with_200(lead: dict[str, Any], code: str) -> None:
    answer = signed_in(Zoho()).post("/crm/v8/Leads/upsert", json={"data": [lead], **ZOHO})
    assert (answer.status_code, answer.json()["data"][0]["code"]) == (200, code)


def test_zoho_refuses_a_grant_with_200_and_updates_by_its_fields() -> None:
    crm = Zoho()
    refused = client(crm).post(crm.token_path, data={"client_secret": SECRET})
    assert (refused.status_code, refused.json()) == (200, {"error": "invalid_code"})
    lead = {"Last_Name": "A", "Company": "P", "Portal_Lead_Id": "1"}
    opened = signed_in(crm)
    actions = [
        opened.post("/crm/v8/Leads/upsert", json={"data": [lead], **ZOHO}).json()["data"][0][
            "action"
        ]
        for _ in range(2)
    ]
    assert actions == ["insert", "update"]


def test_odoo_loads_twice_into_one_and_explains_a_failure_with_200() -> None:
    crm = client(Odoo(), **BEARER)
    body = {"fields": ["id", "name"], "data": [["m.lead_1", "A"]]}
    ids = [crm.post("/json/2/crm.lead/load", json=body).json()["ids"] for _ in range(2)]
    assert ids[0] == ids[1] != []
    for wrong in ([["m.lead_2", ""]], [["m.lead_2", "a\x00"]], [["m.lead_2", 7]]):
        answer = crm.post("/json/2/crm.lead/load", json={**body, "data": wrong})
        assert (answer.status_code, answer.json()["ids"]) == (200, False)
    assert crm.post("/json/2/crm.lead/load", json={**body, "x": 1}).status_code == 422


def test_odoo_over_json_rpc_answers_a_wrong_key_with_200() -> None:
    arguments = ["agency", 2, "wrong", "crm.lead", "load", [["id", "name"], [["m.l", "A"]]], {}]
    call = {"id": 1, "params": {"method": "execute_kw", "args": arguments}}
    answer = client(Odoo()).post("/jsonrpc", json=call)
    assert answer.status_code == 200
    assert answer.json()["error"]["data"]["name"] == "odoo.exceptions.AccessDenied"


def test_apimo_ties_a_known_reference_to_its_first() -> None:
    crm = Apimo()
    opened = client(crm)
    opened.auth = ("12", SECRET)
    lead = {"reference": "lead-1", "lastname": "A"}
    assert [opened.post("/agencies/34/leads", json=lead).status_code for _ in range(2)] == [
        201,
        201,
    ]
    assert opened.post("/agencies/34/leads", json={"reference": "x"}).status_code == 400
    assert crm.made() == ["lead-1"]


def test_follow_up_boss_knows_people_and_no_events() -> None:
    crm = FollowUpBoss()
    opened = client(crm, **{"x-system-key": f"{SECRET}-system"})
    opened.auth = (SECRET, "")
    event = {"type": "Property Inquiry", "person": {"emails": [{"value": "a@example.org"}]}}
    assert [opened.post("/v1/events", json=event).status_code for _ in range(2)] == [201, 200]
    assert (len(crm.people), len(crm.events)) == (1, 2)
    assert opened.post("/v1/events", json={**event, "type": "Chat"}).status_code == 400
    crm.archived = True
    assert opened.post("/v1/events", json=event).status_code == 204


@pytest.mark.parametrize("name", ["person", "lead"])
def test_an_answer_that_is_to_be_lost_is_lost_once_and_the_work_is_done(name: str) -> None:
    crm = Pipedrive()
    crm.lose = {name}
    opened = client(crm, **PIPEDRIVE)
    for _ in range(2):
        opened.post("/api/v2/persons", json={"name": "A"})
        opened.post("/v1/leads", json={"title": "T", "person_id": crm.persons[0]["id"]})
    assert (len(crm.persons), len(crm.leads), crm.lose) == (2, 2, set())
