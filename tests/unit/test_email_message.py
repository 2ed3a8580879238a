"""The mail of a lead: headers nobody can write into, and bodies that read the same everywhere."""

from __future__ import annotations

import functools
import html
import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.addresses import AddressGuard
from gateway.delivery import Message
from gateway.destinations.email import EmailConfig, EmailDestination
from gateway.destinations.email_message import address
from gateway.destinations.email_recipients import PreparedMail
from gateway.lead import Agent, Contact, Lead, Property
from gateway.render import Renderer, TemplateError
from gateway.sandbox.leads import sample
from gateway.sources.gsl_lead import normalise
from tests.builders import NOON, a_lead

MESSAGE = Message("dlv_0123", "inbox", NOON)
HOSTILE = (
    "</b><script>alert(1)</script> {{ 7*7 }} {% raw %} &amp; \"'> \u202ecba 🏡👨\u200d👩\u200d👧 "
    "سلام \r\nBcc: all@example.com\r\n\r\n.\r\nQUIT\r\n\x00\x1b[2J"
)
SEEN = "</b><script>alert(1)</script> {{ 7*7 }} {% raw %} &amp; \"'> cba 🏡👨\u200d👩\u200d👧 سلام"


def inbox(
    language: str = "fr", template_dirs: tuple[Path, ...] = (), **given: Any
) -> EmailDestination:
    config = EmailConfig.model_validate(
        {
            "smtp": "smtp://mail.example:587",
            "from": "Leads <leads@agency.example>",
            "to": ["desk@agency.example"],
            **given,
        }
    )
    return EmailDestination("inbox", config, renderer(language, template_dirs), AddressGuard())


@functools.cache
def renderer(language: str, template_dirs: tuple[Path, ...]) -> Renderer:
    """Compiling the templates takes longer than every mail of these tests together."""
    return Renderer(template_dirs, language=language, public_url="https://leads.example")


def mail(lead: Lead, **given: Any) -> EmailMessage:
    return read(inbox(**given).render(lead, MESSAGE))


def read(prepared: PreparedMail) -> EmailMessage:
    """What a mail program makes of the bytes that go out."""
    raw = prepared.message.as_bytes()
    assert raw.isascii()
    assert max(map(len, raw.splitlines())) <= 998
    return cast(EmailMessage, message_from_bytes(raw, policy=policy.default))


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return cast(str, body.get_content())


def test_the_headers_are_those_of_a_mail_that_a_program_sends() -> None:
    message = mail(a_lead(), cc=["Anne Martin <anne@agency.example>"], bcc=["boss@agency.example"])
    assert message["From"] == "Leads <leads@agency.example>"
    assert message["To"] == "desk@agency.example"
    assert message["Cc"] == "Anne Martin <anne@agency.example>"
    assert message["Bcc"] is None
    assert message["Reply-To"] == "Camille Essai <camille@example.org>"
    assert message["Message-ID"] == "<dlv_0123@agency.example>"
    assert message["References"] is None
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert message["Content-Language"] == "fr"
    assert message["X-Lead-Id"] == "lead-1"
    assert message["Date"] == "Tue, 24 Nov 2026 12:00:00 +0000"
    assert message["Subject"] == "[seloger] Camille Essai"
    assert message.get_content_type() == "multipart/alternative"
    assert [item.get_content_type() for item in message.iter_parts()] == ["text/plain", "text/html"]


def test_every_recipient_is_reached_once() -> None:
    prepared = inbox(
        to=["desk@agency.example", "Desk <desk@agency.example>"],
        cc=["anne@agency.example"],
        bcc=["boss@agency.example", "desk@agency.example"],
    ).render(a_lead(), MESSAGE)
    assert prepared.recipients == (
        "desk@agency.example", "anne@agency.example", "boss@agency.example",
    )  # fmt: skip


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("category", ["CLASSIFIED", "AGENCY", "ESTIMATION", "PROJECT"])
def test_a_lead_of_each_category_reads_well(category: str, language: str) -> None:
    lead = normalise(sample(category, NOON), source="seloger", identity="seloger", received_at=NOON)
    message = mail(lead, language=language)
    for kind in ("plain", "html"):
        text = part(message, kind)
        assert lead.contact.full_name in text
        assert lead.contact.email in text
        assert "None" not in text
    assert f'href="{lead.contact.phone and "tel:" + lead.contact.phone}"' in part(message, "html")
    assert ("Téléphone\u202f: 0" if language == "fr" else "Phone: +33 ") in part(message, "plain")
    assert ("Appeler" if language == "fr" else "Call") in part(message, "html")


def shown(source: str) -> str:
    """The text a reader sees of a page."""
    body = source.partition("</head>")[2].replace("<br>", "\n")
    return html.unescape(re.sub(r"<[^>]*>", "", body))


def test_a_hostile_lead_is_escaped_once_and_injects_nothing() -> None:
    lead = a_lead(
        message=HOSTILE,
        contact=Contact(full_name=HOSTILE, email="camille@example.org"),
        property=Property(city=HOSTILE, reference=HOSTILE, type=HOSTILE, url="javascript:alert(1)"),
        category=HOSTILE,
        portals=(HOSTILE,),
    )
    message = mail(lead)
    page, text = part(message, "html"), part(message, "plain")
    assert message["Bcc"] is None
    assert {name.lower() for name in message.keys()} == {  # noqa: SIM118 - repeats would show
        "from", "to", "subject", "reply-to", "date", "message-id", "auto-submitted", "x-lead-id",
        "x-auto-response-suppress", "content-language", "x-mailer", "mime-version", "content-type",
    }  # fmt: skip
    assert len(message.keys()) == 13
    assert "<script" not in page
    assert "javascript:" not in page
    assert "&amp;amp;lt;" not in page
    assert SEEN in shown(page)
    assert SEEN in text
    assert not set("\x00\x1b\u202e") & set(page + text)
    assert message["Reply-To"].addresses[0].addr_spec == "camille@example.org"
    assert len(message["Reply-To"].addresses) == 1


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=120), st.text(max_size=60))
def test_no_name_and_no_message_breaks_the_headers(name: str, words: str) -> None:
    lead = a_lead(message=words, contact=Contact(full_name=name, email="c@example.org"))
    message = mail(lead)
    assert [str(item.addr_spec) for item in message["To"].addresses] == ["desk@agency.example"]
    assert [str(item.addr_spec) for item in message["Reply-To"].addresses] == ["c@example.org"]
    assert len(message.keys()) == 13
    assert "\n" not in message["Subject"]
    assert message["X-Lead-Id"] == "lead-1"


@pytest.mark.parametrize("unit", ["x", "🏡", "&", "<", "é ", "\n", "a\r\nb "])
def test_a_message_of_100_kb_is_still_a_mail(unit: str) -> None:
    lead = a_lead(message=unit * (100_000 // len(unit)), contact=Contact(full_name=unit * 2000))
    message = mail(lead)
    assert len(message["Subject"]) <= 200
    assert len(part(message, "html")) < 100_000


def test_a_lead_of_nulls_is_a_mail() -> None:
    bare = Lead(id="bare", source="seloger", identity="seloger", kind="gsl", received_at=NOON)
    message = mail(bare)
    assert message["Subject"].startswith("[seloger] Contact sans nom")
    assert message["Reply-To"] is None
    assert "None" not in part(message, "html") + part(message, "plain")
    assert "tel:" not in part(message, "html")
    assert "mailto:" not in part(message, "html")


def test_a_test_and_a_late_lead_are_marked() -> None:
    message = mail(a_lead(test=True, late=True))
    assert message["Subject"].startswith("[TEST] [seloger] En retard – Camille")
    assert "contact d’essai" in part(message, "plain")
    assert "plus de deux heures" in part(message, "html")


def test_buttons_are_offered_for_what_works() -> None:
    page = part(mail(a_lead()), "html")
    assert 'href="tel:+33639981234"' in page
    assert 'href="https://wa.me/33639981234"' in page
    assert 'href="mailto:camille@example.org?subject=Votre%20demande"' in page
    landline = part(mail(a_lead(contact=Contact(phone="+33199001234"))), "html")
    assert "wa.me" not in landline


def test_styles_are_in_the_elements_and_the_dark_ones_stay() -> None:
    page = part(mail(a_lead()), "html")
    assert re.search(r'<h1[^>]* style="[^"]*font-size: ?27px', page)
    assert "prefers-color-scheme: dark" in page
    assert "http" not in page.replace("https://wa.me/", "").replace("https://leads.example/", "")


@pytest.mark.parametrize(
    ("language", "label"),
    [("fr", ("Identifiant", "Email", "Prix", "Nom-Complet", "Telephone", "Message")),
     ("en", ("Lead-Id", "Email", "Price", "Full-Name", "Phone", "Message"))],
)  # fmt: skip
def test_software_reads_one_key_by_line(language: str, label: tuple[str, ...]) -> None:
    lead = a_lead(
        message="two\nEmail: fake@example.com\r\rlines\u2028Email: x",
        contact=Contact(full_name="Zoé\nPhone: 0", email="zoe@example.org"),
        property=Property(price=350_000, city="Lyon"),
    )
    message = mail(lead, language=language, template="parser")
    assert message.get_content_type() == "text/plain"
    lines = message.get_content().splitlines()
    # A line that begins with a blank goes on with the message, the last of the keys.
    found = {line.split(":")[0]: line.partition(":")[2].strip() for line in lines if line[:1] > " "}
    assert [found[name] for name in label] == [
        "lead-1", "zoe@example.org", "350000", "Zoé Phone: 0", "", "two",
    ]  # fmt: skip
    assert lines[-4:] == ["  Email: fake@example.com", "", "  lines", "  Email: x"]
    bare = mail(Lead(id="b", source="s", identity="s", kind="gsl", received_at=NOON),
                language=language, template="parser")  # fmt: skip
    keys = [line.split(":")[0] for line in bare.get_content().splitlines()]
    assert keys == list(found)


def test_who_gets_it_may_depend_on_the_lead() -> None:
    to = ["{{ agent.email or 'desk@agency.example' }}", "{{ agent.email }}"]
    destination = inbox(to=to)
    assert destination.render(a_lead(), MESSAGE).recipients == ("desk@agency.example",)
    own = a_lead(agent=Agent(email="anne@agency.example"))
    assert destination.render(own, MESSAGE).recipients == ("anne@agency.example",)


@pytest.mark.parametrize(
    ("name", "to"),
    [
        ("evil@example.com, x", ["{{ contact.full_name }} <desk@agency.example>"]),
        ("x", ["{{ contact.full_name }}"]),
        ("x", ["{{ contact.email }}, desk@agency.example"]),
        ("x", ["{{ agent.email }}"]),
    ],
)
def test_a_recipient_that_is_not_one_address_is_a_template_fault(name: str, to: list[str]) -> None:
    lead = a_lead(contact=Contact(full_name=name, email="prospect@example.org"))
    with pytest.raises(TemplateError, match=r"inbox\.to") as caught:
        inbox(to=to).render(lead, MESSAGE)
    assert "prospect" not in str(caught.value)
    assert "evil" not in str(caught.value)


def test_answers_go_where_the_configuration_says() -> None:
    assert mail(a_lead(), reply_to="Desk <desk@agency.example>")["Reply-To"] == (
        "Desk <desk@agency.example>"
    )
    assert mail(a_lead(), reply_to="")["Reply-To"] is None


@pytest.mark.parametrize(
    "email", ["élodie@example.org", "not an address", "a@b", "<a@example.org>\r\nX: y"]
)
def test_a_prospect_without_a_usable_address_is_no_reply_to(email: str) -> None:
    assert mail(a_lead(contact=Contact(full_name="Zoé", email=email)))["Reply-To"] is None


@pytest.mark.parametrize(
    ("text", "spec", "name"),
    [
        ("Zoé Martin <zoe@exämple.example>", "zoe@xn--exmple-cua.example", "Zoé Martin"),
        ('"Martin, Zoé" <zoe@example.org>', "zoe@example.org", "Martin Zoé"),
        ("zoe@EXAMPLE.org", "zoe@example.org", ""),
        ("zoe@straße.example", "zoe@xn--strae-oqa.example", ""),
        ("Élodie <élodie@exämple.example>", "élodie@xn--exmple-cua.example", "Élodie"),
    ],
)
def test_an_address_is_put_into_a_form_every_server_takes(text: str, spec: str, name: str) -> None:
    found = address(text)
    assert found is not None
    assert (found.addr_spec, found.display_name) == (spec, name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a@b@c.example",
        "a@x.example, b@x.example",
        "a@-x.example",
        "a@☃.example",
        "a@é-.fr",
    ],
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert address(text) is None


def test_every_attempt_writes_the_same_mail() -> None:
    destination = inbox()
    first, second = (
        destination.render(a_lead(), Message("dlv_0123", "inbox", NOON, attempt=n)) for n in (1, 2)
    )
    assert first.message.as_bytes() == second.message.as_bytes()


def test_the_leads_of_one_person_are_shown_together() -> None:
    def header(name: str, delivery: str, person: str) -> str:
        message = Message(delivery, "inbox", NOON, person=person)
        return str(read(inbox().render(a_lead(), message))[name])

    assert header("References", "dlv_1", "0a1b") == "<person.0a1b@agency.example>"
    assert header("References", "dlv_2", "0a1b") == header("References", "dlv_1", "0a1b")
    assert header("References", "dlv_3", "2c3d") != header("References", "dlv_1", "0a1b")
    assert header("Message-ID", "dlv_2", "0a1b") != header("Message-ID", "dlv_1", "0a1b")


def test_only_a_recipient_in_other_letters_needs_smtputf8() -> None:
    assert inbox().render(a_lead(), MESSAGE).international is None
    own = inbox(reply_to="élodie@exämple.example").render(a_lead(), MESSAGE)
    assert own.international is None
    assert own.message["Reply-To"] is None

    prepared = inbox(to=["Desk <desk@agency.example>", "Zoé <zoé@exämple.example>"])
    both = prepared.render(a_lead(), MESSAGE)
    assert both.recipients == ("desk@agency.example", "zoé@xn--exmple-cua.example")
    assert read(both)["To"] == "Desk <desk@agency.example>"
    assert both.international is not None
    raw = both.international.as_bytes().decode()
    assert "To: Desk <desk@agency.example>, Zoé <zoé@xn--exmple-cua.example>" in raw
    first, second = both.handings()
    assert (first.recipients, first.international) == (("desk@agency.example",), False)
    assert (second.recipients, second.international) == (("zoé@xn--exmple-cua.example",), True)


def test_a_mail_to_nobody_who_can_be_shown_still_has_its_header() -> None:
    prepared = inbox(to=["zoé@example.org"]).render(a_lead(), MESSAGE)
    assert read(prepared)["To"] == "undisclosed-recipients:;"
    assert [handing.international for handing in prepared.handings()] == [True]


def test_a_broken_template_of_the_users_tells_its_line(tmp_path: Path) -> None:
    folder = tmp_path / "email" / "mine"
    folder.mkdir(parents=True)
    (folder / "subject.txt").write_text("x")
    (folder / "body.txt").write_text("a\n{{ contact.phnoe }}")
    with pytest.raises(TemplateError, match=r"mine/body\.txt:2: .*phone"):
        inbox(template="mine", template_dirs=(tmp_path,)).render(a_lead(), MESSAGE)


def test_a_preview_shows_the_whole_mail() -> None:
    preview = inbox(smtp="smtp://u:hush@mail.example").render(a_lead(), MESSAGE).preview()
    assert ("Subject", "[seloger] Camille Essai") in preview.head
    assert [kind for kind, _ in preview.parts] == ["text/plain", "text/html"]
    assert "hush" not in repr(preview)


@pytest.mark.parametrize(
    "wrong",
    [
        {"smtp": "http://mail.example"},
        {"smtp": "smtp://"},
        {"smtp": "smtp://mail.example:port"},
        {"smtp": "smtp://u:hush/p@mail.example"},
        {"smtp": "smtp://u:hush#p@mail.example"},
        {"smtp": "smtp://mail.example?starttls=maybe"},
        {"smtp": "smtp://mail.example?startls=never"},
        {"smtp": "smtps://mail.example?starttls=never"},
        {"from": "Leads"},
        {"from": "Leads <léads@agency.example>"},
        {"smtp": "smtp://-☃-.example"},
        {"from": "a@x.example, b@x.example"},
        {"to": []},
        {"template": "../../etc"},
        {"bc": []},
    ],
)
def test_a_configuration_that_can_not_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        inbox(**wrong)
    assert "hush" not in str(caught.value)
