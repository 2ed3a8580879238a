"""The standard envelope, as bytes."""

from __future__ import annotations

import json

from gateway.delivery import Message
from gateway.destinations.webhook_body import envelope
from tests.builders import NOON, a_lead

MESSAGE = Message("dlv_1", "crm", NOON)


def test_it_is_compact_json_in_the_contracts_order_and_the_same_every_time() -> None:
    body = envelope(a_lead(), MESSAGE)
    assert body.startswith(
        b'{"type":"lead.created","timestamp":"2026-11-24T12:00:00.000Z","data":{"id"'
    )
    assert json.loads(body)["data"] == a_lead().as_dict()
    assert envelope(a_lead(), MESSAGE) == body


def test_half_a_character_in_a_lead_is_replaced_and_the_rest_is_sent() -> None:
    found = json.loads(envelope(a_lead(message="Bonjour \ud83d !"), MESSAGE))
    assert found["data"]["message"] == "Bonjour ? !"
    assert found["data"]["contact"]["full_name"] == "Camille Essai"
