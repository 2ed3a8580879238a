"""Agencies in files of their own, and agents in tables: found, read, kept apart, faults by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.agency import agencies
from gateway.config import ConfigError, load
from gateway.config.check import check, make_renderer
from gateway.config.load import Loaded
from tests.builders import NOON, a_lead

WHOLE = """
version: 1
include: [agencies/*.yaml]
sources:
  network: {kind: push, token: network-token}
destinations:
  archive: {kind: webhook, url: https://archive.example.com}
"""
LYON = """
sources:
  lyon: {kind: push, token: lyon-token}
destinations:
  lyon-crm: {kind: webhook, url: https://lyon.example.com}
routes:
  - {to: [lyon-crm, archive]}
agents: lyon.csv
assignment: {by: [postal_code], otherwise: none}
"""
NICE = """
sources:
  nice: {kind: push, token: nice-token}
destinations:
  nice-crm: {kind: webhook, url: https://nice.example.com}
agents:
  - {name: Anne Martin}
"""
TABLE = """Name;Email;Postal_codes;Hours;ids.hubspot
Anne Martin;anne@lyon.example;69001, 69002;Mon-Fri 09:00-19:00, Sat 10:00-13:00;77
Bob Petit;bob@lyon.example;69003;;

"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "agencies").mkdir()
    write(tmp_path, "gateway.yaml", WHOLE)
    write(tmp_path, "agencies/lyon.yaml", LYON)
    write(tmp_path, "agencies/nice.yaml", NICE)
    write(tmp_path, "agencies/lyon.csv", TABLE)
    return tmp_path


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text.lstrip("\n"), "utf-8")


def loaded(folder: Path) -> Loaded:
    return load(folder / "gateway.yaml", {})


def faults(folder: Path) -> list[str]:
    try:
        found = loaded(folder)
    except ConfigError as error:
        return [str(fault).removeprefix(f"{folder}/") for fault in error.faults]
    return [str(fault).removeprefix(f"{folder}/") for fault in check(found)]


def test_each_agency_decides_for_its_own_sources(folder: Path) -> None:
    found = loaded(folder)
    rules = agencies(found.config, make_renderer(found))
    assert {name: agency.name for name, agency in rules.items()} == {
        "network": "",
        "lyon": "lyon",
        "nice": "nice",
    }
    decided = {name: agency.decide(a_lead(), NOON).destinations for name, agency in rules.items()}
    assert decided == {
        "network": ("archive",),
        "lyon": ("lyon-crm", "archive"),
        "nice": ("nice-crm",),
    }
    assert faults(folder) == []


def test_agents_of_a_table_are_the_same_as_written_out(folder: Path) -> None:
    anne, bob = loaded(folder).config.agencies["lyon"].agents
    assert (anne.email, anne.postal_codes, anne.ids) == (
        "anne@lyon.example",
        ("69001", "69002"),
        {"hubspot": "77"},
    )
    assert (anne.hours is not None, bob.hours) == (True, None)


def test_agents_may_stand_in_a_yaml_file_of_their_own(folder: Path) -> None:
    write(folder, "gateway.yaml", WHOLE + "agents: team.yaml\n")
    write(folder, "team.yaml", "agents:\n  - {name: Chloé Durand}\n")
    assert [agent.name for agent in loaded(folder).config.agents] == ["Chloé Durand"]
    write(folder, "team.yaml", "agents:\n  - {name: Chloé Durand}\n  - {nmae: Bob}\n")
    found = faults(folder)
    assert any(item.startswith("team.yaml:3: agents[2].nmae: unknown key") for item in found)


def test_no_agency_sees_another(folder: Path) -> None:
    write(folder, "agencies/nice.yaml", NICE + "routes: [{to: [lyon-crm]}]\n")
    said = "agencies/nice.yaml:7: routes[1].to[1]: no destination has this name"
    assert any(item.startswith(said) for item in faults(folder))


def test_the_whole_may_send_to_an_agency(folder: Path) -> None:
    write(folder, "gateway.yaml", WHOLE + 'routes:\n  - {when: lead.partner_id == "7", '
          "to: [lyon-crm]}\n  - {to: [archive]}\n")  # fmt: skip
    assert faults(folder) == []


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        (
            "agencies/nice.yaml",
            NICE.replace("nice:", "lyon:", 1),
            "agencies/nice.yaml:2: sources.lyon: lyon.yaml has one of this name too",
        ),
        (
            "agencies/nice.yaml",
            NICE.replace("url: https", "url: ftp"),
            "agencies/nice.yaml:4: destinations.nice-crm.url: begin it with",
        ),
        ("agencies/nice.yaml", NICE + "timezone: x\n", "agencies/nice.yaml:7: timezone: unknown"),
        ("agencies/nice.yaml", NICE + "agents: [{name: B}]\n", "agents: stands twice"),
        ("agencies/Nice 2.yaml", NICE, "Nice 2.yaml: an agency's file is called by"),
        ("agencies/lyon.csv", TABLE.replace("Hours", "Hour"), 'did you mean "hours"?'),
        ("agencies/lyon.csv", TABLE + "A;b;c;d;e;f\n", "lyon.csv:5: has 6 cells where"),
        ("agencies/lyon.csv", TABLE + 'C;c@x.example;;"\n', "is a quote closed?"),
        ("agencies/lyon.csv", TABLE + "C;c@x.example;;always\n", "lyon.csv:5: agents[3].hours"),
        ("agencies/lyon.csv", TABLE + "Bob Petit;;;\n", "two agents have the same name"),
        ("agencies/lyon.csv", "Email\nx@x.example\n", "name is missing"),
        ("gateway.yaml", WHOLE.replace("*.yaml", "*.yml"), "gateway.yaml:2: include[1]: no file"),
        ("gateway.yaml", WHOLE + "agencies: {}\n", "gateway.yaml:7: agencies: unknown key"),
        ("gateway.yaml", WHOLE + "agents: gone.csv\n", "gone.csv: there is no such file"),
        ("gateway.yaml", WHOLE + "agents: team.txt\n", "a .csv or .yaml file"),
        (
            "agencies/lyon.yaml",
            LYON.replace("postal_code]", "reference]"),
            "lyon.yaml:8: warning: assignment.by[1]: no agent has references",
        ),
        (
            "agencies/nice.yaml",
            NICE.replace("agents:\n  - {name: Anne Martin}", "assignment: {}"),
            "there are no agents: it assigns nobody",
        ),
    ],
)
def test_a_fault_is_told_by_its_own_file_and_line(
    folder: Path, file: str, text: str, said: str
) -> None:
    write(folder, file, text)
    found = faults(folder)
    assert any(said in item for item in found), found


def test_a_variable_of_an_agency_is_filled_and_told_when_missing(folder: Path) -> None:
    write(folder, "agencies/nice.yaml", NICE.replace("nice-token", "'${NICE_TOKEN}'"))
    assert "agencies/nice.yaml:2: sources.nice.token: the variable NICE_TOKEN" in faults(folder)[0]
    found = load(folder / "gateway.yaml", {"NICE_TOKEN": "secret-of-nice"})
    assert "secret-of-nice" in found.secrets
