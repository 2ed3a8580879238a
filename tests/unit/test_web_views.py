"""What the pages make of values: lengths of time, bars, warnings, the words of both languages."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.config.model import GatewayConfig
from gateway.delivery import Reason, State
from gateway.lead import Lead
from gateway.store import DestinationState, FeedTrouble, SourceState
from gateway.web.health import find_warnings
from gateway.web.spark import HEIGHT, spark
from gateway.web.templating import FOLDER, fill, format_span

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
CONFIG = GatewayConfig.model_validate(
    {
        "version": 1,
        "sources": {
            "portal": {
                "kind": "gsl",
                "base_url": "https://leads.portal.example",
                "token_url": "https://auth.portal.example/token",
                "client_id": "someone",
                "client_secret": "something",
            },
            "website": {"kind": "push", "token": "a-token-of-the-website"},
        },
        "destinations": {"crm": {"kind": "webhook", "url": "https://crm.example.com/"}},
    }
)


@pytest.mark.parametrize(
    ("seconds", "english", "french"),
    [
        (None, "–", "–"),
        (0.0, "0.00\u202fs", "0,00\u202fs"),
        (0.0002, "1\u202fms", "1\u202fms"),
        (0.004, "4\u202fms", "4\u202fms"),
        (0.0096, "0.01\u202fs", "0,01\u202fs"),
        (0.42, "0.42\u202fs", "0,42\u202fs"),
        (1.24, "1.2\u202fs", "1,2\u202fs"),
        (9.97, "10\u202fs", "10\u202fs"),
        (59.7, "1\u202fmin", "1\u202fmin"),
        (3599.0, "1\u202fh", "1\u202fh"),
        (7500.0, "2\u202fh\u202f05", "2\u202fh\u202f05"),
        (200_000.0, "2\u202fd", "2\u202fj"),
    ],
)
def test_a_length_of_time_is_short(seconds: float | None, english: str, french: str) -> None:
    assert (format_span(seconds, "en"), format_span(seconds, "fr")) == (english, french)


def test_bars_fit_their_chart_and_escape_their_label() -> None:
    drawn = spark([0, 1, 4], '"><script>')
    assert drawn.count("<rect") == 3
    assert f'height="{float(HEIGHT)}"' in drawn
    assert "<script>" not in drawn
    assert spark([]).count("<rect") == 0


def test_words_with_places_are_filled() -> None:
    assert fill("{count} in {time}", count=3, time="2 s") == "3 in 2 s"


def keys(words: dict[str, Any], above: str = "") -> set[str]:
    found: set[str] = set()
    for name, value in words.items():
        if isinstance(value, dict):
            found |= keys(value, f"{above}{name}.")
        else:
            found.add(above + name)
    return found


def catalogue(language: str) -> dict[str, Any]:
    words: dict[str, Any] = json.loads((FOLDER / "i18n" / f"{language}.json").read_text("utf-8"))
    return words


def test_both_languages_say_the_same_things() -> None:
    # English leaves out what its own field names and constants already say.
    own = ("fields.", "values.")
    english, french = (
        {name for name in keys(catalogue(language)) if not name.startswith(own)}
        for language in ("en", "fr")
    )
    assert english == french


def test_french_names_every_field_that_a_page_may_show() -> None:
    names = catalogue("fr")["fields"]
    for section in ("property", "estimation", "project", "financing", "person_status"):
        model: Any = Lead.model_fields[section].annotation
        shown = set(model.model_fields) - {"message", "surface_unit", "currency"}
        assert shown <= set(names), section


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_state_and_reason_has_words(language: str) -> None:
    words = catalogue(language)
    assert {state.value for state in State} | {"held"} <= set(words["states"])
    assert {reason.value for reason in Reason} <= set(words["reasons"])


def a_source(name: str = "portal", **fields: Any) -> SourceState:
    values: dict[str, Any] = {"state": "up", "last_success_at": NOW, **fields}
    return SourceState(name=name, **values)


def a_destination(**fields: Any) -> DestinationState:
    empty = dict.fromkeys(("pending", "delivering", "retrying", "dead", "delivered"), 0)
    values: dict[str, Any] = {"name": "crm", "state": "up", "reason": None, **empty, **fields}
    return DestinationState(**values)


def warned(
    sources: list[SourceState], destinations: list[DestinationState], workers: int = 1
) -> list[tuple[str, str]]:
    by_name = {source.name: source for source in sources}
    found = find_warnings(CONFIG, by_name, destinations, workers, NOW)
    return [(warning.name, warning.state) for warning in found]


LATE = NOW - timedelta(minutes=10)


@pytest.mark.parametrize(
    ("source", "destination", "workers", "said"),
    [
        ({}, {}, 1, []),
        ({}, {}, 0, [("worker", "worker")]),
        ({"last_success_at": LATE}, {}, 1, [("poller", "poller")]),
        ({"state": "new", "last_success_at": None}, {}, 1, [("poller", "poller")]),
        ({"state": "paused", "last_success_at": LATE}, {}, 1, [("portal", "paused")]),
        (
            {"state": "refused", "next_try_at": NOW, "troubles": {"leads": FeedTrouble("503")}},
            {"state": "broken", "reason": "timeout", "dead": 3},
            1,
            [("portal", "refused"), ("crm", "broken"), ("portal", "feed"), ("crm", "dead")],
        ),
    ],
)
def test_what_is_wrong_is_said_worst_first(
    source: dict[str, Any], destination: dict[str, Any], workers: int, said: list[tuple[str, str]]
) -> None:
    assert warned([a_source(**source)], [a_destination(**destination)], workers) == said


def test_a_source_that_only_receives_is_never_overdue() -> None:
    pushed = a_source("website", state="new", last_success_at=None)
    assert warned([pushed], [a_destination()]) == []
