"""How values read to people: phones, prices, surfaces, dates, in French and in English.

Owns the template filters. Every filter takes null and gives an empty text.
"""

from __future__ import annotations

import csv as csv_module
import functools
import io
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers
from babel.dates import format_datetime, format_timedelta
from babel.numbers import format_currency, format_decimal

_LOCALES = {"fr": "fr_FR", "en": "en_GB"}
_UNITS = {"SQUARE_METER": "m²", "SQUARE_FOOT": "sq ft", "HECTARE": "ha", "ACRE": "ac"}


@functools.cache
def load_words(root: Path, language: str) -> dict[str, Any]:
    """The words of one language: ``templates/i18n/<language>.json``."""
    found: dict[str, Any] = json.loads((root / "i18n" / f"{language}.json").read_text("utf-8"))
    return found


def filters(
    language: str, timezone: ZoneInfo, words: Mapping[str, Any]
) -> dict[str, Callable[..., Any]]:
    """The filters of one language and time zone, by name."""
    locale = _LOCALES[language]

    def price(value: Any, currency: str | None = None, *, rent: bool = False) -> str:
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return ""
        code = currency if currency and len(currency) == 3 else "EUR"
        text = format_currency(
            round(value), code.upper(), locale=locale, format_type="standard", currency_digits=False,
            decimal_quantization=False,
        )  # fmt: skip
        return text + (words["per_month"] if rent else "")

    def surface(value: Any, unit: str | None = None) -> str:
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return ""
        return f"{format_decimal(value, locale=locale)}\u00a0{_UNITS.get(unit or '', 'm²')}"

    def number(value: Any) -> str:
        return format_decimal(value, locale=locale) if isinstance(value, (int, float)) else ""

    def date(value: Any, pattern: str | None = None) -> str:
        moment = _moment(value)
        if moment is None:
            return ""
        wanted = pattern or ("d MMMM yyyy 'à' HH:mm" if language == "fr" else "d MMMM yyyy, HH:mm")
        return format_datetime(moment, wanted, tzinfo=timezone, locale=locale)

    def ago(value: Any) -> str:
        moment = _moment(value)
        if moment is None:
            return ""
        return format_timedelta(moment - datetime.now(UTC), add_direction=True, locale=locale)

    def word(value: Any) -> str:
        """A portal's constant as a person would say it; unknown ones are made readable."""
        if value is None or value == "":
            return ""
        text = str(value)
        known = words["values"].get(text)
        return str(known) if known else text.replace("_", " ").strip().capitalize()

    return {
        "phone": phone,
        "tel": tel,
        "whatsapp": whatsapp,
        "price": price,
        "surface": surface,
        "number": number,
        "date": date,
        "ago": ago,
        "word": word,
        "truncate_words": truncate_words,
        "cut": cut,
        "one_line": one_line,
        "json": to_json,
        "slack": slack,
        "csv": csv,
    }


def phone(value: Any) -> str:
    """``+33639981234`` as people read it; what is not E.164 stays as it is."""
    text = str(value or "")
    try:
        parsed = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return text
    kind = phonenumbers.PhoneNumberFormat
    style = kind.NATIONAL if parsed.country_code == 33 else kind.INTERNATIONAL
    return str(phonenumbers.format_number(parsed, style))


def tel(value: Any) -> str:
    """A ``tel:`` link of an E.164 number, else nothing."""
    text = str(value or "")
    return f"tel:{text}" if text.startswith("+") and text[1:].isdigit() else ""


def whatsapp(value: Any) -> str:
    """A link that opens a WhatsApp conversation with an E.164 number, else nothing."""
    text = str(value or "")
    return f"https://wa.me/{text[1:]}" if text.startswith("+") and text[1:].isdigit() else ""


def truncate_words(value: Any, length: int = 300) -> str:
    """At most ``length`` characters, cut between words, with an ellipsis."""
    text = str(value or "")
    if len(text) <= length:
        return text
    head = text[: max(0, length - 1)]
    spaced = head.rsplit(None, 1)[0]
    return (spaced if len(spaced) > length // 2 else head).rstrip() + "…"


def cut(value: Any, length: int) -> str:
    """At most ``length`` characters; shorter texts unchanged."""
    text = str(value or "")
    return text if len(text) <= length else text[: length - 1] + "…"


def one_line(value: Any) -> str:
    """All white space, line breaks included, made single blanks; control characters gone."""
    text = "".join(c if c.isprintable() else " " for c in str(value or ""))
    return " ".join(text.split())


def to_json(value: Any) -> str:
    """JSON text: compact, accents readable, nothing escaped for HTML."""
    return json.dumps(value, ensure_ascii=False, default=str)


def slack(value: Any, length: int = 2800) -> str:
    """Text for Slack's mrkdwn that is only text: no link, mention, channel call or formatting.

    ``length`` counts after escaping, so that no amount of ``&`` breaks Slack's limits.
    """
    text = str(value or "").replace("\x00", "")
    escaped: list[str] = []
    size = 0
    for character in text:
        piece = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}.get(character, character)
        # A zero-width space after these keeps Slack from reading formatting or @here into a text.
        if character in "*_~`@#":
            piece += "\u200b"
        if size + len(piece) > length - 1:
            escaped.append("…")
            break
        escaped.append(piece)
        size += len(piece)
    return "".join(escaped)


def csv(value: Any) -> str:
    """One cell of CSV, quoted where needed; a leading = + - @ can not become a formula."""
    text = str(value if value is not None else "")
    if text[:1] in ("=", "+", "-", "@", "\t"):
        text = "'" + text
    line = io.StringIO()
    csv_module.writer(line, lineterminator="").writerow([text])
    return line.getvalue()


def _moment(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
