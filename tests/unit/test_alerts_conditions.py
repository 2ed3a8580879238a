"""What counts as wrong, out of what the store says; and sentences for it in each language."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.alerts.conditions import Readings, find
from gateway.alerts.judge import Change
from gateway.alerts.words import notice
from gateway.config.model import GatewayConfig
from gateway.render import TEMPLATE_ROOT
from gateway.store import DestinationState, Process, SourceState
from gateway.store.sources import FeedTrouble

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
CONFIG = GatewayConfig.model_validate(
    {
        "version": 1,
        "sources": {
            "seloger": {
                "kind": "gsl", "base_url": "https://a.example", "token_url": "https://b.example",
                "client_id": "x", "client_secret": "secret",
            },
            "website": {"kind": "push", "token": "a-token"},
        },
        "destinations": {"crm": {"kind": "webhook", "url": "https://crm.example"}},
        "alerts": {"to": ["crm"]},
    },
    by_alias=True, by_name=False,
)  # fmt: skip
WELL = SourceState("seloger", "up", last_success_at=NOW)
UP = DestinationState("crm", "up", None, 0, 0, 0, 0, 0)
SILENT = replace(WELL, last_success_at=NOW - timedelta(minutes=5))
GB = 10**9


def seen(**changes: Any) -> Readings:
    values: dict[str, Any] = {
        "sources": {"seloger": WELL, "website": SourceState("website")},
        "destinations": [UP],
        "dead_reasons": {},
        "processes": [],
        "unrouted": 0,
    }
    return Readings(**{**values, **changes})


REFUSED = FeedTrouble("401", None, {})
PROCESS = Process("p", "worker", "host", 7, "1", "abc", 0.0, problem="line 3")
CASES: list[tuple[str, dict[str, Any], list[tuple[str, str, str]]]] = [
    ("nothing", {}, []),
    ("refused", {"sources": {"seloger": replace(WELL, state="refused", problem="401")}},
     [("source_down", "seloger", "refused")]),
    ("down", {"sources": {"seloger": replace(WELL, state="down", problem="503")}},
     [("source_down", "seloger", "down")]),
    ("silent", {"sources": {"seloger": SILENT}}, [("source_down", "seloger", "silent")]),
    ("paused", {"sources": {"seloger": replace(SILENT, state="paused")}}, []),
    ("missed", {"sources": {"seloger": replace(WELL, missed_at=NOW, missed_leads=4)}},
     [("missed_leads", "seloger", "missed")]),
    ("missed long ago",
     {"sources": {"seloger": replace(WELL, missed_at=NOW - timedelta(hours=1), missed_leads=4)}},
     []),
    ("held", {"sources": {"seloger": replace(WELL, held=frozenset("abc"))}},
     [("erasures_held", "seloger", "held")]),
    ("broken", {"destinations": [replace(UP, state="broken", reason="timeout", retrying=3)]},
     [("destination_down", "crm", "broken")]),
    ("paused by hand", {"destinations": [replace(UP, state="paused", reason="operator")]}, []),
    ("paused by 410", {"destinations": [replace(UP, state="paused", reason="gone")]},
     [("destination_down", "crm", "stopped")]),
    ("gone with leads", {"destinations": [replace(UP, name="old", pending=2)]},
     [("destination_down", "old", "gone")]),
    ("gone without", {"destinations": [replace(UP, name="old")]}, []),
    ("backlog", {"destinations": [replace(UP, pending=9, oldest_pending_seconds=400)]},
     [("backlog", "crm", "backlog")]),
    ("no backlog yet", {"destinations": [replace(UP, pending=9, oldest_pending_seconds=200)]}, []),
    ("dead", {"destinations": [replace(UP, dead=2)], "dead_reasons": {"crm": {"rejected": 2}}},
     [("dead_letter", "crm", "dead")]),
    ("unrouted", {"unrouted": 3}, [("unrouted", "routes", "unrouted")]),
    ("memory", {"memory": (9 * GB, 10 * GB)}, [("store_full", "memory", "memory")]),
    ("memory unknown", {"memory": (9 * GB, 0)}, []),
    ("disk", {"disk": (GB, 100 * GB)}, [("store_full", "disk", "disk")]),
    ("configuration", {"processes": [PROCESS]},
     [("configuration", "gateway.yaml", "refused_file")]),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "wanted"), [case[1:] for case in CASES],
                         ids=[case[0] for case in CASES])  # fmt: skip
def test_what_is_wrong_is_found_and_nothing_else(
    changes: dict[str, Any], wanted: list[tuple[str, str, str]]
) -> None:
    found = find(CONFIG, seen(**changes), NOW)
    assert [(item.kind.value, item.subject, item.word) for item in found] == wanted


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("what", ["raised", "over"])
def test_everything_has_whole_sentences_in_every_language(language: str, what: str) -> None:
    found = [item for case in CASES for item in find(CONFIG, seen(**case[1]), NOW)]
    words = json.loads((TEMPLATE_ROOT / "alerts" / f"{language}.json").read_text("utf-8"))
    assert {item.word for item in found} == set(words["raised"])
    for item in found:
        if what == "over" and not item.ends:
            continue
        change = Change(what, item.key, item.word, item.facts, item.level, 125.0)
        (point,) = notice([change], NOW, language).points
        assert "{" not in point.text + point.do, point
        assert bool(point.do) == (what == "raised" and item.word != "missed")


def test_a_kind_that_is_not_wanted_is_not_found() -> None:
    assert CONFIG.alerts is not None
    quiet = CONFIG.alerts.model_copy(update={"on": ("dead_letter",)})
    config = CONFIG.model_copy(update={"alerts": quiet})
    assert find(config, seen(unrouted=3), NOW) == []
