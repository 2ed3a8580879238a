"""``presets list`` and ``presets show``, as a person and as a program read them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.cli import main
from tests.presets import SHELF


def run(*arguments: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.argv", ["lead-gateway", *arguments])
    return main()


def test_the_list_says_what_is_unverified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("presets", "list", folder=tmp_path, monkeypatch=monkeypatch) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    for name in SHELF.names():
        count = SHELF.preset(name).unverified
        assert (f"{count} of" in rows[name]) is (count > 0)
        assert ("unverified" in rows[name]) is (count > 0)


def test_the_list_for_programs_is_one_object_per_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("presets", "list", "--json", folder=tmp_path, monkeypatch=monkeypatch) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["name"] for row in rows] == SHELF.names()
    assert {"title", "creates", "idempotency", "rate_limit", "facts", "unverified"} <= set(rows[0])


def test_one_is_shown_with_what_to_paste(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("presets", "show", "odoo-lead", folder=tmp_path, monkeypatch=monkeypatch) == 0
    shown = capsys.readouterr().out
    assert "preset: odoo-lead" in shown
    assert 'key: "${ODOO_API_KEY}"' in shown
    assert "? load takes fields and data" in shown


def test_a_presets_source_is_a_preset_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run("presets", "show", "generic", "--source", folder=tmp_path, monkeypatch=monkeypatch)
    own = tmp_path / "templates" / "presets" / "our-hook.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(capsys.readouterr().out.replace("id: generic", "id: our-hook", 1))

    assert run("presets", "list", folder=tmp_path, monkeypatch=monkeypatch) == 0
    (row,) = [line for line in capsys.readouterr().out.splitlines() if "our-hook" in line]
    assert row.endswith("yours")


def test_an_unknown_one_is_answered_with_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("presets", "show", "hubspot-lead", folder=tmp_path, monkeypatch=monkeypatch) == 2
    assert 'did you mean "hubspot-contact"?' in capsys.readouterr().err
