"""Files and numbers over the API: leads and deliveries exported, statistics, a test sent."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import httpx
import pytest

from gateway.delivery import delivery_id
from gateway.queue import Queue
from gateway.sandbox.server import serve
from gateway.sandbox.sinks import CrmSink
from gateway.store import Store
from tests.builders import a_lead
from tests.web_house import ADMIN, CONFIGURATION, WebGateway, browse, make_gateway

pytestmark = pytest.mark.anyio

CRM = delivery_id("seloger", "lead-1", "crm")
SECRET = "whsec_c2FuZGJveC1zYW5kYm94LXNhbmRib3gtc2FuZGJveC0="


@pytest.fixture
def house(store: Store, queue: Queue, tmp_path: Path) -> WebGateway:
    return make_gateway(store, queue, tmp_path)


async def exported(client: httpx.AsyncClient, what: str, **query: str) -> httpx.Response:
    answer = await client.get(f"/v1/exports/{what}", headers=ADMIN, params=query)
    assert answer.status_code == 200, answer.text
    return answer


def rows(answer: httpx.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


async def test_more_leads_than_a_page_are_exported_whole(house: WebGateway) -> None:
    count = 450
    await house.accept(*(a_lead(f"lead-{n}", message="=HYPERLINK(1)") for n in range(count)))
    async with browse(house) as client:
        answer = await exported(client, "leads")
        as_json = (await exported(client, "leads", format="jsonl")).text.splitlines()
    found = rows(answer)
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    assert len({row["id"] for row in found}) == len(found) == len(as_json) == count
    assert found[0]["contact.phone"] == "+33639981234"
    assert found[0]["message"] == "'=HYPERLINK(1)"
    assert found[0]["deliveries"] == "crm:pending team:pending"
    assert json.loads(as_json[0])["original"] == a_lead(found[0]["id"]).original


async def test_deliveries_are_exported_by_filter(house: WebGateway) -> None:
    await house.accept(a_lead("lead-1"), a_lead("lead-2"))
    await house.end(CRM, "crm", "refused")
    async with browse(house) as client:
        dead = rows(await exported(client, "deliveries", state="dead"))
        team = rows(await exported(client, "deliveries", destination="team"))
        later = rows(await exported(client, "deliveries", since="2030-01-01"))
    assert [(row["id"], row["attempts"], row["last_status"]) for row in dead] == [(CRM, "1", "422")]
    assert {row["destination"] for row in team} == {"team"}
    assert later == []


async def test_statistics_count_what_came_and_what_became_of_it(house: WebGateway) -> None:
    await house.accept(a_lead("lead-1"), a_lead("lead-2"))
    await house.end(CRM, "crm", "refused")
    await house.end(delivery_id("seloger", "lead-2", "crm"), "crm", "delivered")
    async with browse(house) as client:
        answer = (await client.get("/v1/stats", headers=ADMIN)).json()
    by_name = {item["name"]: item for item in answer["destinations"]}
    assert (answer["leads"]["kept"], answer["leads"]["received_24h"]) == (2, 2)
    assert answer["speed_24h"]["count"] == 1
    assert (by_name["crm"]["dead"], by_name["crm"]["delivered_24h"]) == (1, 1)
    assert by_name["crm"]["outcomes"] == {"refused": 1, "delivered": 1}
    assert by_name["team"]["attempt"] == {"count": 0, "p50": None, "p90": None, "p95": None}


async def test_a_test_over_the_api_gives_the_receivers_answer(
    store: Store, queue: Queue, tmp_path: Path
) -> None:
    sink = CrmSink(SECRET)
    async with serve(sink.app()) as url:
        signed = f'url: "{url}/leads", sign: {{standard_webhooks: "{SECRET}"}}'
        text = CONFIGURATION.replace('url: "https://crm.example.com/leads"', signed)
        house = make_gateway(
            store, queue, tmp_path, text=text + "network: {allow: [127.0.0.0/8]}\n"
        )
        async with browse(house) as client:

            async def test(name: str, **body: str) -> httpx.Response:
                path = f"/v1/destinations/{name}/test"
                return await client.post(path, headers=ADMIN, json=body)

            good, wrong = await test("crm", sample="PROJECT"), await test("crm", sample="X")
            unknown = await test("nobody")
        await house.close()
    assert good.json()["outcome"] == "delivered"
    assert sink.got.all[0].content["data"]["category"] == "PROJECT"
    assert (wrong.status_code, unknown.status_code) == (400, 404)
