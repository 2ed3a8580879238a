"""What agents and their software read in a mail, for every category, as golden files."""

from __future__ import annotations

import functools
import re
from email.message import EmailMessage
from typing import cast
from zoneinfo import ZoneInfo

import pytest

from gateway.addresses import AddressGuard
from gateway.delivery import Message
from gateway.destinations.email import EmailConfig, EmailDestination
from gateway.render import Renderer
from tests import goldens
from tests.builders import CATEGORIES, LEADS, NOON

CASES = [(c, lead, lang) for c in CATEGORIES for lead in LEADS for lang in ("fr", "en")]

every_case = pytest.mark.parametrize(("category", "lead", "language"), CASES)


@functools.cache
def renderer(language: str) -> Renderer:
    zone = ZoneInfo("Europe/Paris")
    return Renderer(
        language=language,
        timezone=zone,
        public_url="https://leads.example",
        claim_link=lambda lead, message: f"https://leads.example/claim/{message.id}",
    )


def mail(category: str, lead: str, language: str, template: str = "new-lead") -> EmailMessage:
    config = EmailConfig.model_validate(
        {
            "smtp": "smtp://mail.example",
            "from": "Leads <leads@agency.example>",
            "to": [
                "{{ agent.name }} <anne@agency.example>" if lead == "complete" else "a@b.example"
            ],
            "template": template,
        }
    )
    inbox = EmailDestination("inbox", config, renderer(language), AddressGuard())
    message = Message("dlv_0123", "inbox", NOON, person="0a1b2c3d")
    return inbox.render(LEADS[lead](category), message).message


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return cast(str, body.get_content()).replace("\r\n", "\n")


@every_case
def test_the_text_of_a_mail_is_what_was_read(category: str, lead: str, language: str) -> None:
    message = mail(category, lead, language)
    head = "".join(f"{name}: {value}\n" for name, value in message.items())
    text = f"{head}\n{part(message, 'plain')}"
    assert "None" not in text
    assert "&lt;b&gt;" not in text
    goldens.matches(f"mail/{category.lower()}-{lead}.{language}.txt", text)


@every_case
def test_the_page_of_a_mail_is_what_was_read(category: str, lead: str, language: str) -> None:
    page = part(mail(category, lead, language), "html")
    assert "None" not in page
    assert not [twice for twice in ("&amp;lt;b", "&amp;#39;", "&amp;amp;amp;") if twice in page]
    # The styles are the same in all of them, and are looked at in a browser.
    bare = re.sub(r"<style>.*?</style>\s*|\s(?:style|class)=\"[^\"]*\"", "", page, flags=re.DOTALL)
    bare = re.sub(r"\n\s*(?=\n)", "", bare)
    bare = bare.replace("<br>", "<br>\n")
    goldens.matches(f"mail/{category.lower()}-{lead}.{language}.html", bare)


@every_case
def test_what_software_reads_is_what_was_read(category: str, lead: str, language: str) -> None:
    message = mail(category, lead, language, "parser")
    assert message.get_content_type() == "text/plain"
    text = f"Subject: {message['Subject']}\n\n{part(message, 'plain')}"
    assert "None" not in text
    goldens.matches(f"parser/{category.lower()}-{lead}.{language}.txt", text)


@every_case
def test_a_subject_is_short_and_discreet(category: str, lead: str, language: str) -> None:
    subject = mail(category, lead, language)["Subject"]
    assert len(subject) <= 78
    assert subject.startswith("[")
    assert not re.search(r"\d\d.?\d\d.?\d\d.?\d\d", subject)
    if LEADS[lead](category).property.reference:
        assert ("Réf. " if language == "fr" else "Ref. ") in subject


def test_a_number_in_a_name_does_not_get_into_the_subject() -> None:
    lead = LEADS["complete"]("CLASSIFIED")
    contact = lead.contact.model_copy(update={"full_name": "Zoé 06 39 98 00 00"})
    config = EmailConfig.model_validate(
        {"smtp": "smtp://mail.example", "from": "a@b.example", "to": ["a@b.example"]}
    )
    inbox = EmailDestination("inbox", config, renderer("fr"), AddressGuard())
    lead = lead.model_copy(update={"contact": contact})
    message = inbox.render(lead, Message("dlv_0123", "inbox", NOON)).message
    assert message["Subject"].startswith("[SeLoger] Zoé ••• – T3 68")
    assert "06 39 98 00 00" in part(message, "plain")


def test_no_golden_mail_is_left_over() -> None:
    names = [f"{category.lower()}-{lead}.{language}" for category, lead, language in CASES]
    goldens.nothing_else(
        "mail", [f"mail/{name}.{kind}" for name in names for kind in ("txt", "html")]
    )
    goldens.nothing_else("parser", [f"parser/{name}.txt" for name in names])
