"""What the contract of gateway.yaml names and this version does not do: refused by name.

A key that is known and ignored would be worse than one that is unknown. The version that builds a
key removes its row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.config.faults import Place

KEYS: dict[str, frozenset[str]] = {}
"""Keys by where they stand; ``*`` is any name."""

KINDS: dict[str, frozenset[str]] = {"sources": frozenset({"aviv"})}
"""Kinds by the section they belong to."""

WORDS = "not available yet in this version: remove it"


def take_out(values: dict[str, Any]) -> tuple[dict[str, Any], list[Place]]:
    """The values without what is not available yet; and where that stood.

    A source or destination of a kind that is not available goes as a whole, for its kind's sake.
    """
    keys = [place for place in _places(values, ()) if _is_key(place)]
    entries = [(section, name) for section in KINDS for name in _of_kind(values, section)]
    kept = _without(values, frozenset([*keys, *entries]), ())
    return kept, [*keys, *((*entry, "kind") for entry in entries)]


def _places(value: Any, place: Place) -> Iterator[Place]:
    if isinstance(value, dict) and len(place) < 4:
        for key, item in value.items():
            yield (*place, key)
            yield from _places(item, (*place, key))


def _is_key(place: Place) -> bool:
    *parents, key = place
    parent = ".".join("*" if depth == 1 else str(step) for depth, step in enumerate(parents))
    return key in KEYS.get(parent, frozenset())


def _of_kind(values: dict[str, Any], section: str) -> list[str]:
    entries = values.get(section)
    return [
        name
        for name, entry in (entries.items() if isinstance(entries, dict) else ())
        if isinstance(entry, dict) and entry.get("kind") in KINDS[section]
    ]


def _without(value: Any, places: frozenset[Place], place: Place) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        key: _without(item, places, (*place, key))
        for key, item in value.items()
        if (*place, key) not in places
    }
