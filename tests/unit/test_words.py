"""The words of messages: ours, and the user's over them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.delivery import Message
from gateway.render import TEMPLATE_ROOT, Renderer
from gateway.words import LANGUAGES, faults, shipped, spoken
from tests.builders import NOON, a_lead

OURS = {language: shipped(TEMPLATE_ROOT, language) for language in LANGUAGES}


def write(folder: Path, text: str, language: str = "en") -> Path:
    file = folder / "i18n" / f"{language}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return folder


def test_without_a_file_they_are_ours(tmp_path: Path) -> None:
    assert spoken([tmp_path], TEMPLATE_ROOT, "fr") == OURS["fr"]
    assert faults(tmp_path, TEMPLATE_ROOT, "fr") == []


def test_a_word_of_the_users_takes_the_place_of_ours_and_no_other_does(tmp_path: Path) -> None:
    own = {"claim": "Mine!", "values": {"APARTMENT": "Pied-à-terre"}, "own": {"motto": "At home"}}
    write(tmp_path, json.dumps(own))
    found = spoken([tmp_path], TEMPLATE_ROOT, "en")
    changed = {name for name in found if found[name] != OURS["en"][name]}
    assert changed == {"claim", "values", "own"}
    assert found["values"] == {**OURS["en"]["values"], "APARTMENT": "Pied-à-terre"}
    assert faults(tmp_path, TEMPLATE_ROOT, "en") == []
    assert spoken([tmp_path], TEMPLATE_ROOT, "fr") == OURS["fr"]


def test_templates_speak_them(tmp_path: Path) -> None:
    write(tmp_path, '{"values": {"APARTMENT": "Pied-à-terre"}, "own": {"motto": "At home"}}')
    renderer = Renderer([tmp_path], language="en")
    context = renderer.context(a_lead(), Message("dlv_1", "crm", NOON))
    assert (
        renderer.text("{{ t.own.motto }}: {{ 'APARTMENT' | word }}", context)
        == "At home: Pied-à-terre"
    )
    assert renderer.check_text("{{ t.own.motto }}") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{\n "clam": "Mine"}', 'i18n/en.json:2: there is no word "clam"; did you mean "claim"?'),
        ('{"greeting": "Hi"}', 'i18n/en.json:1: there is no word "greeting"; words of your own'),
        ('{\n\n"claim": 1}', 'i18n/en.json:3: "claim" is a text of at most 500 characters'),
        ('{"claim": "' + "x" * 501 + '"}', 'i18n/en.json:1: "claim" is a text of at most 500'),
        ('{"values": "Flat"}', 'i18n/en.json:1: "values" is an object of words'),
        ('{"parser": {"nam": "x"}}', 'i18n/en.json:1: "parser" has no word "nam"'),
        ('{"own": {\n"a": []}}', 'i18n/en.json:2: "a" is a text of at most'),
        ("{,", "i18n/en.json:1: it is not JSON"),
        ("[]", "i18n/en.json: write an object of words"),
        ("[" * 100_000, "i18n/en.json: it is nested too deep"),
        ('"' + "x" * 300_000 + '"', "i18n/en.json: it has more than 256 KB"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_changes_nothing(
    tmp_path: Path, text: str, said: str
) -> None:
    write(tmp_path, text)
    (found,) = faults(tmp_path, TEMPLATE_ROOT, "en")
    assert found.startswith(said)
    words = spoken([tmp_path], TEMPLATE_ROOT, "en")
    assert {**words, "own": {}} == OURS["en"]


def test_a_file_that_is_no_text_changes_nothing(tmp_path: Path) -> None:
    (write(tmp_path, "") / "i18n" / "en.json").write_bytes(b'{"claim": "\xff"}')
    assert faults(tmp_path, TEMPLATE_ROOT, "en") == ["i18n/en.json: it is not UTF-8"]
    assert spoken([tmp_path], TEMPLATE_ROOT, "en") == OURS["en"]


def test_the_two_languages_have_the_same_words() -> None:
    def names(words: dict[str, object]) -> set[tuple[str, ...]]:
        return {
            (name, *inner)
            for name, value in words.items()
            for inner in ([(one,) for one in value] if isinstance(value, dict) else [()])
            if name != "values"
        }

    assert names(OURS["en"]) == names(OURS["fr"])
