"""Lengths of time as people read them, in French and in English."""

from __future__ import annotations

from babel.numbers import format_decimal

_LOCALES = {"fr": "fr_FR", "en": "en_GB"}


def format_span(seconds: float | None, language: str) -> str:
    """A length of time, short: ``4 ms``, ``0.42 s``, ``12 s``, ``3 min``, ``2 h 05``."""
    if seconds is None:
        return "–"
    locale, gap = _LOCALES[language], "\u202f"
    if 0 < seconds < 0.0095:
        return f"{max(1, round(seconds * 1000))}{gap}ms"
    if seconds < 9.95:
        pattern = "0.00" if seconds < 1 else "0.0"
        return f"{format_decimal(seconds, format=pattern, locale=locale)}{gap}s"
    if seconds < 59.5:
        return f"{seconds:.0f}{gap}s"
    if seconds < 3570:
        return f"{seconds / 60:.0f}{gap}min"
    if seconds < 86_400:
        hours, minutes = divmod(round(seconds / 60), 60)
        return f"{hours}{gap}h" + (f"{gap}{minutes:02d}" if minutes else "")
    return f"{seconds / 86_400:.0f}{gap}{'j' if language == 'fr' else 'd'}"
