"""What gateway.yaml may say of a webhook, and the sentence for what it may not."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from gateway.destinations.webhook import WebhookConfig

URL = "https://crm.example/leads"


def config(**given: Any) -> WebhookConfig:
    return WebhookConfig.model_validate({"kind": "webhook", "url": URL, **given})


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"url": "ftp://crm.example"}, "begin it with https://"),
        ({"url": "crm.example/leads"}, "begin it with https://"),
        ({"url": "https://"}, "write the host out"),
        ({"url": "https:///leads"}, "write the host out"),
        ({"url": "https://{{ lead.source }}/"}, "write the host out"),
        ({"url": "https://crm.example{{ lead.source }}/"}, "write the host out"),
        ({"url": "https://{{ lead.source }}@crm.example/"}, "write the host out"),
        ({"url": "https://crm.example:{{ lead.source }}/"}, "write the host out"),
        ({"url": "https://desk:hush@crm.example/"}, "auth.basic"),
        ({"url": "https://crm.example/#leads"}, "it is never sent"),
        ({"url": "https://crm.example/a b"}, "write a blank as %20"),
        ({"url": "https://crm.example:99999/"}, "host or port can not be read"),
        ({"method": "GET"}, "POST"),
        ({"headers": {"X A": "b"}}, "letters, digits and hyphens"),
        ({"headers": {"X-A": "b\r\nX-B: c"}}, "one line of plain text"),
        ({"headers": {"Host": "elsewhere.example"}}, "set by the gateway itself"),
        ({"headers": {"Content-Length": "3"}}, "set by the gateway itself"),
        ({"headers": {"Webhook-Signature": "v1,hush"}}, "set by the gateway itself"),
        ({"headers": {"X-A": "b", "x-a": "c"}}, "given twice"),
        ({"headers": {"Authorization": "b"}, "auth": {"bearer": "hush"}}, "given twice"),
        ({"auth": {}}, "exactly one of"),
        ({"auth": {"bearer": "hush", "basic": {"username": "a", "password": "hush"}}}, "exactly"),
        ({"auth": {"bearer": ""}}, "the secret is empty"),
        ({"auth": {"bearer": "hush\n"}}, "a line break"),
        ({"auth": {"basic": {"username": "a:b", "password": "hush"}}}, "a colon"),
        ({"auth": {"api_key": {"value": "hush"}}}, "either header or query"),
        ({"auth": {"api_key": {"header": "X-A", "query": "a", "value": "hush"}}}, "either"),
        ({"sign": {"standard_webhooks": "whsec_hush!"}}, "must be base64"),
        ({"sign": {"standard_webhooks": ""}}, "can not be empty"),
        ({"sign": {"standard_webhooks": []}}, "at least 1"),
        ({"success": {"status": []}}, "at least 1"),
        ({"success": {"status": [99]}}, "greater than or equal to 100"),
        ({"idempotency": "maybe"}, "natural"),
    ],
)
def test_a_wrong_webhook_is_told_what_to_write(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        config(**given)
    assert sentence in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9000/leads",
        "https://crm.example",
        "https://crm.example/agencies/{{ agent.name }}?ref={{ property.reference }}",
        "https://crm.example/?a={% if lead.test %}1{% endif %}",
        "https://[2001:db8::1]:8443/leads",
        "https://bücher.example/leads",
    ],
)
def test_a_usable_url_is_taken(url: str) -> None:
    assert config(url=url).url == url


def test_nothing_secret_shows_when_a_configuration_is_printed() -> None:
    shown = repr(
        config(
            auth={"basic": {"username": "desk", "password": "hush"}},
            sign={"standard_webhooks": ["whsec_aHVzaA==", "hush"]},
        )
    )
    assert "hush" not in shown
    assert "aHVzaA" not in shown
