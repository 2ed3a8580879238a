"""Agents, claims and speed, as the API, the metrics and the pages tell of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.delivery import delivery_id, lead_uid
from gateway.queue import Queue
from gateway.store import Store
from gateway.web import claim_metrics
from tests.builders import a_lead
from tests.web_house import ADMIN, CONFIGURATION, WebGateway, browse, make_gateway

pytestmark = pytest.mark.anyio

RULES = """
agents:
  - {name: Anne Martin, email: anne@agency.example}
  - {name: Bob Petit, away: [2020-01-01..2099-12-31]}
  - {name: Chloé Noir}
claim: {within: 5m, target: 0.9, then: [{after: 10m, to: [team]}]}
"""


@pytest.fixture
async def house(
    store: Store, queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> WebGateway:
    """Three leads: one claimed in time, one that waits, one that waits too long."""
    made = make_gateway(store, queue, tmp_path, text=CONFIGURATION + RULES)
    for number, ago in enumerate((20 * 60, 60, 30)):
        store.connection.clock_shift = -float(ago)
        before = datetime.now(UTC) - timedelta(seconds=ago)
        monkeypatch.setattr(made.pipeline.planner, "_clock", lambda at=before: at)
        lead = a_lead(
            f"lead-{number}",
            created_at=datetime.now(UTC) - timedelta(seconds=ago + 10),
            contact=a_lead().contact.model_copy(
                update={"email": f"p{number}@example.org", "phone": None}
            ),
        )
        await made.accept(lead)
    await made.end(delivery_id("seloger", "lead-2", "crm"), "crm", "delivered")
    store.connection.clock_shift = 0.0
    stored = await store.leads.get(lead_uid("seloger", "lead-2"))
    assert stored is not None
    await made.pipeline.claim(stored, "Anne Martin", "email")
    return made


async def get(house: WebGateway, place: str) -> Any:
    async with browse(house) as client:
        answer = await client.get(place, headers={**ADMIN, "accept": "application/json"})
    assert answer.status_code == 200, answer.text
    return answer.json() if place != "/metrics" else answer.text


async def test_each_agent_says_who_works_what_is_open_and_how_fast(house: WebGateway) -> None:
    items = {item["name"]: item for item in (await get(house, "/v1/agents"))["items"]}
    assert {name: item["state"] for name, item in items.items()} == {
        "Anne Martin": "on", "Bob Petit": "away", "Chloé Noir": "on",
    }  # fmt: skip
    # Turns: Anne, Chloé, Anne again; Bob is away. Anne claimed her second.
    opens = {name: item["open_leads"] for name, item in items.items()}
    assert opens == {"Anne Martin": 1, "Bob Petit": 0, "Chloé Noir": 1}
    claimed = items["Anne Martin"]["claimed"]
    assert claimed["count"] == 1
    assert claimed["p50"] == pytest.approx(40, rel=0.06, abs=2)
    assert items["Bob Petit"]["agency"] is None


async def test_a_lead_tells_its_claim_its_ladder_and_its_speed(house: WebGateway) -> None:
    mine = await get(house, "/v1/leads/seloger/lead-2")
    assert (mine["claim"]["by"], mine["claim"]["via"]) == ("Anne Martin", "email")
    assert mine["ladder"] is None
    assert mine["speed"]["received"] == pytest.approx(10, abs=2)
    assert mine["speed"]["received"] <= mine["speed"]["delivered"] <= mine["speed"]["claimed"]
    late = await get(house, "/v1/leads/seloger/lead-0")
    assert late["claim"] is None
    promised = datetime.fromisoformat(late["ladder"]["promised_by"])
    assert promised < datetime.now(UTC)
    assert late["ladder"]["next_step"] == 1
    due = datetime.fromisoformat(late["ladder"]["next_at"])
    assert due - promised == timedelta(minutes=5)
    assert late["speed"]["claimed"] is None


async def test_stats_tell_speed_by_whose_and_how_the_promise_is_kept(house: WebGateway) -> None:
    stats = await get(house, "/v1/stats")
    assert [stats["speed"][stage]["count"] for stage in ("received", "delivered", "claimed")] == [
        3, 1, 1,
    ]  # fmt: skip
    by_agent = {item["name"]: item for item in stats["speed_by_agent"]}
    assert by_agent["Anne Martin"]["received"]["count"] == 2
    by_place = {item["name"]: item for item in stats["speed_by_destination"]}
    assert by_place["crm"]["delivered"]["count"] == 1
    assert sum(item["to_claim"] for item in stats["speed_by_hour"]) == 3
    level = stats["service_level"]
    # Two leads' time is over: one claimed, one not; a tenth may be missed.
    assert (level["kept"], level["waiting"], level["overdue"]) == (0.5, 2, 1)
    assert level["burn"] == pytest.approx(5.0)


async def test_metrics_of_claims_have_bounded_labels(
    house: WebGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = await get(house, "/metrics")
    assert "lead_gateway_leads_overdue 1.0" in text
    assert 'lead_gateway_speed_seconds{share="0.9",stage="claimed"}' in text
    assert 'lead_gateway_time_to_claim_seconds_bucket{le="60.0",source="seloger"} 1.0' in text
    assert 'agent_claim_seconds_count{agent="Anne Martin"} 1.0' in text
    monkeypatch.setattr(claim_metrics, "AGENTS_SHOWN", 1)
    text = await get(house, "/metrics")
    assert text.count("agent_claim_seconds_count{") == 1


async def test_a_claim_and_an_erasure_take_a_lead_off_its_agent(house: WebGateway) -> None:
    await house.store.leads.erase([lead_uid("seloger", "lead-0")])
    items = {item["name"]: item for item in (await get(house, "/v1/agents"))["items"]}
    assert items["Anne Martin"]["open_leads"] == 0
    assert await house.store.ladders.unclaimed() == [lead_uid("seloger", "lead-1")]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["Leads that nobody claimed", "1 too late", "late by", "on duty", "away"]),
        ("fr", ["Contacts que personne n’a pris", "1 en retard", "en retard de", "absent"]),
    ],
)
async def test_the_page_of_agents_shows_what_waits_and_who_works(
    house: WebGateway, language: str, words: list[str]
) -> None:
    async with browse(house, signed_in=True) as client:
        page = (await client.get(f"/agents?lang={language}")).text
        overview = (await client.get(f"/?lang={language}")).text
        lead = (await client.get(f"/leads/seloger/lead-2?lang={language}")).text
    assert [word for word in words if word not in page] == []
    assert page.index("/leads/seloger/lead-0") < page.index("/leads/seloger/lead-1")
    assert 'href="/agents">' in overview.partition('id="needs-you"')[2]
    assert "Anne Martin" in lead.partition('class="card pad took"')[2][:400]


async def test_the_page_of_speed_draws_the_hours_and_how_the_promise_is_kept(
    house: WebGateway,
) -> None:
    async with browse(house, signed_in=True) as client:
        page = (await client.get("/speed?lang=en")).text
    assert 'class="chart"' in page
    assert 'class="promise"' in page
    assert "Claimed within 5\u202fmin" in page
    assert "50%" in page
    assert "5.0 × what may be missed" in page
    assert "By agent" in page


async def test_without_claims_the_pages_promise_nothing(
    store: Store, queue: Queue, tmp_path: Path
) -> None:
    async with browse(make_gateway(store, queue, tmp_path), signed_in=True) as client:
        pages = [(await client.get(place)).text for place in ("/agents?lang=en", "/speed?lang=en")]
    assert "No agents are configured" in pages[0]
    assert all("nobody claimed" not in page and "promise" not in page for page in pages)
    assert "none in the last 24 hours" in pages[1]
