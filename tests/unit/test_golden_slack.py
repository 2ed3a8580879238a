"""What Slack gets of a lead, for every category: as golden files, and as Slack's SDK judges it."""

from __future__ import annotations

import functools
import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.models.attachments import BlockAttachment
from slack_sdk.models.blocks import Block

from gateway.addresses import AddressGuard
from gateway.delivery import Message
from gateway.destinations.slack import SlackConfig, SlackDestination
from gateway.destinations.slack_blocks import limits_broken
from gateway.http import HttpClient
from gateway.lead import Contact, Estimation, Lead, Property
from gateway.render import Renderer
from tests import goldens
from tests.builders import CATEGORIES, LEADS, NOON, a_lead

CASES = [(c, lead, lang) for c in CATEGORIES for lead in LEADS for lang in ("fr", "en")]
MESSAGE = Message("dlv_0123", "team", NOON)


@functools.cache
def team(language: str = "fr") -> SlackDestination:
    renderer = Renderer(
        language=language,
        timezone=ZoneInfo("Europe/Paris"),
        public_url="https://leads.example",
        links={"classified": "https://portal.example/annonces/{{ property.classified_id }}"},
        claim_link=lambda lead, message: f"https://leads.example/claim/{message.id}",
    )
    config = SlackConfig.model_validate({"webhook_url": "https://hooks.slack.com/services/T0/B0/x"})
    return SlackDestination("team", config, renderer, HttpClient(AddressGuard()))


def accepted_by_the_sdk(payload: dict[str, Any]) -> None:
    """Raises what Slack's own library raises of a message with which Slack would be unhappy."""
    groups = [payload["blocks"], *(part["blocks"] for part in payload["attachments"])]
    for blocks in groups:
        known = Block.parse_all(blocks)
        assert len(known) == len(blocks)
        for block in known:
            block.validate_json()
            block.to_dict()
    for part in payload["attachments"]:
        made = BlockAttachment(blocks=Block.parse_all(part["blocks"]), color=part["color"])
        made.validate_json()


@pytest.mark.parametrize(("category", "lead", "language"), CASES)
def test_a_message_is_what_was_read(category: str, lead: str, language: str) -> None:
    payload = team(language).render(LEADS[lead](category), MESSAGE).payload
    accepted_by_the_sdk(payload)
    text = json.dumps(payload, ensure_ascii=False, indent=1)
    assert "None" not in text
    goldens.matches(f"slack/{category.lower()}-{lead}.{language}.json", text + "\n")


def test_no_golden_message_is_left_over() -> None:
    names = [f"slack/{category.lower()}-{lead}.{lang}.json" for category, lead, lang in CASES]
    goldens.nothing_else("slack", names)


NASTY = st.text(
    st.sampled_from('<>&|*_~`:@#!"\\\n\r\t\x00\u202e\ud83d🏡👩\u200d👧é a1{}%'), max_size=300
)
ANY = st.none() | st.text(max_size=200) | NASTY | NASTY.map(lambda text: text * 30)
AMOUNT = st.none() | st.integers(-10, 10**40) | st.floats()
SOME = st.lists(NASTY, max_size=40).map(tuple)
TEXTS = ("type", "city", "postal_code", "reference", "url", "currency", "classified_id", "message",
         "surface_unit", "transaction")  # fmt: skip
NUMBERS = ("price", "rent", "rooms", "surface", "budget", "rooms_min")
CONTACTS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("full_name", "email", "phone", "phone_raw"), ANY)
)
ESTATES = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(TEXTS, ANY)
    | dict.fromkeys(NUMBERS, AMOUNT)
    | {"types": SOME, "cities": SOME},
)


@settings(max_examples=60, deadline=None)
@given(CONTACTS, ESTATES, ANY, ANY, SOME)
def test_no_lead_breaks_slacks_limits_or_speaks_its_language(
    contact: dict[str, Any],
    estate: dict[str, Any],
    message: str | None,
    category: str | None,
    portals: tuple[str, ...],
) -> None:
    lead = a_lead(
        message=message, category=category, portals=portals, contact=Contact(**contact),
        property=Property(**estate), estimation=Estimation(city=message, actor_price=10**30),
    )  # fmt: skip
    payload = team().render(lead, MESSAGE).payload
    assert limits_broken(payload) == []
    accepted_by_the_sdk(payload)
    json.dumps(payload, ensure_ascii=False).encode()
    for text in mrkdwn_of(payload):
        assert "<" not in text.replace("<tel:", "").replace("<mailto:", "")


def mrkdwn_of(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for item in value for text in mrkdwn_of(item)]
    if not isinstance(value, dict):
        return []
    own = [value["text"]] if value.get("type") == "mrkdwn" else []
    return own + [text for item in value.values() for text in mrkdwn_of(item)]


def test_the_agent_is_mentioned_where_slack_tells_them() -> None:
    payload = team().render(LEADS["complete"]("CLASSIFIED"), MESSAGE).payload
    assert payload["blocks"][1]["elements"][0]["text"] == "Pour <@U012>"


def test_what_shows_on_a_locked_screen_has_no_number() -> None:
    lead = a_lead(contact=Contact(full_name="Zoé 06 39 98 00 00", phone="+33639980000"))
    assert "39" not in team().render(lead, MESSAGE).payload["text"]


def test_a_bare_lead_has_no_empty_part() -> None:
    bare = Lead(id="b", source="s", identity="s", kind="gsl", received_at=NOON)
    accepted_by_the_sdk(team().render(bare, MESSAGE).payload)
