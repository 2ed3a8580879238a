"""Who has a lead, in Slack: the lead's own messages are changed, or answered where they can not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.delivery import Continue, Delivered, Message, Taken
from gateway.destinations.slack import SlackConfig, SlackDestination
from gateway.http import HttpClient
from gateway.lead import Agent
from gateway.render import Renderer
from tests import wire
from tests.builders import NOON, a_lead

pytestmark = pytest.mark.anyio

LINK = "https://leads.example/claim/dlv_1.1.x"
TAKEN = Taken("Anne Martin", NOON + timedelta(minutes=3), 180.0)
TOLD = Message(
    "dlv_1",
    "team",
    NOON,
    "claimed",
    taken=TAKEN,
    earlier=(("new", "16.1"), ("escalation:1", "16.2")),
)
OK = wire.answer(200, b'{"ok":true,"channel":"C012","ts":"16.1"}')
Build = Callable[..., SlackDestination]


@pytest.fixture
async def team() -> AsyncIterator[Build]:
    built: list[SlackDestination] = []

    def build(language: str = "en", **given: Any) -> SlackDestination:
        given = {"token": "xoxb-hush", "channel": "C012", **given}
        if given.get("webhook_url"):
            given = {key: given[key] for key in given if key not in ("token", "channel")}
        renderer = Renderer(language=language, claim_link=lambda lead, message: LINK)
        http = HttpClient(wire.loopback(), connections=2)
        built.append(SlackDestination("team", SlackConfig(**given), renderer, http))
        return built[-1]

    yield build
    for destination in built:
        await destination.close()


def words(payload: dict[str, Any]) -> str:
    return json.dumps(payload, ensure_ascii=False)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Anne Martin has this lead, 3\u202fmin after it was left."),
        ("fr", "Anne Martin s’en occupe, 3\u202fmin après la demande."),
    ],
)
async def test_each_message_of_the_lead_says_who_and_how_fast(
    team: Build, language: str, said: str
) -> None:
    destination = team(language)
    first = destination.render(a_lead(), TOLD)
    last = destination.render(a_lead(), replace(TOLD, saved={"changed": 1}))
    assert [item.payload["ts"] for item in (first, last)] == ["16.1", "16.2"]
    assert all(item.url.endswith("/chat.update") for item in (first, last))
    assert all(said in words(item.payload) for item in (first, last))
    assert all(LINK not in words(item.payload) for item in (first, last))


async def test_one_message_is_changed_after_the_other(team: Build) -> None:
    async with wire.answering(OK, OK) as server:
        destination = team(api_url=server.url)
        step = await destination.send(destination.render(a_lead(), TOLD))
        assert isinstance(step, Continue)
        end = await destination.send(destination.render(a_lead(), replace(TOLD, saved=step.saved)))
    assert isinstance(end, Delivered)
    assert end.thread is None
    assert [json.loads(sent.body)["ts"] for sent in server.requests] == ["16.1", "16.2"]


@pytest.mark.parametrize("word", ["edit_window_closed", "cant_update_message", "message_not_found"])
async def test_where_it_can_not_be_changed_the_word_comes_under_it(team: Build, word: str) -> None:
    no = wire.answer(200, json.dumps({"ok": False, "error": word}).encode())
    told = replace(TOLD, earlier=(("new", "16.1"),))
    async with wire.answering(no, OK) as server:
        destination = team(api_url=server.url)
        got = await destination.send(destination.render(a_lead(), told))
    assert isinstance(got, Delivered)
    assert [sent.target for sent in server.requests] == ["/chat.update", "/chat.postMessage"]
    reply = json.loads(server.requests[1].body)
    assert (reply["thread_ts"], reply["reply_broadcast"]) == ("16.1", False)
    assert "Anne Martin" in words(reply)


async def test_a_message_that_goes_out_after_the_claim_says_so_and_has_no_button(
    team: Build,
) -> None:
    late = Message("dlv_1", "team", NOON, taken=TAKEN)
    payload = team(webhook_url="https://hooks.slack.com/x").render(a_lead(), late).payload
    assert "Anne Martin has this lead" in words(payload)
    assert LINK not in words(payload)


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "Nobody has taken this lead yet"), ("fr", "Personne n’a encore pris ce contact")],
)
async def test_an_escalated_lead_says_so_and_can_be_taken(
    team: Build, language: str, said: str
) -> None:
    lead = a_lead(agent=Agent(name="Bob", slack="U0BOB"))
    payload = team(language).render(lead, Message("dlv_1", "team", NOON, "escalation:1")).payload
    assert said in words(payload)
    assert "<@U0BOB>" in words(payload)
    assert f'"url": "{LINK}"' in words(payload)


async def test_with_a_signing_secret_the_button_works_within_slack(team: Build) -> None:
    payload = team(signing_secret="hush").render(a_lead(), Message("dlv_1", "team", NOON)).payload
    assert LINK not in words(payload)
    assert '"action_id": "claim", "value": "dlv_1.1.x"' in words(payload)
