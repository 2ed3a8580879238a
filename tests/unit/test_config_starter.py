"""What `init` writes and what editors are given: both true to what is accepted."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from gateway.config import StarterExistsError, check, load, schema, write_starter
from gateway.config.environment import read_dotenv

TOP = Path(__file__).parents[2]


def valid(text: str) -> bool:
    validator = jsonschema.Draft202012Validator(schema())
    return validator.is_valid(YAML(typ="safe").load(text))


def test_the_starter_is_a_configuration_with_only_its_own_values_to_fill_in(tmp_path: Path) -> None:
    write_starter(tmp_path)

    faults = check(load(tmp_path / "gateway.yaml", read_dotenv(tmp_path / ".env")))

    assert faults
    assert all("still holds the starter's value: write your own" in str(item) for item in faults)


def test_the_rest_of_the_starter_is_right_when_its_comments_are_taken_off(tmp_path: Path) -> None:
    write_starter(tmp_path)
    file = tmp_path / "gateway.yaml"
    lines = file.read_text("utf-8").splitlines()
    examples = ("website:", "kind:", "token:", "inbox:", "smtp:", "from:", "to:", "team:", "auth:",
                "webhook_url:", "routes:", "- {", "network:")  # fmt: skip
    bare = [
        line.replace("# ", "", 1) if line.lstrip(" #").startswith(examples) else line
        for line in lines
    ]
    file.write_text("\n".join(bare), "utf-8")
    names = ("WEBSITE_TOKEN", "CRM_TOKEN", "SLACK_WEBHOOK_URL", "SMTP_URL")
    values = ("a-token", "a-token", "https://hooks.slack.example/x", "smtp://mail.example.com")
    environ = {**read_dotenv(tmp_path / ".env"), **dict(zip(names, values, strict=True))}

    loaded = load(file, environ)

    assert set(loaded.config.sources) == {"seloger", "website"}
    assert set(loaded.config.destinations) == {"crm", "inbox", "team"}
    assert [fault for fault in check(loaded) if not fault.warning] == []


def test_the_starter_makes_a_new_signing_secret_each_time(tmp_path: Path) -> None:
    write_starter(tmp_path / "one")
    write_starter(tmp_path / "two")

    one, two = (read_dotenv(tmp_path / name / ".env") for name in ("one", "two"))

    assert one["CRM_SIGNING_SECRET"].startswith("whsec_")
    assert one["CRM_SIGNING_SECRET"] != two["CRM_SIGNING_SECRET"]


def test_the_starters_secrets_are_for_their_owner_alone(tmp_path: Path) -> None:
    _, dotenv = write_starter(tmp_path)

    assert stat.S_IMODE(dotenv.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["gateway.yaml", ".env"])
def test_the_starter_overwrites_nothing_and_writes_no_half(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine", "utf-8")

    with pytest.raises(StarterExistsError, match=f"{name} exists already: nothing was written"):
        write_starter(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text("utf-8") == "mine"


def test_the_starter_overwrites_when_it_is_told_to(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("mine", "utf-8")

    write_starter(tmp_path, force=True)

    assert "GSL_CLIENT_ID" in read_dotenv(tmp_path / ".env")


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_the_schema_accepts_the_starter(tmp_path: Path) -> None:
    write_starter(tmp_path)

    assert valid((tmp_path / "gateway.yaml").read_text("utf-8"))


DESTINATION = "version: 1\ndestinations: {crm: {kind: webhook, url: 'https://crm.example.com'%s}}"


@pytest.mark.parametrize(
    "more",
    [
        "",
        ", concurrency: 5",
        ", concurrency: '${MANY}'",
        ", concurrency: '${MANY:-5}'",
        ", timeout: '${WAIT}'",
        ", timeout: 1500ms",
        ", method: '${METHOD}'",
        ", rate_limit: 100/10s",
        ", success: {json: {ok: true}}",
        ", body: {id: '{{ lead.id }}', nested: [1, {a: null}]}",
        ", sign: {standard_webhooks: [one, two]}",
        ", retry: {schedule: [5s, '${WAIT}'], jitter: 0}",
    ],
)
def test_the_schema_accepts_what_the_gateway_accepts(more: str) -> None:
    assert valid(DESTINATION % more)


@pytest.mark.parametrize(
    "more",
    [
        ", concurrency: many",
        ", concurrency: 0",
        ", timeuot: 5s",
        ", timeout: 5",
        ", method: GET",
        ", preset: hubspot-contact",
        ", auth: {oauth2: {}}",
        ", retry: {when: [{status: 500}]}",
        ", sender: x",
        ", kind: smoke",
    ],
)
def test_the_schema_refuses_what_the_gateway_refuses(more: str) -> None:
    text = DESTINATION % more
    if "kind: smoke" in more:
        text = text.replace("kind: webhook, ", "")

    assert not valid(text)


def test_the_schema_shows_defaults_as_they_are_written() -> None:
    definitions: dict[str, Any] = schema()["$defs"]

    webhook = definitions["WebhookConfig"]["properties"]
    assert webhook["timeout"]["default"] == "15s"
    assert webhook["retry"]["default"]["schedule"][:2] == ["5s", "15s"]
    assert definitions["GslConfig"]["properties"]["poll_every"]["default"] == "5s"
    assert definitions["GslConfig"]["properties"]["reconcile"]["default"] == {
        "every": "5m",
        "over": "2h",
    }


def test_the_environments_example_names_all_that_is_read(tmp_path: Path) -> None:
    text = (TOP / ".env.example").read_text("utf-8")
    write_starter(tmp_path)

    contract = (
        "REDIS_URL", "LEAD_GATEWAY_NAMESPACE", "LEAD_GATEWAY_CONFIG", "LEAD_GATEWAY_DATA_DIR",
        "LEAD_GATEWAY_ADMIN_TOKEN", "LEAD_GATEWAY_ENCRYPTION_KEYS", "LEAD_GATEWAY_PUBLIC_URL",
        "LEAD_GATEWAY_LOG_FORMAT", "LEAD_GATEWAY_LOG_LEVEL",
    )  # fmt: skip
    assert [name for name in contract if f"{name}=" not in text] == []
    assert [name for name in read_dotenv(tmp_path / ".env") if f"{name}=" not in text] == []
    assert read_dotenv(TOP / ".env.example")
