"""Trying routes and bringing leads home from the command line, as processes over a real store."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.embedded import Embedded
from gateway.settings import Settings
from gateway.wiring import Gateway, open_gateway
from tests.builders import a_lead
from tests.integration.test_cli import run

pytestmark = pytest.mark.anyio

YAML = """
version: 1
sources:
  website: {kind: push, token: website-token}
destinations:
  crm: {kind: webhook, url: https://crm.example.com/leads}
  team: {kind: webhook, url: https://team.example.com/leads}
routes:
  - {when: lead.category == "ESTIMATION", to: [team], hours: "Mon-Sat 09:00-19:00", stop: true}
  - {when: agent.name == "Anne Martin", to: [crm, team]}
agents:
  - {name: Anne Martin, postal_codes: ["69*"]}
  - {name: Bob Petit}
assignment: {by: [postal_code], otherwise: none}
claim: {within: 5m, then: [{after: 5m, to: [team]}]}
"""
LEADS = [
    {"id": "a", "category": "CLASSIFIED", "property": {"postal_code": "69003"}},
    {"id": "b", "category": "ESTIMATION"},
    {"id": "c"},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "gateway.yaml").write_text(YAML)
    (tmp_path / "leads.json").write_text(json.dumps(LEADS))
    return tmp_path


@pytest.fixture
async def house(folder: Path) -> AsyncIterator[Gateway]:
    """The same gateway in this process; the commands attach to its store."""
    settings = Settings.read(
        {"LEAD_GATEWAY_DATA_DIR": str(folder / "data")}, config=folder / "gateway.yaml"
    )
    async with open_gateway(settings) as gateway:
        yield gateway


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_rules_are_tried_on_leads_of_a_file_at_any_time(folder: Path) -> None:
    tried = ("routes", "test", "--file", "leads.json", "--json", "--at")
    noon, night = (run(folder, *tried, at) for at in ("2026-11-24T12:00Z", "2026-11-24T22:00Z"))
    found = {row["lead"].rpartition("/")[2]: row for row in lines(noon.stdout)}
    assert (noon.returncode, night.returncode) == (1, 1)
    assert (found["a"]["destinations"], found["a"]["why"]) == ({"crm": 2, "team": 2}, "postal_code")
    assert found["b"]["destinations"] == {"team": 1}
    assert found["c"]["unrouted"]
    assert [row["unrouted"] for row in lines(night.stdout)] == [False, True, True]


def test_a_table_names_the_rule_and_says_why_nothing_wants_a_lead(folder: Path) -> None:
    done = run(folder, "routes", "test", "--file", "leads.json")
    assert "Anne Martin (postal code)" in done.stdout
    assert "rule 2" in done.stdout
    assert "? website/c: unrouted: no rule wants it" in done.stderr
    assert not Embedded(folder / "data").answers()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--file", "gone.json"), "no such file"),
        (("--file", "gateway.yaml"), "is not JSON"),
        (("--source", "web"), 'did you mean "website"?'),
    ],
)
def test_what_can_not_be_tried_is_told(folder: Path, arguments: tuple[str, ...], word: str) -> None:
    done = run(folder, "routes", "test", *arguments)
    assert done.returncode == 2
    assert word in done.stderr
    assert "Traceback" not in done.stderr


async def test_an_unrouted_lead_comes_home_once_a_rule_wants_it(
    folder: Path, house: Gateway
) -> None:
    await house.pipeline.accept([a_lead(source="website", identity="website")])
    left = run(folder, "leads", "route")
    assert (left.returncode, left.stdout) == (1, "0 leads routed\n")
    (folder / "gateway.yaml").write_text(YAML.replace("assignment:", "# ").replace(
        'when: agent.name == "Anne Martin"', "otherwise: true"))  # fmt: skip
    done = run(folder, "leads", "route")
    assert done.returncode == 0
    assert "website/lead-1: crm, team" in done.stdout
    assert run(folder, "leads", "route").stderr == "No unrouted leads.\n"


async def test_a_destination_connected_later_gets_what_it_lacks(
    folder: Path, house: Gateway
) -> None:
    leads = [
        a_lead(f"lead-{n}", source="website", identity="website", category="ESTIMATION")
        for n in range(3)
    ]
    await house.pipeline.accept(leads)
    done = run(folder, "leads", "deliver", "--to", "crm", "--since", "1h", "--yes")
    assert done.stdout == "3 on their way to crm\n"
    again = run(folder, "leads", "deliver", "--to", "crm", "website/lead-1")
    assert again.stdout == "0 on their way to crm, 1 had it already\n"
    assert run(folder, "leads", "deliver", "--to", "crm").returncode == 2
    assert 'did you mean "team"' in run(folder, "leads", "deliver", "--to", "tem", "x").stderr


async def test_a_lead_is_claimed_once_and_shows_who_has_it(folder: Path, house: Gateway) -> None:
    await house.pipeline.accept([a_lead(source="website", identity="website")])
    first = run(folder, "leads", "claim", "website/lead-1", "--agent", "Bob Petit")
    second = run(folder, "leads", "claim", "website/lead-1", "--agent", "Anne Martin")
    assert (first.returncode, second.returncode) == (0, 1)
    assert second.stderr == "Bob Petit has it already\n"
    assert "Bob Petit" in run(folder, "leads", "show", "website/lead-1").stdout
    assert run(folder, "leads", "claim", "website/lead-1", "--agent", "Bobb").returncode == 2
