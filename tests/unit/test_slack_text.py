"""Slack's text: only ever text, and never too long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.destinations.slack_blocks import fit, limits_broken
from gateway.slack_text import size, slack, slack_link, slack_mention, slack_plain


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("<!channel> & <@U1>", "&lt;!channel&gt; &amp; &lt;@U1&gt;"),
        ("<https://evil.example|bank>", "&lt;https://evil.example|bank&gt;"),
        ("*b* _i_", "*\u200bb*\u200b _\u200bi_\u200b"),
        ("~s~ `c`", "~\u200bs~\u200b `\u200bc`\u200b"),
        ("a\x00b\u202ec", "abc"),
    ],
)
def test_markup_of_a_lead_is_text(text: str, sent: str) -> None:
    assert slack(text) == sent


@given(st.text(alphabet=st.sampled_from("&<>*ab 🏡\n")), st.integers(min_value=2, max_value=60))
def test_no_text_gets_over_its_length(text: str, length: int) -> None:
    assert size(slack(text, length)) <= length
    escaped = slack_plain(text, length).replace("&", "&amp;").replace("<", "&lt;")
    assert size(escaped.replace(">", "&gt;")) <= length
    assert "&am…" not in slack(text, length)


@pytest.mark.parametrize(
    ("url", "label", "sent"),
    [
        ("tel:+33639981234", "06 39", "<tel:+33639981234|06 39>"),
        ("mailto:a@example.org", None, "<mailto:a@example.org|mailto:a@example.org>"),
        ("https://a.example/?b=1&c=2", "x|y>", "<https://a.example/?b=1&amp;c=2|x¦y&gt;>"),
        ("javascript:alert(1)", "x", "x"),
        ("https://a.example/>|<!channel>", "x", "x"),
        ("", "", ""),
    ],
)
def test_a_link_is_made_of_what_is_one(url: str, label: str | None, sent: str) -> None:
    assert slack_link(url, label) == sent


def plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text}


def test_what_is_too_long_is_made_to_fit() -> None:
    button = {"type": "button", "text": plain("b" * 100), "url": "https://a.example"}
    payload = {
        "text": "t" * 5000,
        "blocks": [
            {"type": "header", "text": plain("🏡" * 150)},
            {"type": "section", "text": mrkdwn("s" * 2995 + "&amp;&amp;")},
            {"type": "section", "fields": [mrkdwn("f" * 1990 + "<https://a.example|x>")] * 20},
            {"type": "context", "elements": [mrkdwn("c" * 4000)] * 20},
            {"type": "actions", "elements": [button] * 30},
            *[{"type": "divider"}] * 60,
        ],
    }
    assert limits_broken(payload)
    made = fit(payload)
    assert limits_broken(made) == []
    assert made["blocks"][1]["text"]["text"].endswith("s…")
    assert made["blocks"][2]["fields"][0]["text"].endswith("f…")


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        ([], "JSON object"),
        ({}, "text: required"),
        ({"text": " "}, "text: required"),
        ({"text": "x", "blocks": {}}, "at most 50"),
        ({"text": "x", "blocks": [3]}, "an object"),
        ({"text": "x", "blocks": [{"text": plain("a")}]}, "type: required"),
        ({"text": "x", "blocks": [{"type": "header"}]}, "text: required"),
        ({"text": "x", "blocks": [{"type": "section"}]}, "text: required"),
        ({"text": "x", "blocks": [{"type": "section", "text": "a"}]}, "empty"),
        ({"text": "x", "blocks": [{"type": "section", "fields": "a"}]}, "at most 10"),
        ({"text": "x", "blocks": [{"type": "context", "elements": []}]}, "empty"),
        ({"text": "x", "blocks": [{"type": "context", "elements": ["a"]}]}, "objects"),
        (
            {"text": "x", "blocks": [{"type": "actions", "elements": [
                {"type": "button", "text": plain("a"), "url": "tel:+331"}]}]},
            "https://",
        ),
    ],
)  # fmt: skip
def test_what_slack_would_refuse_is_named(payload: object, fault: str) -> None:
    assert fault in " ".join(limits_broken(fit(payload)))


def test_the_blocks_of_a_whole_message_are_counted() -> None:
    block = {"type": "section", "text": {"type": "plain_text", "text": "x"}}
    part = {"color": "#0d6b58", "blocks": [block] * 30}
    payload = {"text": "x", "blocks": [block] * 10, "attachments": [part, part, part]}
    assert "at most 50" in " ".join(limits_broken(payload))
    made = fit(payload)
    assert [len(item["blocks"]) for item in made["attachments"]] == [30, 10, 0]
    assert limits_broken(made) == []
    many = {"text": "x", "attachments": [{"color": "good"}] * 40}
    assert "at most 20" in " ".join(limits_broken(many))
    assert limits_broken(fit(many)) == []


@pytest.mark.parametrize(
    ("part", "fault"),
    [
        ({"color": "red"}, "color"),
        ("text", "an object"),
        ({"blocks": "x"}, "a list"),
        ({"blocks": [{"type": "context"}]}, "elements: required"),
        ({"blocks": [{"type": "divider", "block_id": "x" * 300}]}, "block_id: more than 255"),
        ({"blocks": [{"type": "header", "text": {"type": "html", "text": "x"}}]}, "mrkdwn or"),
    ],
)
def test_a_fault_in_an_attachment_is_named(part: object, fault: str) -> None:
    (first, *_) = limits_broken({"text": "x", "attachments": [part]})
    assert first.startswith("attachments[1]")
    assert fault in first


def test_no_code_of_an_emoji_becomes_one_and_only_members_are_mentioned() -> None:
    assert slack(":skull: 13:00:05 :+1:") == ":\u200bskull: 13:\u200b00:05 :\u200b+1:"
    assert slack_mention("U012ABC") == "<@U012ABC>"
    for other in ("", None, "!channel", "U1><!here", "u012abc", "U012ABC\n"):
        assert slack_mention(other) == ""
