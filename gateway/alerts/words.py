"""Changes as sentences, in the configuration's language: what is said, and what to do. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from babel.numbers import format_decimal, format_percent

from gateway.alerts.judge import Change
from gateway.notice import Notice, Point
from gateway.render import TEMPLATE_ROOT
from gateway.spans import format_span

_LOCALES = {"fr": "fr_FR", "en": "en_GB"}


@cache
def _words(language: str) -> Mapping[str, Any]:
    text = (TEMPLATE_ROOT / "alerts" / f"{language}.json").read_text("utf-8")
    found: Mapping[str, Any] = json.loads(text)
    return found


def notice(changes: Sequence[Change], at: datetime, language: str, link: str = "") -> Notice:
    """One notice of everything there is to say."""
    words = _words(language)
    points = tuple(_point(change, words, language) for change in changes)
    records = [_record(change, point) for change, point in zip(changes, points, strict=True)]
    title = points[0].text
    if len(points) > 1:
        title = _filled(words["title_many"], {"count": len(points)})
    said = f"{at.timestamp()}" + "".join(f"\x00{change.what}:{change.key}" for change in changes)
    return Notice(
        id="alr_" + hashlib.sha256(said.encode()).hexdigest()[:32],
        at=at,
        title=title,
        points=points,
        language=language,
        link=link,
        link_text=words["link"],
        data={"alerts": records},
    )


def _point(change: Change, words: Mapping[str, Any], language: str) -> Point:
    facts = _told(change, words, language)
    if change.what == "over":
        return Point(True, _filled(words["over"][change.word], facts))
    text = _filled(words["raised"][change.word], facts)
    return Point(False, text, _filled(words["do"].get(change.word, ""), facts))


def _told(change: Change, words: Mapping[str, Any], language: str) -> dict[str, str]:
    """The facts as people read them."""
    locale = _LOCALES[language]
    told = {name: str(value) for name, value in change.facts.items()}
    told["lasted"] = format_span(change.seconds, language)
    if "count" in change.facts:
        told["count"] = format_decimal(change.facts["count"], locale=locale)
    if "share" in change.facts:
        told["share"] = format_percent(change.facts["share"], locale=locale)
    if "seconds" in change.facts:
        told["seconds"] = format_span(change.facts["seconds"], language)
    if "reason" in change.facts:
        reason = str(change.facts["reason"])
        told["reason"] = words["reasons"].get(reason, reason)
    return told


def _filled(text: str, facts: Mapping[str, Any]) -> str:
    for name, value in facts.items():
        text = text.replace("{" + name + "}", str(value))
    return text


def _record(change: Change, point: Point) -> dict[str, Any]:
    kind, _, subject = change.key.partition(":")
    return {
        "kind": kind,
        "subject": subject,
        "state": change.what,
        "text": point.text,
        "do": point.do or None,
        "level": change.level,
        "lasted_seconds": round(change.seconds),
        "facts": dict(change.facts),
    }
