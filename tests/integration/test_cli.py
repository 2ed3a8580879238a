"""The command line as a process: what it prints, where, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).parent / "lead-gateway"

GOOD = """version: 1
language: fr
sources:
  website: {kind: push, token: website-token}
destinations:
  crm:
    kind: webhook
    url: https://crm.example.com/leads
    auth: {bearer: very-secret-token}
  inbox:
    kind: email
    smtp: smtp://user:smtp-secret@mail.example.com:587
    from: "Leads <leads@agency.example>"
    to: [desk@agency.example]
  team: {kind: slack, webhook_url: "https://hooks.slack.example/services/T/B/slack-hook-secret"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "gateway.yaml").write_text(GOOD)
    return tmp_path


def run(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *arguments],
        cwd=folder,
        env={**os.environ, "LEAD_GATEWAY_DATA_DIR": str(folder / "data"), **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_help_reads_like_a_table_of_contents(folder: Path) -> None:
    done = run(folder, "--help")
    assert done.returncode == 0
    for word in (
        "init", "check", "run", "poller", "worker", "web", "demo", "sandbox", "status", "preview",
        "test", "leads", "deliveries", "dead-letters", "destinations", "sources", "schema",
    ):  # fmt: skip
        assert word in done.stdout


def test_init_writes_a_starter_that_passes_check_and_never_overwrites(tmp_path: Path) -> None:
    assert run(tmp_path, "init").returncode == 0
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    assert run(tmp_path, "check").returncode == 0
    again = run(tmp_path, "init")
    assert again.returncode == 1
    assert "gateway.yaml" in again.stderr


def test_a_good_file_passes_and_a_missing_one_says_what_to_do(folder: Path) -> None:
    assert run(folder, "check").returncode == 0
    (folder / "gateway.yaml").unlink()
    done = run(folder, "check")
    assert done.returncode == 2
    assert "init" in done.stderr
    assert "Traceback" not in done.stderr


WRONG = [
    ("version: 1", "version: 2", 1, "1"),
    ("language: fr", "langauge: fr", 2, "language"),
    ("kind: webhook", "kind: webhok", 7, "webhook"),
    ("url: https://crm.example.com/leads", "url: ftp://crm.example.com", 8, "http"),
    ("url: https://crm.example.com/leads", "urll: https://crm.example.com", 8, "url"),
    ("auth: {bearer: very-secret-token}", "auth: {}", 9, "bearer"),
    ("auth: {bearer: very-secret-token}", "timeout: 5 weeks", 9, "5s"),
    ("auth: {bearer: very-secret-token}", "rate_limit: fast", 9, "10/s"),
    ("to: [desk@agency.example]", "to: []", 14, "to"),
    ("token: website-token", 'token: "${NOT_SET_ANYWHERE}"', 4, "NOT_SET_ANYWHERE"),
    ("token: website-token", "token: ${NOT_SET_ANYWHERE}", 4, "quotes"),
    (
        'webhook_url: "https://hooks.slack.example/services/T/B/slack-hook-secret"',
        "token: x",
        15,
        "channel",
    ),
    ("language: fr", "routes: [{to: [cmr]}]", 2, "crm"),
    ("language: fr", "routes: [{when: lead.categry == 1, to: [crm]}]", 2, "category"),
    ("kind: push, token: website-token", "kind: aviv", 4, "not available yet"),
    ("language: fr", "alerts: {to: [cmr]}", 2, "crm"),
    ("language: fr", "language: fr\nlanguage: en", 3, "twice"),
]


@pytest.mark.parametrize(("old", "new", "line", "hint"), WRONG)
def test_a_wrong_file_is_told_by_line_with_what_to_write_instead(
    folder: Path, old: str, new: str, line: int, hint: str
) -> None:
    (folder / "gateway.yaml").write_text(GOOD.replace(old, new, 1))
    done = run(folder, "check")
    assert done.returncode == 2
    assert f"gateway.yaml:{line}" in done.stderr
    assert hint in done.stderr
    assert "very-secret-token" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("destination", ["crm", "inbox", "team"])
@pytest.mark.parametrize("category", ["CLASSIFIED", "AGENCY", "ESTIMATION", "PROJECT"])
def test_a_preview_shows_everything_but_secrets(
    folder: Path, destination: str, category: str
) -> None:
    done = run(folder, "preview", destination, "--sample", category)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) > 300
    for secret in ("very-secret-token", "slack-hook-secret", "smtp-secret"):
        assert secret not in done.stdout + done.stderr


def test_a_preview_of_an_unknown_destination_names_the_nearest(folder: Path) -> None:
    done = run(folder, "preview", "cmr")
    assert done.returncode == 2
    assert "crm" in done.stderr


def test_test_against_a_blocked_address_fails_and_says_why(folder: Path) -> None:
    text = GOOD.replace("https://crm.example.com", "http://127.0.0.1:9")
    (folder / "gateway.yaml").write_text(text)
    done = run(folder, "test", "crm")
    assert done.returncode == 1
    assert "network.allow" in done.stdout + done.stderr


@pytest.mark.parametrize(
    "command", [("leads", "list"), ("deliveries", "list"), ("dead-letters", "list")]
)
def test_empty_listings_are_empty_lines_of_json(folder: Path, command: tuple[str, str]) -> None:
    done = run(folder, *command, "--json")
    assert (done.returncode, done.stdout) == (0, "")


def test_destinations_and_sources_list_one_object_a_line(folder: Path) -> None:
    found = [
        json.loads(line)
        for line in run(folder, "destinations", "list", "--json").stdout.splitlines()
    ]
    assert [item["name"] for item in found] == ["crm", "inbox", "team"]
    assert run(folder, "destinations", "pause", "crm").returncode == 0
    lines = run(folder, "destinations", "list", "--json").stdout.splitlines()
    assert json.loads(lines[0])["state"] == "paused"
    assert run(folder, "status").returncode == 1
    assert run(folder, "destinations", "resume", "crm").returncode == 0


def test_the_schema_is_a_json_schema(folder: Path) -> None:
    found = json.loads(run(folder, "schema").stdout)
    assert "destinations" in found["properties"]


@pytest.mark.parametrize("kind", ["leads", "deliveries"])
def test_an_empty_export_is_a_header_and_goes_where_it_is_told(folder: Path, kind: str) -> None:
    done = run(folder, kind, "export", "-o", "out.csv")
    assert (done.returncode, done.stdout) == (0, "")
    assert "0 " in done.stderr
    assert (folder / "out.csv").read_text().startswith("id,")
    assert (folder / "out.csv").stat().st_mode & 0o077 == 0
    assert run(folder, kind, "export", "--format", "xml").returncode == 2
