"""By what a lead is found again: its person's e-mail address, phone number, words of the name; and
the reference of its property.

Owns how these are made equal however they were typed. Pure; knows no store. That is all that a
search promises (docs/security): whole words of the name, and whole values of the others.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from gateway.contact import normal_email, normal_phone
from gateway.lead import Lead

WORDS = 8
"""Words of one name that are kept: nobody is looked up by the ninth."""

Term = tuple[str, str]
"""What a lead can be found by: (email | phone | name | reference, the value made equal)."""

_WORD = re.compile(r"[^\W_]+")
_DIGITS = re.compile(r"\d")
# What may be a phone number in foreign text; JSON writes its separators as they are.
_RUN = re.compile(r"(?:\+|\b)\d[\d ().\u00a0\u202f/-]{4,24}\d\b")


def terms(lead: Lead) -> tuple[Term, ...]:
    """Everything that finds this lead's person, each once."""
    contact = lead.contact
    found: dict[Term, None] = {}
    if contact.email:
        found["email", equal_email(contact.email)] = None
    if number := equal_phone(contact.phone or contact.phone_raw):
        found["phone", number] = None
    name = " ".join(filter(None, (contact.full_name, contact.first_name, contact.last_name)))
    for word in words(name):
        found["name", word] = None
    for value in (lead.property.reference, lead.property.classified_id):
        if reference := equal_reference(value):
            found["reference", reference] = None
    return tuple(found)


def equal_email(text: str) -> str:
    """An address for comparing: without blanks, in lower case all of it.

    RFC 5321 lets a receiver tell ``Anne@`` from ``anne@``; nobody's does.
    """
    return (normal_email(text) or text.strip()).casefold()


def equal_phone(text: str | None) -> str:
    """A number for comparing: E.164, or its digits alone where it can not be parsed."""
    if not text:
        return ""
    return normal_phone(text) or "".join(_DIGITS.findall(text))[:20]


def equal_reference(text: str | None) -> str:
    """A property's reference for comparing: without blanks, in lower case."""
    return "".join((text or "").casefold().split())[:64]


def ways(text: str) -> tuple[tuple[Term, ...], ...]:
    """What somebody typed, in every way it may be meant; of each, all terms must hold."""
    reference = equal_reference(text)
    found = (wanted(text), (("reference", reference),) if reference else ())
    return tuple(way for way in found if way)


def words(name: str) -> tuple[str, ...]:
    """The words of a name without case and accents, at most :data:`WORDS`."""
    plain = name if name.isascii() else _without_accents(name)
    return tuple(dict.fromkeys(_WORD.findall(plain.casefold())))[:WORDS]


def wanted(text: str) -> tuple[Term, ...]:
    """What somebody typed into a search, as terms that must all hold; none when it says nothing.

    An @ makes it an address; six digits or more and no letter make it a number; else it is a name.
    """
    text = text.strip()[:320]
    if "@" in text:
        return (("email", equal_email(text)),)
    if len(_DIGITS.findall(text)) >= 6 and not any(character.isalpha() for character in text):
        return (("phone", equal_phone(text)),)
    return tuple(("name", word) for word in words(text))


def is_about(lead: Lead, term: Term) -> bool:
    """Whether a lead is of this person: the proof after a hash was found."""
    return term in terms(lead)


def mentions(text: str, term: Term) -> bool:
    """Whether any text, of a shape nobody knows, names this e-mail address or phone number."""
    kind, value = term
    if kind == "email":
        return value in text.casefold()
    return any(equal_phone(run) == value for run in _RUN.findall(text))


def _without_accents(text: str) -> str:
    return "".join(_bare(text))


def _bare(text: str) -> Iterator[str]:
    for character in unicodedata.normalize("NFKD", text):
        if not unicodedata.combining(character):
            yield character
