"""What mails say of leads that wait to be claimed, climb, and are claimed."""

from __future__ import annotations

from email.message import EmailMessage
from typing import Any

import pytest

from gateway.addresses import AddressGuard
from gateway.delivery import Message
from gateway.destinations import EmailConfig, EmailDestination
from gateway.lead import Agent, Person
from gateway.render import Renderer
from tests.builders import NOON, a_lead

LINK = "https://leads.example/claim/dlv_0.1.x"


def mail(occasion: str = "new", language: str = "fr", **lead: Any) -> EmailMessage:
    config = EmailConfig.model_validate(
        {"smtp": "smtp://mail.example", "from": "leads@agency.example", "to": ["a@agency.example"]}
    )
    renderer = Renderer(
        language=language,
        claim_link=lambda lead, message: None if message.occasion == "claimed" else LINK,
    )
    inbox = EmailDestination("inbox", config, renderer, AddressGuard())
    return inbox.render(a_lead(**lead), Message("dlv_0123", "inbox", NOON, occasion)).message


def parts(message: EmailMessage) -> list[str]:
    found = [message.get_body((kind,)) for kind in ("plain", "html")]
    return [part.get_content() for part in found if part is not None]


def test_a_lead_that_waits_has_one_button_to_take_it() -> None:
    text, page = parts(mail())
    assert f"Je m’en occupe\u202f: {LINK}" in text
    assert page.count(f'href="{LINK}"') == 1


@pytest.mark.parametrize(
    ("occasion", "word"), [("escalation:2", "Personne n’a encore pris"), ("claimed", "pris en")]
)
def test_a_mail_says_why_it_comes_again(occasion: str, word: str) -> None:
    message = mail(occasion, agent=Agent(name="Anne Martin"))
    assert all(word in part for part in parts(message))
    again = "Sans réponse" if occasion == "escalation:2" else "Pris en charge"
    assert again in message["subject"]
    assert len(message["subject"]) <= 78


def test_who_has_it_is_told_and_no_button_is_left() -> None:
    text, page = parts(mail("claimed", agent=Agent(name="Anne Martin")))
    assert "Anne Martin" in text
    assert LINK not in text + page


def test_only_other_leads_of_the_person_are_counted() -> None:
    assert "Autres demandes" not in parts(mail(person=Person(recent_count=1)))[0]
    assert "Autres demandes récentes\u202f: 2" in parts(mail(person=Person(recent_count=3)))[0]
