"""The commands about templates and trying them: in this process, with files of the user's own."""

from __future__ import annotations

import json
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from gateway.cli import main
from tests.integration.test_cli import GOOD


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "gateway.yaml").write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEAD_GATEWAY_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("LEAD_GATEWAY_PUBLIC_URL", "https://leads.example")
    return tmp_path


Output = pytest.CaptureFixture[str]


def own(folder: Path, name: str, text: str) -> None:
    file = folder / "templates" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_a_list_says_whose_each_is_and_who_uses_it(folder: Path, capsys: Output) -> None:
    own(folder, "email/new-lead/subject.txt", "x")
    own(folder, "crm.json.j2", "{}")
    assert main(["templates", "list", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = {row["name"]: (row["whose"], row["used_by"]) for row in rows}
    assert found["email/new-lead/subject.txt"] == ("yours over ours", ["inbox"])
    assert found["email/new-lead/body.html"] == ("ours", ["inbox"])
    assert found["email/parser/body.txt"] == ("ours", [])
    assert found["slack/new-lead.json.j2"] == ("ours", ["team"])
    assert found["crm.json.j2"] == ("yours", [])
    assert not [name for name in found if name.startswith(("web/", "presets/"))]


def test_a_copy_takes_the_place_of_ours_and_is_never_written_over(
    folder: Path, capsys: Output
) -> None:
    assert main(["templates", "copy", "email/new-lead"]) == 0
    mine = folder / "templates" / "email" / "new-lead"
    assert {path.name for path in mine.iterdir()} == {"subject.txt", "body.txt", "body.html"}
    (mine / "subject.txt").write_text("Mine: {{ summary.who }}")
    assert main(["templates", "copy", "email/new-lead"]) == 1
    assert "is there already" in capsys.readouterr().err
    assert main(["templates", "check"]) == 0
    assert main(["preview", "inbox"]) == 0
    assert "Subject: Mine: " in capsys.readouterr().out
    assert main(["templates", "copy", "email/new-lead/subject.txt", "--force"]) == 0
    assert "Mine" not in (mine / "subject.txt").read_text()


@pytest.mark.parametrize(
    ("name", "new", "made"),
    [
        ("slack/new-lead", "slack/short", "slack/short.json.j2"),
        ("slack/new-lead.json.j2", "short", "slack/short.json.j2"),
        ("email/parser", "mine", "email/mine/body.txt"),
        ("templates/email/parser/", None, "email/parser/body.txt"),
    ],
)
def test_a_copy_may_have_a_name_of_its_own(
    folder: Path, name: str, new: str | None, made: str
) -> None:
    assert main(["templates", "copy", name, *(["--as", new] if new else [])]) == 0
    assert (folder / "templates" / made).is_file()


@pytest.mark.parametrize("name", ["email/new-laed", "../../etc", "web", "email", ""])
def test_only_templates_of_ours_are_copied(folder: Path, capsys: Output, name: str) -> None:
    assert main(["templates", "copy", name]) == 2
    assert "no template of ours" in capsys.readouterr().err
    assert not (folder / "templates").exists()


BODY, SUBJECT = "email/new-lead/body.txt", "email/new-lead/subject.txt"
SLACK = "slack/new-lead.json.j2"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            BODY,
            "one\n{{ contact.phnoe }}",
            f'{BODY}:2: "contact.phnoe" does not exist; did you mean',
        ),
        (BODY, "{% if %}", f"{BODY}:1: Expected an expression"),
        (SUBJECT, "{{ t.nmae }}", '"t.nmae" does not exist; did you mean "t.name"?'),
        (SUBJECT, "{{ summary.waht }}", 'did you mean "summary.what"?'),
        (SUBJECT, "{{ event.kind }}", '"event.kind" does not exist'),
        (SUBJECT, "{{ links.clasified }}", 'did you mean "links.classified"?'),
        (SUBJECT, "{{ t.values.BYU.x }}", "(with an invented CLASSIFIED lead)"),
        (SUBJECT, "{{ contact.full_name.upper() }}", "(with a lead of which nothing is known)"),
        ("email/new-lead/body.html", "a\n{% include 'part.html' %}", "part.html:3:"),
        (SLACK, '{"text": "{{ lead.message }}}', "is not JSON"),
        (SLACK, '{"text": {{ contact.city | json }}}', "contact.city"),
        (SLACK, '{"text": "x", "blocks": [{"type": "header"}]}', "required"),
        ("unused.txt", "{{ 'unfinished }}", "unused.txt:1:"),
    ],
)
def test_a_check_names_file_line_and_the_nearest_that_exists(
    folder: Path, capsys: Output, name: str, text: str, said: str
) -> None:
    own(folder, name, text)
    own(folder, "part.html", "1\n2\n{{ contact.emial }}")
    assert main(["templates", "check"]) == 2
    assert said in capsys.readouterr().err


def test_a_part_that_only_others_include_may_rest_on_what_they_set(folder: Path) -> None:
    own(folder, "email/new-lead/subject.txt", "{% set x = 1 %}{% include 'part.txt' %}")
    own(folder, "part.txt", "{{ x }}")
    assert main(["templates", "check"]) == 0


def test_a_check_may_ask_for_one_and_knows_what_there_is(folder: Path, capsys: Output) -> None:
    own(folder, "email/new-lead/body.txt", "{{ nothing }}")
    assert main(["templates", "check", "slack/new-lead"]) == 0
    assert main(["templates", "check", "email/new-lead", "--json"]) == 2
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()[1:]]
    assert {row["name"]: len(row["faults"]) for row in rows}["email/new-lead/body.txt"] == 1
    assert main(["templates", "check", "email/nothing"]) == 2
    assert "templates list" in capsys.readouterr().err


def test_a_file_that_is_no_text_is_named(folder: Path, capsys: Output) -> None:
    own(folder, "email/new-lead/body.txt", "")
    (folder / "templates/email/new-lead/body.txt").write_bytes(b"\xff\xfe{{ x }}")
    assert main(["templates", "check"]) == 2
    assert "email/new-lead/body.txt: is not UTF-8" in capsys.readouterr().err


def test_a_mail_can_be_previewed_as_files(folder: Path, capsys: Output) -> None:
    assert main(["preview", "inbox", "--eml", "a.eml", "--html", "a.html"]) == 0
    assert "wrote a.eml" in capsys.readouterr().err
    mail = message_from_bytes((folder / "a.eml").read_bytes(), policy=policy.default)
    assert mail["References"] == "<person.test@agency.example>"
    page = (folder / "a.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert mail.get_body(("html",)).get_content().replace("\r\n", "\n") == page  # type: ignore[union-attr]


def test_a_slack_message_can_be_previewed_as_json_and_drawn(folder: Path, capsys: Output) -> None:
    assert main(["preview", "team", "--html", "a.html", "--json", "--sample", "ESTIMATION"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert json.loads(shown["parts"][0][1])["attachments"][0]["color"] == "#b7791f"
    assert 'class="slack-message"' in (folder / "a.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["crm", "--html", "a.html"], "can not be written so"),
        (["team", "--eml", "a.eml"], "write --html"),
        (["team", "--sample", "NONSENSE"], "CLASSIFIED, AGENCY"),
        (["team", "--sample", "AGENCY", "--lead", "x/1"], "not both"),
    ],
)
def test_a_preview_that_is_not_possible_says_what_is(
    folder: Path, capsys: Output, arguments: list[str], said: str
) -> None:
    assert main(["preview", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_preview_fills_in_the_link_to_the_classified(folder: Path, capsys: Output) -> None:
    links = 'links: {classified: "https://portal.example/{{ property.classified_id }}"}\n'
    (folder / "gateway.yaml").write_text(GOOD + links)
    assert main(["preview", "crm"]) == 0
    assert '"url": "https://portal.example/' in capsys.readouterr().out


def test_words_are_changed_by_name_and_the_check_names_the_line_of_a_wrong_one(
    folder: Path, capsys: Output
) -> None:
    assert main(["templates", "copy", "i18n/en"]) == 0
    assert (folder / "templates" / "i18n" / "en.json").exists()
    own(folder, "i18n/en.json", '{"own": {}}')
    own(folder, "i18n/fr.json", '{\n"new_lead": "Un nouveau !",\n"clam": "x"}')
    assert main(["templates", "check"]) == 2
    wrong = capsys.readouterr().err
    assert 'i18n/fr.json:3: there is no word "clam"; did you mean "claim"?' in wrong
    own(folder, "i18n/fr.json", '{"new_lead": "Quelqu’un demande"}')
    own(folder, "email/new-lead/subject.txt", "{{ t.new_lead }}")
    assert main(["check"]) == 0
    assert main(["preview", "inbox"]) == 0
    assert "Subject: Quelqu’un demande" in capsys.readouterr().out


def test_a_file_of_words_that_nothing_reads_is_a_fault(folder: Path, capsys: Output) -> None:
    own(folder, "i18n/de.json", "{}")
    assert main(["templates", "check", "i18n/de"]) == 2
    assert "nothing reads it: there are i18n/en.json, i18n/fr.json" in capsys.readouterr().err
