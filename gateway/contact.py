"""Names, phones and e-mail addresses as portals send them, made usable. Pure; invents nothing."""

from __future__ import annotations

import re

import phonenumbers

_ADDRESS = re.compile(r"^[^@\s\"<>(),;:\\\[\]]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_]{2,}$")


def split_name(full_name: str | None) -> tuple[str | None, str | None]:
    """First and last name of a full one: the last word is the last name (contract §5)."""
    words = (full_name or "").split()
    if not words:
        return None, None
    return " ".join(words[:-1]) or None, words[-1]


def normal_phone(raw: str | None, country: str = "FR") -> str | None:
    """E.164 of a phone as people type it, or None when it can not be one."""
    if not raw or len(raw) > 60:
        return None
    try:
        number = phonenumbers.parse(raw, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def normal_email(raw: str | None) -> str | None:
    """The address without blanks and with its domain in lower case, or None if it is not one."""
    text = (raw or "").strip()
    if len(text) > 254 or not _ADDRESS.match(text):
        return None
    local, _, domain = text.rpartition("@")
    return f"{local}@{domain.lower()}"
