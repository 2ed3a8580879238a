"""Text in Slack's messages: only ever text, and never longer than Slack takes.

Owns escaping and measuring. A lead's words can not become a mention, a link, a channel call or
formatting. Source of the rules: Slack's page on formatting text for app surfaces (``& < >`` are its
only control characters) and Block Kit's reference for the lengths.
"""

from __future__ import annotations

import re
from typing import Any

from gateway.plain_text import visible

_ESCAPED = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_FORMATTING = "*_~`"
_UNSEEN = "\u200b"
"""A zero-width space: after a character that formats, it makes it one that only stands there."""
_EMOJI = re.compile(r":(?=[a-z0-9_'+-]+:)")
_MEMBER = re.compile(r"[UW][A-Z0-9]{2,20}")
_LINKS = ("https://", "http://", "mailto:", "tel:")


def size(text: str) -> int:
    """UTF-16 units: Slack counts as JavaScript does, where most emoji are two."""
    return len(text) + sum(character > "\uffff" for character in text)


def slack(value: Any, length: int = 2800) -> str:
    """``value`` for mrkdwn. ``length`` counts what is sent, so many ``&`` break no limit."""
    text = _EMOJI.sub(":" + _UNSEEN, _clean(value))  # :skull: stays what was typed
    kept = _fitting([size(_piece(character)) for character in text], length)
    return "".join(map(_piece, text[:kept])) + ("…" if kept < len(text) else "")


def slack_plain(value: Any, length: int = 2800) -> str:
    """``value`` for plain_text: not escaped, but cut as if it were, to be on the safe side."""
    text = _clean(value)
    kept = _fitting([size(_ESCAPED.get(character, character)) for character in text], length)
    return text[:kept] + ("…" if kept < len(text) else "")


def slack_link(url: Any, label: Any = None) -> str:
    """A link of mrkdwn, for http, mailto and tel; of anything else the label alone as text."""
    shown = slack(label if label not in (None, "") else url, 300)
    target = str(url or "")
    is_whole = size(target) <= 2000 and not set(target) & set("<>|\n\r ")
    if not (is_whole and target.startswith(_LINKS)):
        return shown
    return f"<{target.replace('&', '&amp;')}|{shown.replace('|', '¦')}>"


def slack_mention(value: Any) -> str:
    """A mention of the member with this id (``U012ABC``); of anything else, nothing."""
    text = str(value or "")
    return f"<@{text}>" if _MEMBER.fullmatch(text) else ""


def _piece(character: str) -> str:
    if character in _FORMATTING:
        return character + _UNSEEN
    return _ESCAPED.get(character, character)


def _clean(value: Any) -> str:
    return visible(str(value if value is not None else ""))


def _fitting(sizes: list[int], length: int) -> int:
    """How many of the pieces fit; when not all do, one unit is left for the ellipsis."""
    if sum(sizes) <= length:
        return len(sizes)
    room = length - 1
    for position, one in enumerate(sizes):
        room -= one
        if room < 0:
            return position
    return len(sizes)
