"""What a GSL account may be told, and what is said to a wrong word."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.sources.gsl import GslConfig
from gateway.sources.gsl_config import FEEDS
from gateway.sources.push import PushConfig

LEAST: dict[str, Any] = {
    "kind": "gsl",
    "base_url": "https://leads.example",
    "token_url": "https://login.example/oauth/token",
    "client_id": "agency-42",
    "client_secret": "invented-secret-0815",
}


def config(**keys: Any) -> GslConfig:
    return GslConfig(**{**LEAST, **keys})


def test_five_keys_are_enough_and_the_rest_is_the_contracts() -> None:
    found = config()

    assert found.feed_names == FEEDS
    assert found.scope == "laas:leads:get"
    assert found.timestamps == "seconds"
    assert (found.page_size, found.requests_at_once) == (100, 4)
    assert found.poll_every == timedelta(seconds=5)
    assert found.overlap == timedelta(minutes=15)
    assert found.start == timedelta(0)
    assert (found.reconcile.every, found.reconcile.over) == (
        timedelta(minutes=5),
        timedelta(hours=2),
    )
    assert found.review.every == timedelta(hours=24)


def test_each_feed_can_have_its_own_pace() -> None:
    found = config(feeds={"leads": None, "projects": {"poll_every": "1m"}}, poll_every="10s")

    assert found.feed_names == ("leads", "projects")
    assert found.pace("leads") == timedelta(seconds=10)
    assert found.pace("projects") == timedelta(minutes=1)


@pytest.mark.parametrize(
    ("start", "read"),
    [
        ("now", timedelta(0)),
        (" Now ", timedelta(0)),
        ("24h", timedelta(hours=24)),
        ("2026-11-01T00:00:00Z", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T01:00:00+01:00", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        (datetime(2026, 11, 1), datetime(2026, 11, 1, tzinfo=UTC)),
        (date(2026, 11, 1), datetime(2026, 11, 1, tzinfo=UTC)),
    ],
)
def test_a_start_is_now_a_duration_or_a_moment(start: Any, read: Any) -> None:
    assert config(start=start).start == read


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"feeds": ["leads", "project"]}, 'did you mean "projects"?'),
        ({"feeds": []}, "name at least one feed"),
        ({"feeds": ["leads", "leads"]}, "name each feed once"),
        ({"feeds": "leads"}, "write a list of feeds"),
        ({"start": "tomorrow"}, "write now, a duration such as 24h"),
        ({"start": 24}, "write now, a duration such as 24h"),
        ({"base_url": "leads.example"}, "write a complete URL"),
        ({"base_url": "ftp://leads.example"}, "write a complete URL"),
        ({"base_url": "https://leads.example:x"}, "write a complete URL"),
        ({"base_url": "https://leads.example/?a=1"}, "without its ? part"),
        ({"token_url": "https://me:pw@login.example"}, "no user name and no password"),
        ({"token_params": {"scope": "x"}}, "scope: it has a key of its own"),
        ({"paths": {"leads": "v2/leads"}}, "from its first slash"),
        ({"paths": {"leads": "//elsewhere.example/x"}}, "from its first slash"),
        ({"paths": {"lead": "/v2/lead"}}, "write {leadId} once"),
        ({"paths": {"classified": "/v2/c"}}, "write {classifiedId} once"),
        ({"page_size": 101}, "less than or equal to 100"),
        ({"poll_every": "5"}, "with its unit"),
        ({"timestamps": "minutes"}, "'seconds' or 'milliseconds'"),
        ({"client_secret": ""}, "at least 1"),
        ({"contact": "a) (b"}, "pattern"),
        ({"polling": "5s"}, "Extra inputs are not permitted"),
    ],
)
def test_a_wrong_word_is_answered_with_the_right_one(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        config(**keys)

    assert words in str(caught.value)


def test_no_error_and_no_text_shows_the_secret() -> None:
    with pytest.raises(ValidationError) as caught:
        config(client_secret=["invented-secret-0815"])

    assert "0815" not in str(caught.value) + repr(config()) + config().model_dump_json()


def test_a_push_source_needs_its_token() -> None:
    assert PushConfig(kind="push", token="t").identity is None  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        PushConfig(kind="push", token="")  # type: ignore[arg-type]
