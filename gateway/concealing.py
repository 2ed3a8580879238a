"""Takes what a lead says of its person out of a receiver's answer: many a receiver sends it back.

Owns which values those are and how an answer may write them. The patterns of addresses, numbers and
credentials are ``gateway.masking``'s; here the person is known, and so names and messages go too.
Pure.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator

from gateway.delivery import ANSWER_LIMIT
from gateway.lead import Lead
from gateway.masking import mask

PERSON = "[person]"
SHORTEST = 3
"""Letters of a name's word from which it is taken out by itself: "de" stands in every answer."""
PIECE = 8
"""Characters of a piece of a message from which it is taken out."""

_BREAKS = re.compile(r'[\r\n\t"\\<>&]+|\[(?:email|phone|secret)\]')


def conceal(text: str, lead: Lead) -> str:
    """``text`` without what it repeats of the lead's person: names, contact, street, message."""
    if not text:
        return text
    folded = text.casefold()
    found = {form for value in _values(lead) for form in _forms(value) if form.casefold() in folded}
    for form in sorted(found, key=len, reverse=True):
        # A word must stand alone; longer text need not: before it an escaped break is a letter.
        pattern = rf"(?<!\w){re.escape(form)}(?!\w)" if form.isalnum() else re.escape(form)
        text = re.sub(pattern, PERSON, text, flags=re.IGNORECASE)
    # An answer that was cut may end in the middle of a message.
    return _without_end(text, lead) if len(text) >= ANSWER_LIMIT - len(PERSON) else text


def _values(lead: Lead) -> Iterator[str]:
    contact = lead.contact
    names = (contact.full_name, contact.first_name, contact.last_name)
    yield from filter(None, (*names, contact.email, contact.phone, contact.phone_raw))
    if contact.address.street:
        yield contact.address.street
    for name in names:
        yield from (word for word in (name or "").split() if len(word) >= SHORTEST)
    for message in (lead.message, lead.property.message):
        if message:
            yield from _pieces(message)


def _pieces(message: str) -> Iterator[str]:
    """A message, and each part of it between what one encoding or another writes differently."""
    yield message
    # What came back was masked before: a number in a message stands there no more.
    parts = [part for text in {message, mask(message)} for part in _BREAKS.split(text)]
    if len(parts) > 1:
        yield from (part.strip() for part in parts if len(part.strip()) >= PIECE)


def _forms(value: str) -> Iterator[str]:
    yield value
    if not value.isascii():
        yield json.dumps(value)[1:-1]
    if "&" in value or "'" in value or "<" in value:
        yield html.escape(value)


def _without_end(text: str, lead: Lead) -> str:
    folded = text.casefold()
    for value in _values(lead):
        start = value.casefold()
        for length in range(min(len(start) - 1, len(folded)), PIECE - 1, -1):
            if folded.endswith(start[:length]):
                return text[: len(text) - length] + PERSON
    return text
