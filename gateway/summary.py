"""A lead in few words: who, what, where, how much, for whoever has ten seconds.

Owns what is said of a lead that templates of every channel say alike: which of its sections tells
the type, the place and the price, and how rooms are counted in each language. Pure; the words and
the formats are handed in. Nothing is invented: what the portal did not give is an empty text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from gateway.plain_text import one_line, visible

FIELDS = (
    "who", "category", "portal", "what", "short", "type", "rooms", "surface", "where", "price",
    "price_label", "about", "reference", "message",
)  # fmt: skip
"""Its keys: what a template may write after ``summary.``."""

Filters = Mapping[str, Callable[..., Any]]


class Summary(Mapping[str, str]):
    """The summary of one lead, worked out when it is asked for: webhooks seldom do."""

    def __init__(
        self, lead: Mapping[str, Any], words: Mapping[str, Any], filters: Filters, language: str
    ) -> None:
        """``lead`` as ``Lead.as_dict`` gives it."""
        self._lead = lead
        self._t = words
        self._filters = filters
        self._language = language

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __contains__(self, name: object) -> bool:
        return name in FIELDS

    def __iter__(self) -> Iterator[str]:
        return iter(FIELDS)

    def __len__(self) -> int:
        return len(FIELDS)

    @cached_property
    def _values(self) -> dict[str, str]:
        lead, p, e = self._lead, self._lead["property"], self._lead["estimation"]
        contact, word = lead["contact"], self._filters["word"]
        types = tuple(filter(None, [p["type"] or e["type"]])) or tuple(p["types"])
        kind = one_line(", ".join(map(word, types)))
        label, price = self._price(p, e)
        rooms, surface = self._rooms(types, p, e), self._surface(p, e)
        is_t = rooms.startswith("T") and rooms[1:2].isdigit()
        return {
            "who": one_line(contact["full_name"]) or str(self._t["unknown_person"]),
            "category": one_line(word(lead["category"])),
            "portal": one_line(", ".join(map(word, lead["portals"])) or lead["source"]),
            "what": " · ".join(filter(None, [f"{kind} {rooms}" if is_t else kind,
                                             "" if is_t else rooms, surface])),
            "short": " ".join(filter(None, ["" if is_t else kind, rooms, surface])),
            "type": kind,
            "rooms": rooms,
            "surface": surface,
            "where": one_line(_place(p, e)),
            "price": price,
            "price_label": label,
            "about": self._about(p, e),
            "reference": one_line(p["reference"]),
            "message": self._message(),
        }  # fmt: skip

    def _price(self, p: Mapping[str, Any], e: Mapping[str, Any]) -> tuple[str, str]:
        price, currency = self._filters["price"], p["currency"]
        budget = (price(p["budget_min"], currency), price(p["budget_max"] or p["budget"], currency))
        for label, text in (
            ("price", price(p["price"], currency)),
            ("rent", price(p["rent"], currency, rent=True)),
            ("price", self._t["on_demand"] if p["price_on_demand"] else ""),
            ("budget", " – ".join(dict.fromkeys(filter(None, budget)))),
            ("portal_price", price(e["portal_price"])),
        ):
            if text:
                return str(self._t[label]), str(text)
        return "", ""

    def _rooms(self, types: tuple[str, ...], p: Mapping[str, Any], e: Mapping[str, Any]) -> str:
        number = self._filters["number"]
        least, most = p["rooms_min"], p["rooms_max"]
        one = p["rooms"] or e["rooms"]
        bounds = [least, most] if least or most else [one, one]
        low, high = (number(bound) if bound else "" for bound in bounds)
        if not (low or high):
            return ""
        # In France an apartment is named after its rooms; a house is not.
        if self._language == "fr" and types == ("APARTMENT",):
            low, high = (f"T{bound}" if bound else "" for bound in (low, high))
            return self._range(low, high)
        last = bounds[1] or bounds[0]
        name = self._t["room" if last == 1 else "rooms_short"]
        return f"{self._range(low, high)}\u00a0{name}"

    def _surface(self, p: Mapping[str, Any], e: Mapping[str, Any]) -> str:
        surface, unit = self._filters["surface"], p["surface_unit"] or e["surface_unit"]
        least, most = p["surface_min"], p["surface_max"]
        if not (least or most):
            return str(surface(p["surface"] or e["surface"], unit) if _any(p, e) else "")
        return self._range(
            surface(least, unit) if least else "", surface(most, unit) if most else ""
        )

    def _range(self, low: str, high: str) -> str:
        if low == high:
            return low
        if not (low and high):
            bound = self._t["at_least"] if low else self._t["at_most"]
            return f"{bound} {low or high}"
        return f"{low} {self._t['to']} {high}"

    def _about(self, p: Mapping[str, Any], e: Mapping[str, Any]) -> str:
        searches = any(p[name] for name in ("budget", "budget_min", "budget_max", "rooms_min"))
        estimates = any(e[name] for name in ("type", "city", "portal_price"))
        name = "about_search" if searches else "about_estimation" if estimates else "property"
        return str(self._t[name])

    def _message(self) -> str:
        lead = self._lead
        texts = (
            lead["message"],
            lead["property"]["message"],
            lead["estimation"]["message"],
            lead["project"]["comment"],
        )
        seen = (visible(text).strip() for text in texts if text)
        return "\n\n".join(dict.fromkeys(filter(None, seen)))


def _place(p: Mapping[str, Any], e: Mapping[str, Any]) -> str:
    codes = tuple(filter(None, [p["postal_code"] or e["postal_code"]])) or tuple(p["postal_codes"])
    cities = tuple(filter(None, [p["city"] or e["city"]])) or tuple(p["cities"])
    if len(codes) == len(cities):
        return ", ".join(f"{code} {city}" for code, city in zip(codes, cities, strict=True))
    return " ".join(filter(None, [", ".join(codes), ", ".join(cities)]))


def _any(p: Mapping[str, Any], e: Mapping[str, Any]) -> bool:
    return bool(p["surface"] or e["surface"])
