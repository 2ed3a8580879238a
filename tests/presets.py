"""Every preset that ships, with what a user would write for it, and its calls without a receiver.

``CASES`` names the ways a preset is used in tests; ``calls`` gives the requests of a lead, each
step answered as the vendor's own sample in the preset says.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from gateway.config.presets import Shelf
from gateway.delivery import Continue, Message, Outcome
from gateway.destinations.presets import Preset, Sample
from gateway.destinations.webhook import PreparedRequest, WebhookConfig, WebhookDestination
from gateway.http import Exchange, HttpClient, Request
from gateway.lead import Lead
from gateway.render import Renderer
from tests import wire
from tests.builders import NOON

SHELF = Shelf()

SECRET = "hush-0815-4711"
"""Stands wherever a preset wants a secret."""

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "generic": ("generic", {"url": f"https://hooks.example/catch/{SECRET}/"}),
    "hubspot-contact": ("hubspot-contact", {"token": SECRET, "owner": "{{ agent.ids.hubspot }}"}),
    "hubspot-contact-by-lead-id": (
        "hubspot-contact",
        {
            "token": SECRET, "note": False, "lead_id_property": "portal_lead_id",
            "properties": {"prix": "{{ property.price }}", "ref": "{{ property.reference }}"},
        },
    ),
    "pipedrive-lead": (
        "pipedrive-lead",
        {"token": SECRET, "owner": 12, "labels": ["f08b42a0"],
         "lead_fields": {"f2722": "{{ property.reference }}"}},
    ),
    "salesforce-lead": (
        "salesforce-lead",
        {"domain": "agency.my.salesforce.com", "client_id": "3MVG9", "client_secret": SECRET,
         "fields": {"Property_Ref__c": "{{ property.reference }}"}},
    ),
    "zoho-lead": (
        "zoho-lead",
        {"client_id": "1000.AB", "client_secret": SECRET, "refresh_token": SECRET + "-refresh",
         "owner": "4150868"},
    ),
    "odoo-lead": ("odoo-lead", {"url": "https://agency.odoo.example", "key": SECRET, "team": 3}),
    "odoo-lead-jsonrpc": (
        "odoo-lead",
        {"url": "https://agency.odoo.example", "key": SECRET, "api": "jsonrpc", "uid": 2,
         "database": "agency", "fields": {"x_reference": "{{ property.reference }}"}},
    ),
    "apimo-lead": (
        "apimo-lead",
        {"provider": 12, "token": SECRET, "agency": 34, "property": "{{ property.reference }}"},
    ),
    "followupboss-event": (
        "followupboss-event",
        {"key": SECRET, "system_key": SECRET + "-system", "tags": ["portal"]},
    ),
}  # fmt: skip


def config(case: str, more: dict[str, Any] | None = None, **keys: Any) -> WebhookConfig:
    """The configuration of a case; ``more`` goes into ``with``, ``keys`` beside it."""
    name, given = CASES[case]
    written = {"kind": "webhook", "preset": name, "with": {**given, **(more or {})}, **keys}
    return WebhookConfig.model_validate(
        written, by_alias=True, by_name=False, context={"presets": SHELF}
    )


def renderer(language: str = "fr") -> Renderer:
    return Renderer(
        language=language,
        timezone=ZoneInfo("Europe/Paris"),
        public_url="https://leads.example",
        links={"classified": "https://portal.example/annonces/{{ property.classified_id }}"},
    )


@dataclass
class Call:
    """One step as it goes out, and what its answer meant."""

    prepared: PreparedRequest
    outcome: Outcome

    @property
    def body(self) -> Any:
        """Its JSON."""
        return json.loads(self.prepared.request.body)


class Sampled(HttpClient):
    """Answers every step as its sample says, and every token request; there is nobody there."""

    def __init__(self, preset: Preset) -> None:
        super().__init__(wire.loopback())
        self._preset = preset
        self.step = ""

    async def exchange(self, request: Request, timeout: float) -> Exchange:
        if request.method == "GET":  # a question: it is not there yet
            return Exchange(200, {}, b'{"success": true, "data": []}', False, 0.1)
        (sample,) = (step.sample for step in self._preset.steps if step.name == self.step)
        return answer_of(sample)


def answer_of(sample: Sample) -> Exchange:
    body = (sample.text or "").encode() if sample.body is None else json.dumps(sample.body).encode()
    return Exchange(sample.status, sample.headers, body, False, 0.1)


async def calls(case: str, lead: Lead, language: str = "fr") -> AsyncIterator[Call]:
    """The calls of one delivery, up to its end."""
    made = config(case)
    assert made.recipe is not None
    http = Sampled(made.recipe)
    destination = WebhookDestination("crm", made, renderer(language), http)
    destination._signin._tokens = None  # the sample has no token endpoint
    message = Message("dlv_0123", "crm", NOON)
    while True:
        prepared = destination.render(lead, message)
        http.step = prepared.step.name if prepared.step else ""
        outcome = await destination.send(prepared)
        yield Call(prepared, outcome)
        if not isinstance(outcome, Continue):
            return
        message = Message("dlv_0123", "crm", NOON, attempt=message.attempt + 1, saved=outcome.saved)
