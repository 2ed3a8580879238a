"""How values read to people: phones, prices, surfaces, dates, in French and in English.

Owns the filters that templates have on top of Jinja's. Every filter takes null and gives an empty
text; what it can not read it shows as it is, and it never raises.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import phonenumbers
from babel import Locale
from babel.dates import format_datetime, format_timedelta
from babel.numbers import format_currency, format_decimal

from gateway import bounds, masking
from gateway.contact import normal_email
from gateway.masking import mask
from gateway.plain_text import one_line, visible
from gateway.slack_text import slack, slack_link, slack_mention, slack_plain
from gateway.spans import format_span

_LOCALES = {"fr": "fr_FR", "en": "en_GB"}
_DATES = {"fr": "dd/MM/yyyy 'à' HH\u202f'h'\u202fmm", "en": "d MMMM yyyy, HH:mm"}
_NO_MOBILE = frozenset({
    phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.TOLL_FREE,
    phonenumbers.PhoneNumberType.PREMIUM_RATE, phonenumbers.PhoneNumberType.SHARED_COST,
    phonenumbers.PhoneNumberType.UAN, phonenumbers.PhoneNumberType.PAGER,
    phonenumbers.PhoneNumberType.VOICEMAIL,
})  # fmt: skip
_TOO_MUCH = 10**15
"""More than any price or surface: from far beyond it Babel has no digits left, and raises."""
_CONSTANT = re.compile(r"\w+", re.ASCII)
_UNITS = {"SQUARE_METER": "m²", "SQUARE_FOOT": "sq ft", "HECTARE": "ha", "ACRE": "ac"}


def filters(
    language: str, timezone: ZoneInfo, words: Mapping[str, Any]
) -> dict[str, Callable[..., Any]]:
    """The filters of one language and time zone, by name."""
    locale = _LOCALES[language]
    money = str(Locale.parse(locale).currency_formats["standard"].pattern)

    def joined(text: str) -> str:
        """French sets a narrow blank before a unit, as it does between thousands."""
        return text.replace("\u00a0", "\u202f") if language == "fr" else text

    def price(value: Any, currency: str | None = None, *, rent: bool = False) -> str:
        amount = _number(value)
        if amount is None:
            return ""
        code = currency.upper() if currency and len(currency) == 3 and currency.isalpha() else "EUR"
        # Nobody asks for the cents of a house; of a rent they are shown when there are some.
        cents = abs(amount) < 10_000 and round(amount, 2) != round(amount)
        text = format_currency(
            amount if cents else round(amount),
            code,
            money if cents else money.replace(".00", ""),
            locale,
            currency_digits=False,
        )
        return joined(text) + (words["per_month"] if rent else "")

    def surface(value: Any, unit: str | None = None) -> str:
        amount = _number(value)
        if amount is None:
            return ""
        shown = _UNITS.get(unit) if unit else "m²"
        text = f"{format_decimal(amount, locale=locale)}\u00a0{shown or word(unit).lower()}"
        return joined(text)

    def number(value: Any) -> str:
        amount = _number(value)
        return "" if amount is None else format_decimal(amount, locale=locale)

    def date(value: Any, pattern: str | None = None) -> str:
        moment = _moment(value)
        if moment is None:
            return ""
        wanted = pattern or _DATES[language]
        try:
            return format_datetime(moment, wanted, tzinfo=timezone, locale=locale)
        except (OverflowError, ValueError):  # the first or last year, and a zone that leaves it
            return str(value)

    def ago(value: Any) -> str:
        moment = _moment(value)
        if moment is None:
            return ""
        return format_timedelta(moment - datetime.now(UTC), add_direction=True, locale=locale)

    def span(value: Any) -> str:
        seconds = _number(value)
        return "" if seconds is None else format_span(seconds, language)

    def word(value: Any) -> str:
        """A portal's constant as a person would say it; unknown ones are made readable."""
        if value is None or value == "":
            return ""
        text = str(value)
        known = words["values"].get(text)
        if known:
            return str(known)
        # A constant is in capitals or has underscores; CDI, or a portal's own text, is left alone.
        constant = _CONSTANT.fullmatch(text) and ("_" in text or (text.isupper() and len(text) > 4))
        return text.replace("_", " ").strip().capitalize() if constant else text

    def phone(value: Any) -> str:
        """``+33639981234`` as people read it; what is not E.164 stays as it is."""
        text = str(value or "")
        number = _parsed(text)
        if number is None:
            return text
        kind = phonenumbers.PhoneNumberFormat
        at_home = language == "fr" and number.country_code == 33
        style = kind.NATIONAL if at_home else kind.INTERNATIONAL
        return str(phonenumbers.format_number(number, style))

    return {
        "phone": phone,
        "tel": tel,
        "whatsapp": whatsapp,
        "mailto": mailto,
        "price": price,
        "surface": surface,
        "number": number,
        "date": date,
        "ago": ago,
        "span": span,
        "word": word,
        "truncate_words": truncate_words,
        "cut": cut,
        "one_line": one_line,
        "prefixed": prefixed,
        "discreet": discreet,
        "visible": lambda value: visible(str(value or "")),
        "json": to_json,
        "tojson": to_json,
        "slack": slack,
        "slack_plain": slack_plain,
        "slack_link": slack_link,
        "slack_mention": slack_mention,
        "csv": csv,
    }


def tel(value: Any) -> str:
    """A ``tel:`` link of an E.164 number, else nothing."""
    text = str(value or "")
    return f"tel:{text}" if _is_e164(text) else ""


def whatsapp(value: Any) -> str:
    """A link that opens a WhatsApp conversation, unless the number can be no mobile's."""
    text = str(value or "")
    number = _parsed(text)
    if number is None or phonenumbers.number_type(number) in _NO_MOBILE:
        return ""
    return f"https://wa.me/{text[1:]}"


def mailto(value: Any, subject: Any = None) -> str:
    """A ``mailto:`` link of an address that is one, with a subject if given; else nothing."""
    address = normal_email(str(value or ""))
    if address is None:
        return ""
    about = one_line(subject)[:200]
    return f"mailto:{quote(address, safe='@')}" + (
        "?" + urlencode({"subject": about}, quote_via=quote) if about else ""
    )


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


def prefixed(value: Any, mark: str) -> str:
    """The text with ``mark`` (at most 20 characters) before each of its lines.

    Whatever a reader may take for a line break is one here: no line of the text stands alone.
    """
    lines = visible(str(value or "")).splitlines()
    return "\n".join(f"{mark[:20]}{line}".rstrip() for line in lines)


def discreet(value: Any) -> str:
    """One line without phone numbers and e-mail addresses: for what shows on a locked screen."""
    text = mask(one_line(value))
    return text.replace(masking.PHONE, "•••").replace(masking.EMAIL, "•••")


def to_json(value: Any) -> str:
    """JSON text: compact, accents readable, nothing escaped for HTML."""
    if not isinstance(value, (dict, list, tuple)):
        return json.dumps(value, ensure_ascii=False, default=_none)
    parts = []
    for part in json.JSONEncoder(ensure_ascii=False, default=_none).iterencode(value):
        bounds.spend(steps=0, characters=len(part))  # a small list can stand for a huge text
        parts.append(part)
    return "".join(parts)


def csv(value: Any) -> str:
    """One cell of CSV (RFC 4180), quoted where needed; a leading = + - @ makes no formula."""
    text = str(value if value is not None else "")
    if text[:1] in ("=", "+", "-", "@", "\t", "\r"):
        text = "'" + text
    if any(character in text for character in ',;"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def _moment(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _number(value: Any) -> int | float | None:
    usable = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if usable and abs(value) < _TOO_MUCH and math.isfinite(value) else None


def _is_e164(text: str) -> bool:
    return text.startswith("+") and text.isascii() and text[1:].isdigit() and len(text) <= 16


def _parsed(text: str) -> Any:
    if not _is_e164(text):
        return None
    try:
        return phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return None


def _none(value: Any) -> None:
    """What has no JSON form is null in it."""
