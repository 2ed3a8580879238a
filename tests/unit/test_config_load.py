"""A right configuration: what it says, where variables come from, what is kept of them."""

from __future__ import annotations

import pickle
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from gateway.config import ConfigError, Loaded, check, load, make_renderer
from gateway.destinations import WebhookConfig
from gateway.sources import GslConfig

CONTRACT = """\
version: 1
language: fr
timezone: Europe/Paris
retention: {leads: 30d, history: 90d}
links: {classified: "https://portal.example/annonces/{{ property.classified_id }}"}
sources:
  seloger:
    kind: gsl
    identity: seloger
    base_url: ${GSL_BASE_URL}
    token_url: ${GSL_TOKEN_URL}
    client_id: ${GSL_CLIENT_ID}
    client_secret: ${GSL_CLIENT_SECRET}
    scope: laas:leads:get
    token_params: {}
    feeds: [leads, classifieds, agencies, estimations, projects]
    paths: {}
    timestamps: seconds
    page_size: 100
    poll_every: 5s
    overlap: 15m
    start: 2026-11-01T00:00:00Z
  website:
    kind: push
    token: ${WEBSITE_TOKEN}
destinations:
  crm:
    kind: webhook
    url: https://crm.example.com/leads
    method: POST
    headers: {X-Agency: "42"}
    auth: {bearer: "${CRM_TOKEN}"}
    sign: {standard_webhooks: "${CRM_SIGNING_SECRET}"}
    success: {status: [200, 201, 202, 204]}
    idempotency: key
    timeout: 15s
    retry: {schedule: [5s, 15s, 45s, 2m, 5m, 15m, 1h, 3h, 8h, 12h], jitter: 0.2}
    rate_limit: 10/s
    concurrency: 32
  inbox:
    kind: email
    smtp: ${SMTP_URL}
    from: "Leads <leads@agency.example>"
    to: ["{{ agent.email or 'desk@agency.example' }}"]
    template: new-lead
  team:
    kind: slack
    webhook_url: ${SLACK_WEBHOOK_URL}
    template: new-lead
routes:
  - when: lead.category == "ESTIMATION"
    to: [inbox]
    stop: true
  - to: [crm, team]
network: {allow: []}
"""
"""The contract's own example, but for what a later version brings."""

ENVIRON = {
    "GSL_BASE_URL": "https://sandbox.leads.api.groupeseloger.com",
    "GSL_TOKEN_URL": "https://login.portal.example/oauth/token",
    "GSL_CLIENT_ID": "agency-42",
    "GSL_CLIENT_SECRET": "gsl-secret-value",
    "WEBSITE_TOKEN": "website-token-value",
    "CRM_TOKEN": "crm-token-value",
    "CRM_SIGNING_SECRET": "whsec_c2lnbmluZyBzZWNyZXQgdmFsdWU=",
    "SMTP_URL": "smtp://desk:p%40ssword@mail.example.com:587",
    "SLACK_WEBHOOK_URL": "https://hooks.slack.example/services/T0/B0/slack-secret",
}

SMALL = """\
version: 1
sources: {website: {kind: push, token: a-token-of-mine}}
destinations:
  crm: {kind: webhook, url: "https://crm.example.com/leads", headers: {X-Value: "%s"}}
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "gateway.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def header(loaded: Loaded) -> str:
    crm = loaded.config.destinations["crm"]
    assert isinstance(crm, WebhookConfig)
    return crm.headers["X-Value"]


def filled(folder: Path, value: str, environ: dict[str, str]) -> str:
    return header(load(write(folder, SMALL % value), environ))


def test_the_example_of_the_contract_is_read_as_it_stands(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, CONTRACT), ENVIRON)

    assert check(loaded) == []
    source, crm = loaded.config.sources["seloger"], loaded.config.destinations["crm"]
    assert isinstance(source, GslConfig)
    assert source.client_secret.get_secret_value() == "gsl-secret-value"
    assert crm.rate == (10, 1.0)
    assert crm.retry.schedule[-1] == timedelta(hours=12)
    assert loaded.config.routes[0].stop


def test_what_is_left_out_has_the_defaults_of_the_contract(tmp_path: Path) -> None:
    config = load(write(tmp_path, SMALL % "x"), {}).config

    crm = config.destinations["crm"]
    waits = [wait.total_seconds() for wait in crm.retry.schedule]
    assert waits == [5, 15, 45, 120, 300, 900, 3600, 10800, 28800, 43200]
    assert (crm.timeout, crm.concurrency, crm.rate_limit) == (timedelta(seconds=15), 32, None)
    assert (config.retention.leads, config.retention.history) == (
        timedelta(days=30),
        timedelta(days=90),
    )
    assert (config.language, config.timezone) == ("fr", "Europe/Paris")


@pytest.mark.parametrize(
    ("value", "environ", "expected"),
    [
        ("a ${NAME} b", {"NAME": "x"}, "a x b"),
        ("${ONE}${TWO}", {"ONE": "1", "TWO": "2"}, "12"),
        ("${NAME:-plain}", {}, "plain"),
        ("${NAME:-plain}", {"NAME": "set"}, "set"),
        ("${NAME:-plain}", {"NAME": ""}, "plain"),
        ("${NAME:-}", {}, ""),
        ("$${NAME}", {"NAME": "x"}, "${NAME}"),
        ("$NAME costs 5 $", {"NAME": "x"}, "$NAME costs 5 $"),
        ("${NAME}", {"NAME": "${OTHER}", "OTHER": "never"}, "${OTHER}"),
    ],
)
def test_variables_are_filled_in(
    tmp_path: Path, value: str, environ: dict[str, str], expected: str
) -> None:
    assert filled(tmp_path, value, environ) == expected


def test_a_price_in_dollars_is_no_variable(tmp_path: Path) -> None:
    assert filled(tmp_path, "${{ property.price }}", {}) == "${{ property.price }}"


@pytest.mark.parametrize("value", ['"}, evil: {"', "a: b", "- x", "# no", "{{ x", "!!tag", "&a *b"])
def test_what_a_variable_holds_never_changes_the_structure(tmp_path: Path, value: str) -> None:
    assert filled(tmp_path, "${NAME}", {"NAME": value}) == value


def test_a_variable_can_fill_a_number_and_a_choice(tmp_path: Path) -> None:
    text = SMALL % "x" + '  m: {kind: webhook, url: "https://m.example", concurrency: "${MANY}"}\n'

    loaded = load(write(tmp_path, text), {"MANY": "7"})

    assert loaded.config.destinations["m"].concurrency == 7


def test_a_map_that_is_merged_in_gives_way_to_keys_of_its_own(tmp_path: Path) -> None:
    text = """\
version: 1
destinations:
  one: &one {kind: webhook, url: "https://one.example", timeout: 9s, concurrency: 5}
  two:
    <<: *one
    timeout: 4s
"""
    two = load(write(tmp_path, text), {}).config.destinations["two"]

    assert (two.timeout, two.concurrency) == (timedelta(seconds=4), 5)


def test_dotenv_beside_the_file_adds_to_the_environment_and_never_overrides_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(
        "# ours\nexport D_ONE='from file $X'\nD_TWO=from-file\n", "utf-8"
    )
    monkeypatch.delenv("D_ONE", raising=False)
    monkeypatch.setenv("D_TWO", "from outside")

    assert (
        header(load(write(tmp_path, SMALL % "${D_ONE}, ${D_TWO}"))) == "from file $X, from outside"
    )


def test_a_broken_dotenv_says_its_line_and_not_its_value(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GOOD=1\nBAD='s3cret\n", "utf-8")

    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, SMALL % "x"))

    assert f"{tmp_path}/.env:2: write NAME=value, and close what a quote opens" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_secrets_are_collected_to_be_masked(tmp_path: Path) -> None:
    secrets = load(write(tmp_path, CONTRACT), ENVIRON).secrets

    assert {
        "gsl-secret-value",
        "website-token-value",
        "crm-token-value",
        "whsec_c2lnbmluZyBzZWNyZXQgdmFsdWU=",
        "smtp://desk:p%40ssword@mail.example.com:587",
        "p%40ssword",
        "p@ssword",
        "https://hooks.slack.example/services/T0/B0/slack-secret",
    } == secrets


def test_a_variable_that_is_called_a_secret_is_one_wherever_it_stands(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, SMALL % "${ODD_API_KEY}"), {"ODD_API_KEY": "abcdefgh"})

    assert "abcdefgh" in loaded.secrets


def test_no_secret_shows_when_a_configuration_is_printed(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, CONTRACT), ENVIRON)

    shown = repr(loaded) + repr(loaded.config)

    assert not [secret for secret in loaded.secrets if secret in shown]


def test_the_digest_changes_with_the_environment_and_not_with_a_comment(tmp_path: Path) -> None:
    def digest(text: str, value: str) -> str:
        return load(write(tmp_path, text), {"NAME": value}).digest

    text = SMALL % "${NAME}"
    assert digest(text, "one") == digest("# words\n" + text, "one")
    assert digest(text, "one") != digest(text, "two")


def test_a_loaded_configuration_can_be_handed_to_another_process(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, CONTRACT), ENVIRON)

    again: Any = pickle.loads(pickle.dumps(loaded))  # noqa: S301

    assert again == loaded


def test_ranges_become_networks(tmp_path: Path) -> None:
    text = SMALL % "x" + "network: {allow: [10.0.0.0/8, 'fd00::/8', 192.168.1.7]}\n"

    allowed = load(write(tmp_path, text), {}).config.network.allow

    assert allowed == tuple(
        ip_network(text) for text in ("10.0.0.0/8", "fd00::/8", "192.168.1.7/32")
    )


@pytest.mark.parametrize(("key", "folder"), [("", "templates"), ("template_dir: mine\n", "mine")])
def test_own_templates_come_before_the_packaged_ones(tmp_path: Path, key: str, folder: str) -> None:
    (tmp_path / folder / "slack").mkdir(parents=True)
    (tmp_path / folder / "slack" / "new-lead.json.j2").write_text("{}", "utf-8")
    loaded = load(write(tmp_path, SMALL % "x" + key), {})

    assert make_renderer(loaded).file("slack/new-lead.json.j2", {}) == "{}"
    assert check(loaded) == []
