"""Names, phones and e-mail addresses as people type them, made usable. Pure; invents nothing."""

from __future__ import annotations

import re

import phonenumbers

_PHONE_LIMIT = 60
"""Characters: an E.164 number has 15 digits, and nobody writes it with more than that around it."""
_EMAIL_LIMIT = 254  # RFC 5321, 4.5.3.1: a path of 256 with its brackets
_ATOM = r"[^\x00-\x20\x7f-\xa0\s@\"<>(),.;:\\\[\]]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL = re.compile(r"[^\W_](?:[^\W_]|-){0,61}[^\W_]|[^\W_]")


def split_name(full_name: str | None) -> tuple[str | None, str | None]:
    """First and last name of a full one: the last word is the last name (contract §5)."""
    words = (full_name or "").split()
    if not words:
        return None, None
    return " ".join(words[:-1]) or None, words[-1]


def normal_phone(raw: str | None, country: str = "FR") -> str | None:
    """E.164 of a phone as people type it, or None when it can not be one.

    ``country`` (ISO 3166, two letters) is where a number without a country code is at home.
    """
    if not raw or len(raw) > _PHONE_LIMIT:
        return None
    try:
        number = phonenumbers.parse(raw, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def normal_email(raw: str | None) -> str | None:
    """The address without blanks and with its domain in lower case, or None if it is not one.

    Syntax only (RFC 5322 dot-atom, RFC 6531 letters), as no quoted local part or bare host has ever
    been a prospect's.
    """
    text = (raw or "").strip()
    local, _, domain = text.rpartition("@")
    labels = domain.lower().split(".")
    good = (
        len(text) <= _EMAIL_LIMIT
        and len(local) <= 64
        and _LOCAL.fullmatch(local)
        and len(labels) > 1
        and all(_LABEL.fullmatch(label) for label in labels)
        and len(labels[-1]) > 1
        and not labels[-1].isdigit()
    )
    return f"{local}@{'.'.join(labels)}" if good else None
