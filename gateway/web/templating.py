"""The pages' template environment: escaping always on, one catalogue of words per language.

Owns what a page may call: filters, the words, static addresses. Sees no store.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from babel.dates import format_datetime
from babel.numbers import format_decimal, format_percent

from gateway import __version__, formats
from gateway.render import TEMPLATE_ROOT
from gateway.spans import format_span
from gateway.web.spark import spark, trend
from gateway.web.static import Static
from gateway.words import shipped

LANGUAGES = ("en", "fr")
FOLDER = TEMPLATE_ROOT / "web"

_LOCALES = {"fr": "fr_FR", "en": "en_GB"}


class Pages:
    """Renders pages in each language."""

    def __init__(
        self,
        static: Static,
        timezone: ZoneInfo,
        clock: Callable[[], datetime],
        folder: Path = FOLDER,
    ) -> None:
        self._words = {
            language: json.loads((folder / "i18n" / f"{language}.json").read_text("utf-8"))
            for language in LANGUAGES
        }
        self._environments = {
            language: _environment(folder, language, self._words[language], timezone, clock)
            for language in LANGUAGES
        }
        self._static = static

    def render(self, name: str, language: str, values: Mapping[str, Any]) -> str:
        """One page as HTML."""
        template = self._environments[language].get_template(name)
        return template.render(
            **values,
            t=self._words[language],
            language=language,
            static=self._static.url,
            version=__version__,
        )

    def words(self, language: str) -> Mapping[str, Any]:
        """The catalogue of one language."""
        words: Mapping[str, Any] = self._words[language]
        return words


def _environment(
    folder: Path,
    language: str,
    words: Mapping[str, Any],
    timezone: ZoneInfo,
    clock: Callable[[], datetime],
) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    shared = shipped(TEMPLATE_ROOT, language)
    # Pages name more of a portal's constants than messages do.
    shared = {**shared, "values": {**shared["values"], **words["values"]}}
    environment.filters.update(formats.filters(language, timezone, shared))
    locale = _LOCALES[language]

    def span(seconds: float | None) -> str:
        return format_span(seconds, language)

    def moment(value: datetime | None) -> str:
        """A time of today as a time, any other with its date."""
        if value is None:
            return ""
        local, today = value.astimezone(timezone), clock().astimezone(timezone).date()
        pattern = "HH:mm:ss" if local.date() == today else "d MMM HH:mm"
        if local.date().year != today.year:
            pattern = "d MMM yyyy HH:mm"
        return format_datetime(value, pattern, tzinfo=timezone, locale=locale)

    def exact(value: datetime | None) -> str:
        if value is None:
            return ""
        return format_datetime(value, "d MMM yyyy HH:mm:ss.SSS zzz", tzinfo=timezone, locale=locale)

    def since(value: datetime | None) -> str:
        return "" if value is None else span(max(0.0, (clock() - value).total_seconds()))

    def until(value: datetime | None) -> str:
        if value is None:
            return ""
        left = (value - clock()).total_seconds()
        return span(left) if left >= 1 else str(words["soon"])

    environment.filters.update(
        span=span,
        moment=moment,
        exact=exact,
        since=since,
        until=until,
        iso=lambda value: value.astimezone(UTC).isoformat() if value else "",
        count=lambda value: format_decimal(value, locale=locale),
        fill=fill,
        named=lambda value, group: words[group].get(str(value), str(value).replace("_", " ")),
        spark=spark,
        trend=trend,
        share=lambda value: format_percent(value, locale=locale),
        pretty=lambda value: json.dumps(value, ensure_ascii=False, indent=2, default=str),
    )
    return environment


def fill(text: str, **values: Any) -> str:
    """Words with places, such as ``in {time}``, filled; the result is text and is escaped later."""
    for name, value in values.items():
        text = text.replace("{" + name + "}", str(value))
    return text
