"""The presets that ship, what a user writes for them, and presets of a user's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from gateway.config import load
from gateway.config.check import check
from gateway.config.faults import ConfigError
from gateway.config.presets import Shelf, preset_faults
from gateway.delivery import Delivered
from gateway.destinations.answer import Answer
from gateway.destinations.preset_text import page, snippet
from gateway.destinations.presets import Preset
from gateway.destinations.rules import Rules, judge
from gateway.render import Renderer
from tests import goldens
from tests.builders import NOON
from tests.presets import CASES, SECRET, SHELF, answer_of, config

NAMES = SHELF.names()
PRESETS = {name: SHELF.preset(name) for name in NAMES}

every_preset = pytest.mark.parametrize("preset", PRESETS.values(), ids=NAMES)

GATEWAY = """version: 1
sources: {{website: {{kind: push, token: a-token-of-mine}}}}
destinations:
  crm:
    kind: webhook
    preset: {preset}
    with:
      {given}
"""


def faults(folder: Path, preset: str, given: str, more: str = "") -> list[str]:
    """What is said of a configuration that uses a preset so, without the folder's name."""
    file = folder / "gateway.yaml"
    file.write_text(GATEWAY.format(preset=preset, given=given) + more)
    try:
        found = check(load(file, {}))
    except ConfigError as error:
        found = list(error.faults)
    return [str(fault).replace(f"{folder}/", "") for fault in found]


def test_the_eight_that_are_promised_ship() -> None:
    assert set(NAMES) >= {
        "generic", "hubspot-contact", "pipedrive-lead", "salesforce-lead", "zoho-lead",
        "odoo-lead", "apimo-lead", "followupboss-event",
    }  # fmt: skip
    assert {name for name, _ in CASES.values()} == set(NAMES)


@every_preset
def test_every_template_of_a_preset_compiles_and_names_what_is_there(preset: Preset) -> None:
    assert list(preset_faults(preset, Renderer())) == []


@every_preset
def test_the_sample_of_every_step_is_a_success_that_names_the_lead(preset: Preset) -> None:
    for step in preset.steps:
        rules = Rules(
            step.success,
            (*step.duplicate, *preset.duplicate),
            (*step.permanent, *preset.permanent),
            (*step.retry, *preset.retry),
        )
        verdict = judge(rules, Answer(answer_of(step.sample)), NOON)
        assert isinstance(verdict.outcome, Delivered), step.name
        assert verdict.id is not None or preset.id == "generic"


@every_preset
def test_a_preset_says_what_it_stands_on(preset: Preset) -> None:
    assert preset.docs
    assert preset.setup
    assert preset.repeat
    assert preset.rate_limit is not None
    assert preset.rate_note
    assert preset.max_body is not None
    assert all(parameter.help for parameter in preset.given.values())
    assert all(claim.source for claim in preset.claims if claim.status == "verified")


@pytest.mark.parametrize("case", CASES)
def test_no_secret_shows_when_a_configuration_is_printed(case: str) -> None:
    assert SECRET not in repr(config(case))
    assert any(SECRET in secret for secret in config(case).secrets)


@pytest.mark.parametrize(
    ("preset", "given", "said"),
    [
        (
            "hubspot-contact", "tokn: hush",
            "gateway.yaml:8: destinations.crm.with.tokn: the preset hubspot-contact has no such "
            'key; did you mean "token"?',
        ),
        (
            "hubspot-contact", "note: true",
            "gateway.yaml:7: destinations.crm.with: token is missing: write token: "
            '"${HUBSPOT_TOKEN}" (The private app\'s access token)',
        ),
        (
            "hubspot-contact", "{token: hush, note: perhaps}",
            "gateway.yaml:8: destinations.crm.with.note: write true or false",
        ),
        (
            "hubspot-contact", '{token: "{{ lead.id }}"}',
            "gateway.yaml:8: destinations.crm.with.token: no template can stand here: "
            "write the value itself",
        ),
        (
            "hubspot-contact", "{token: hush, properties: {a: '{{ contact.emial }}'}}",
            'gateway.yaml:8: destinations.crm.with.properties.a: "contact.emial" does not exist; '
            'did you mean "contact.email"?',
        ),
        (
            "hubspot-contcat", "token: hush",
            "gateway.yaml:6: destinations.crm.preset: there is no preset of this name; "
            'did you mean "hubspot-contact"?',
        ),
        (
            "salesforce-lead", "{domain: 'https://a.example', client_id: a, client_secret: hush}",
            "gateway.yaml:8: destinations.crm.with.domain: write the host alone, "
            "for example agency.example.com",
        ),
        (
            "pipedrive-lead", "{token: hush, owner: Anne}",
            "gateway.yaml:8: destinations.crm.with.owner: write a whole number",
        ),
        (
            "odoo-lead", "{url: 'https://odoo.example', key: hush, api: soap}",
            "gateway.yaml:8: destinations.crm.with.api: write one of json2, jsonrpc",
        ),
        (
            "generic", "url: https://n8n.example/webhook-test/hush",
            "gateway.yaml:8: destinations.crm.with.url: this is n8n's test address, which lives "
            "two minutes: write the production one",
        ),
        (
            "generic", "url: ftp://hush.example/",
            "gateway.yaml:8: destinations.crm.with.url: write a complete URL, for example "
            "https://sandbox.leads.api.groupeseloger.com",
        ),
        (
            "apimo-lead", "{provider: 'a:b', token: hush, agency: 3}",
            "gateway.yaml:7: destinations.crm.with: the credentials can not be used: "
            "username: a colon can not be sent in it",
        ),
    ],
)  # fmt: skip
def test_a_wrong_use_says_where_and_what_to_write(
    tmp_path: Path, preset: str, given: str, said: str
) -> None:
    if given.startswith("{"):
        given = "\n      ".join(_lines(given))
    found = faults(tmp_path, preset, given)

    assert [line for line in found if line.startswith(said)] != [], found
    assert "hush" not in "\n".join(found).replace("hush.example", "")


def _lines(given: str) -> list[str]:
    """A flow map with the key that is wrong, which is the last, on its own first line."""
    return ["<<: " + given]


def test_what_the_preset_brings_can_not_be_written_beside_it(tmp_path: Path) -> None:
    found = faults(tmp_path, "hubspot-contact", "token: hush", "    method: PUT\n")

    assert found == [
        "gateway.yaml:9: destinations.crm.method: the preset brings it; to change it, copy the "
        "preset into presets/ in your template folder, under a name of your own"
    ]


def test_with_without_a_preset_is_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    text = GATEWAY.format(preset="x", given="token: hush")
    file.write_text(text.replace("preset: x", "url: https://crm.example"))

    with pytest.raises(ConfigError) as caught:
        load(file, {})

    assert "destinations.crm.with: it fills a preset; name one, or remove it" in str(caught.value)


def test_a_missing_variable_of_a_credential_is_named_once(tmp_path: Path) -> None:
    found = faults(tmp_path, "hubspot-contact", 'token: "${HUBSPOT_TOKEN}"')

    assert len(found) == 1
    assert "the variable HUBSPOT_TOKEN is not set" in found[0]


def test_the_rate_of_a_preset_is_a_default_that_a_user_can_lower() -> None:
    assert config("hubspot-contact").rate == (100, 10.0)
    assert config("hubspot-contact", rate_limit="2/s").rate == (2, 1.0)
    assert config("zoho-lead").concurrency == 5
    assert config("zoho-lead", concurrency=2).concurrency == 2
    assert config("pipedrive-lead").idempotency == "none"


def test_a_secret_of_a_preset_is_kept_out_of_the_logs(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(GATEWAY.format(preset="apimo-lead", given="provider: 7\n      agency: 3\n"
                                   "      token: hush-4711"))  # fmt: skip

    assert "hush-4711" in load(file, {}).secrets


OWN = """id: {name}
version: 1
title: Own
creates: A lead.
docs: [{{url: "https://crm.example/docs", read: 2026-11-24}}]
claims: [{{what: It works., status: verified, source: our own API}}]
with: {{token: {{help: The token, kind: secret, required: true}}}}
url: https://crm.example
auth: {{bearer: "{{{{ with.token }}}}"}}
steps:
  - name: lead
    title: Create it
    path: /leads
    body: {{who: "{{{{ {value} }}}}"}}
    sample: {{status: 201}}
idempotency: key
repeat: Nothing.
"""


def own(folder: Path, name: str = "own-crm", value: str = "values.full_name", **put: str) -> Path:
    file = folder / "templates" / "presets" / f"{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    text = OWN.format(name=put.pop("id", name), value=value)
    for old, new in put.items():
        text = text.replace(old, new)
    file.write_text(text)
    return file


def test_a_user_can_write_a_preset(tmp_path: Path) -> None:
    own(tmp_path)

    assert faults(tmp_path, "own-crm", "token: hush") == []
    loaded = load(tmp_path / "gateway.yaml", {})
    crm: Any = loaded.config.destinations["crm"]
    assert crm.base_url == "https://crm.example"
    assert loaded.presets.is_own("own-crm")
    assert not loaded.presets.is_own("generic")


def test_a_users_preset_of_the_same_name_comes_before_ours(tmp_path: Path) -> None:
    own(tmp_path, "generic")

    assert Shelf([tmp_path / "templates"]).preset("generic").title == "Own"


def test_another_template_folder_is_looked_into(tmp_path: Path) -> None:
    own(tmp_path)
    (tmp_path / "templates").rename(tmp_path / "mine")

    assert faults(tmp_path, "own-crm", "token: hush", "template_dir: mine\n") == []


@pytest.mark.parametrize(
    ("put", "said"),
    [
        ({"title: Own": "titel: Own"}, "own-crm.yaml:3: titel: unknown key; did you mean"),
        ({"id": "other"}, "own-crm.yaml:1: id: write own-crm, as the file is named"),
        ({"status: 201": "status: many"}, "own-crm.yaml:15: steps[1].sample.status: write a whole"),
        ({"idempotency: key": "idempotency: maybe"}, "own-crm.yaml:16: idempotency: "),
        ({"url: https://crm.example\n": "url: crm.example\n"}, "url: begin it with https://"),
    ],
)
def test_a_broken_preset_of_a_users_says_its_own_line(
    tmp_path: Path, put: dict[str, str], said: str
) -> None:
    own(tmp_path, **put)

    found = faults(tmp_path, "own-crm", "token: hush")

    assert len([line for line in found if said in line]) == 1, found


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("with.tokn", 'own-crm.yaml:14: steps[1].body.who: "with.tokn" does not exist; did you'),
        ("values.ful_name", '"values.ful_name" does not exist; did you mean "values.full_name"'),
        ("saved.person.id", '"saved.person" does not exist'),
        ("lead.contact.emial", '"lead.contact.emial" does not exist'),
        ("lead.id |", "the template does not compile"),
    ],
)
def test_a_name_that_is_not_there_is_found_before_anything_is_sent(
    tmp_path: Path, value: str, said: str
) -> None:
    own(tmp_path, value=value)

    found = faults(tmp_path, "own-crm", "token: hush")

    assert any(said in line and "gateway.yaml:6: destinations.crm.preset" in line for line in found)


def test_a_changed_preset_is_another_configuration(tmp_path: Path) -> None:
    own(tmp_path)
    faults(tmp_path, "own-crm", "token: hush")
    before = load(tmp_path / "gateway.yaml", {}).digest

    own(tmp_path, value="values.last_name")

    assert load(tmp_path / "gateway.yaml", {}).digest != before


DOCS = Path(__file__).parents[2] / "docs" / "presets"


@every_preset
def test_the_page_of_a_preset_says_what_its_file_says(preset: Preset) -> None:
    file = DOCS / f"{preset.id}.md"
    written, mark, _ = file.read_text("utf-8").partition(" -->\n")
    assert mark, "the page needs the line that says where its second half comes from"

    goldens.matches(str(file), f"{written}{mark}\n{page(preset)}")


def test_every_preset_has_a_page_that_can_be_found() -> None:
    assert {file.stem for file in DOCS.glob("*.md")} == {*NAMES, "index"}
    nav = (DOCS.parents[1] / "mkdocs.yml").read_text("utf-8")
    index = (DOCS / "index.md").read_text("utf-8")
    assert [name for name in NAMES if f"presets/{name}.md" not in nav] == []
    assert [name for name in NAMES if f"({name}.md)" not in index] == []


@every_preset
def test_what_is_shown_to_paste_is_taken(tmp_path: Path, preset: Preset) -> None:
    file = tmp_path / "gateway.yaml"
    head = "version: 1\nsources: {website: {kind: push, token: a-token-of-mine}}\n"
    file.write_text(head + snippet(preset))
    commented = re.sub(r"# (\w+: )", r"\1", snippet(preset))
    names = re.findall(r"\$\{(\w+)", commented)
    environ = {name: "https://hook.example/x" if "URL" in name else "hush" for name in names}

    assert check(load(file, environ)) == []

    file.write_text(head + commented)  # with everything that it offers
    assert check(load(file, environ)) == []
