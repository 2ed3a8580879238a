"""A Slack message drawn for people: what Slack would show, and nothing that runs."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.destinations.slack_drawing import draw, mrkdwn, page

TAGS = {"div", "h3", "p", "span", "b", "i", "s", "code", "a", "br", "hr", "svg", "rect"}


class Reader(HTMLParser):
    """Notes every tag and attribute, and the text outside of them."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.text += "\n" if tag == "br" else ""

    def handle_data(self, data: str) -> None:
        self.text += data


def is_harmless(source: str) -> bool:
    reader = Reader(source)
    links = [attrs.get("href") or "" for tag, attrs in reader.tags if tag == "a"]
    return (
        {tag for tag, _ in reader.tags} <= TAGS
        and not [name for _, attrs in reader.tags for name in attrs if name.startswith("on")]
        and not [name for _, attrs in reader.tags for name in attrs if name == "style"]
        and all(link.startswith(("http://", "https://", "mailto:", "tel:")) for link in links)
    )


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("*fat* _thin_ ~gone~ `x`",
         '<b>fat</b> <i>thin</i> <s>gone</s> <code class="slack-code">x</code>'),
        ("*fat _and thin_*", "<b>fat <i>and thin</i></b>"),
        ("2*3*4 snake_case_name * a *", "2*3*4 snake_case_name * a *"),
        ("*\u200bnot fat*\u200b", "*\u200bnot fat*\u200b"),
        ("a &lt;b&gt; &amp;amp; c", "a &lt;b&gt; &amp;amp; c"),
        ("one\ntwo", "one<br>two"),
        ("<https://a.example/?x=1&amp;y=2|here>",
         '<a href="https://a.example/?x=1&amp;y=2" rel="noreferrer">here</a>'),
        ("<tel:+33639981234|06 39>", '<a href="tel:+33639981234" rel="noreferrer">06 39</a>'),
        ("<mailto:a@b.example>",
         '<a href="mailto:a@b.example" rel="noreferrer">mailto:a@b.example</a>'),
        ("<@U012>", '<span class="slack-mention">@U012</span>'),
        ("<!channel>", '<span class="slack-mention">@channel</span>'),
        ("<javascript:alert(1)|x>", "&lt;javascript:alert(1)&gt;"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("<b|<i>>", "&lt;b|&lt;i&gt;&gt;"),
    ],
)  # fmt: skip
def test_slacks_markup_is_drawn_as_slack_shows_it(text: str, drawn: str) -> None:
    assert str(mrkdwn(text)) == drawn


MESSAGE = {
    "text": "what a notification shows",
    "blocks": [
        {"type": "header", "text": {"type": "plain_text", "text": "*A* <b>"}},
        {"type": "divider"},
        {"type": "rich_text", "elements": []},
    ],
    "attachments": [
        {
            "color": "#0d6b58",
            "blocks": [
                {"type": "section", "fields": [{"type": "mrkdwn", "text": "*Prix*\n1 €"}]},
                {
                    "type": "actions",
                    "elements": [
                        {
                            "type": "button",
                            "style": "primary",
                            "text": {"type": "plain_text", "text": "Go"},
                            "url": "https://a.example",
                        },
                        {
                            "type": "button",
                            "style": '"><script>',
                            "text": {"type": "plain_text", "text": "Bad"},
                            "url": "javascript:alert(1)",
                        },
                    ],
                },
                {"type": "context", "elements": [{"type": "mrkdwn", "text": "_small_"}]},
            ],
        },
        {"color": 'red"/><script>', "blocks": []},
    ],
}


def test_a_message_is_drawn_block_by_block() -> None:
    drawn = str(draw(MESSAGE))
    assert is_harmless(drawn)
    assert '<h3 class="slack-header">*A* &lt;b&gt;</h3>' in drawn
    assert '<a class="slack-button slack-primary" href="https://a.example"' in drawn
    assert '<span class="slack-button slack-plain">Bad</span>' in drawn
    assert '<rect fill="#0d6b58"/>' in drawn
    assert '<rect fill="#b8bec4"/>' in drawn
    assert "what a notification shows" not in drawn


def test_a_message_of_text_alone_shows_it() -> None:
    assert Reader(str(draw({"text": "*hello*"}))).text == "hello"


def test_the_page_stands_by_itself() -> None:
    whole = page(MESSAGE, "<title>")
    assert "<title>&lt;title&gt;</title>" in whole
    assert ".slack-message {" in whole
    assert not re.search(r"<(link|script|img)|url\(|@import", whole)


TEXT = st.text(st.sampled_from("<>&|*_~`\"'= \n:/@#!abc\u200b"), max_size=120)
PART = st.recursive(
    TEXT | st.none() | st.integers() | st.sampled_from(["header", "section", "actions", "button"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["type", "text", "fields", "elements", "url", "style", "color", "blocks"]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)


@settings(max_examples=150, deadline=None)
@given(TEXT)
def test_whatever_a_text_says_nothing_in_it_runs(text: str) -> None:
    assert is_harmless(str(mrkdwn(text)))


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["text", "blocks", "attachments"]), PART))
def test_whatever_a_template_makes_is_drawn_or_left_out(payload: dict[str, object]) -> None:
    assert is_harmless(str(draw(payload)))
