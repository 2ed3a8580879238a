"""What every preset may take from a lead under one name: ``values.last_name``, ``values.note``…

Owns the fallbacks that receivers need when a contact is partly null, and the texts they show to an
agent. A preset's own ``values`` come before these. A value is worked out when a step asks for it
and then kept for that request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gateway.render import TemplateError

STANDARD: Mapping[str, str] = {
    "portal": "{{ ((lead.portals | map('word') | join(', ')) or lead.source) "
    "| one_line | cut(100) }}",
    "email": "{{ contact.email if (contact.email | mailto) else none }}",
    "phone": "{{ (contact.phone or contact.phone_raw) | one_line | cut(40) or none }}",
    "mobile": "{{ contact.phone if (contact.phone | whatsapp) else none }}",
    "unnamed": "Contact {{ values.portal }}",
    "first_name": "{{ contact.first_name | one_line | cut(40) or none "
    "if contact.last_name | one_line else none }}",
    "last_name": "{{ (contact.last_name | one_line or contact.full_name | one_line "
    "or contact.first_name | one_line or values.email or values.phone or values.unnamed) "
    "| cut(80) }}",
    "full_name": "{{ (contact.full_name | one_line "
    "or [contact.first_name | one_line, contact.last_name | one_line] | select | join(' ') "
    "or values.email or values.phone or values.unnamed) | cut(120) }}",
    "has_name": "{{ (contact.full_name or contact.last_name or contact.first_name) "
    "| one_line != '' }}",
    "message": "{{ (lead.message or property.message or estimation.message or project.comment) "
    "| visible | trim | cut(20000) }}",
    "city": "{{ (property.city or estimation.city or (property.cities | join(', '))) "
    "| one_line | cut(100) or none }}",
    "postal_code": "{{ (property.postal_code or estimation.postal_code "
    "or (property.postal_codes | join(', '))) | one_line | cut(40) or none }}",
    "property_type": "{{ ((property.type or estimation.type) | word "
    "or (property.types | map('word') | join(', '))) | one_line | cut(80) or none }}",
    "reference": "{{ property.reference | one_line | cut(100) or none }}",
    "price": "{{ property.price or property.rent }}",
    "currency": "{{ property.currency.upper() if property.currency and property.currency.isalpha() "
    "and property.currency | length == 3 else 'EUR' }}",
    "link": "{{ links.classified }}",
    "at": "{{ lead.created_at or lead.received_at }}",
    "title": "{{ [lead.category | word, values.property_type, values.city, "
    "t.reference_short ~ ' ' ~ values.reference if values.reference else none, "
    "values.full_name] | select | join(' – ') | one_line | cut(200) }}",
    "note": "{% filter trim %}{% include 'presets/note.txt' %}{% endfilter %}",
    "note_html": "{% include 'presets/note.html' %}",
}
"""By name; each is a template, and may use the others."""


class Values(Mapping[str, Any]):
    """The values of one request, worked out on demand by ``render``."""

    def __init__(self, sources: Mapping[str, Any], render: Callable[[Any], Any]) -> None:
        self._sources = sources
        self._render = render
        self._known: dict[str, Any] = {}
        self._working: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        if name not in self._known:
            source = self._sources[name]
            if name in self._working:
                raise TemplateError("it stands on itself", f"values.{name}")
            self._working.add(name)
            try:
                self._known[name] = self._render(source)
            finally:
                self._working.discard(name)
        return self._known[name]

    def quoted(self, how: Callable[[Any], Any]) -> Values:
        """See :func:`gateway.links.quoted`: still on demand, for a URL wants one or two of them."""
        return Values({name: name for name in self._sources}, lambda name: how(self[name]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)
