"""Slack's limits of a message, and a message made to keep them.

Owns the numbers. Source: Slack's Block Kit reference and its page on chat.postMessage. Pure: a
payload comes in as parsed JSON. It never changes what a message says but by cutting it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.slack_text import size

BLOCKS = 50
TEXT = 3000
"""Of a section, a context element, and of the notification's text as far as Slack shows it."""
HEADER = 150
FIELDS = 10
FIELD = 2000
CONTEXT = 10
ACTIONS = 25
LABEL = 75
URL = 3000
_MOST = {"context": CONTEXT, "actions": ACTIONS}


def fit(payload: Any) -> Any:
    """``payload``, its too long texts cut, its too many blocks, fields and elements left out.

    Other shapes than Slack's are left for :func:`limits_broken` to name.
    """
    if not isinstance(payload, dict):
        return payload
    made = dict(payload)
    if isinstance(made.get("text"), str):
        made["text"] = _cut(made["text"], TEXT, mrkdwn=True)
    if isinstance(made.get("blocks"), list):
        made["blocks"] = [_fit_block(block) for block in made["blocks"][:BLOCKS]]
    return made


def _fit_block(block: Any) -> Any:
    if not isinstance(block, dict):
        return block
    made = dict(block)
    if "text" in made:
        made["text"] = _fit_text(made["text"], HEADER if made.get("type") == "header" else TEXT)
    if isinstance(made.get("fields"), list):
        made["fields"] = [_fit_text(field, FIELD) for field in made["fields"][:FIELDS]]
    if isinstance(made.get("elements"), list):
        most = _MOST.get(str(made.get("type")))
        made["elements"] = [_fit_element(element) for element in made["elements"][:most]]
    return made


def _fit_element(element: Any) -> Any:
    if not isinstance(element, dict):
        return element
    if isinstance(element.get("text"), dict):
        return {**element, "text": _fit_text(element["text"], LABEL)}
    return _fit_text(element, TEXT)


def _fit_text(given: Any, longest: int) -> Any:
    if not isinstance(given, dict) or not isinstance(given.get("text"), str):
        return given
    mrkdwn = given.get("type") == "mrkdwn"
    return {**given, "text": _cut(given["text"], longest, mrkdwn=mrkdwn)}


def _cut(text: str, longest: int, *, mrkdwn: bool) -> str:
    if size(text) <= longest:
        return text
    head = text[:longest]
    while size(head) > longest - 1:
        head = head[:-1]
    if mrkdwn:
        # Not through the middle of a link or of an escaped character.
        if head.rfind("<") > head.rfind(">"):
            head = head[: head.rfind("<")]
        if head.rfind("&") > head.rfind(";"):
            head = head[: head.rfind("&")]
    return head.rstrip() + "…"


def limits_broken(payload: Any) -> list[str]:
    """What Slack would refuse in a message; nothing when it is fine."""
    if not isinstance(payload, dict):
        return ["a Slack message is a JSON object"]
    faults = []
    text = payload.get("text")
    if not isinstance(text, str) or not text.strip():
        faults.append("text: required, it is what a notification shows")
    blocks = payload.get("blocks", [])
    if not isinstance(blocks, list) or len(blocks) > BLOCKS:
        return [*faults, f"blocks: a list of at most {BLOCKS}"]
    for number, block in enumerate(blocks, start=1):
        place = f"blocks[{number}]"
        if isinstance(block, dict):
            faults += _block_faults(place, block)
        else:
            faults.append(f"{place}: an object")
    return faults


def _block_faults(place: str, block: dict[str, Any]) -> Iterator[str]:
    kind = block.get("type")
    if not isinstance(kind, str):
        yield f"{place}.type: required"
    if "text" in block:
        longest = HEADER if kind == "header" else TEXT
        yield from _text_faults(f"{place}.text", block["text"], longest)
    elif kind == "header" or (kind == "section" and not block.get("fields")):
        yield f"{place}.text: required"
    for name, most in (("fields", FIELDS), ("elements", _MOST.get(str(kind)))):
        parts = block.get(name, [])
        if not isinstance(parts, list) or (most is not None and len(parts) > most):
            yield f"{place}.{name}: a list of at most {most}"
            continue
        if name in block and not parts:
            yield f"{place}.{name}: empty"
        for part in parts:
            if not isinstance(part, dict):
                yield f"{place}.{name}: objects"
            elif name == "fields":
                yield from _text_faults(f"{place}.fields", part, FIELD)
            else:
                yield from _element_faults(place, part)


def _element_faults(place: str, element: dict[str, Any]) -> Iterator[str]:
    kind = element.get("type")
    if kind in ("mrkdwn", "plain_text"):
        yield from _text_faults(f"{place}.elements", element, TEXT)
    if kind == "button":
        yield from _text_faults(f"{place}.button", element.get("text"), LABEL)
        url = element.get("url", "https://")
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            yield f"{place}.button.url: must begin with https://"
        elif size(url) > URL:
            yield f"{place}.button.url: at most {URL} characters"


def _text_faults(place: str, text: Any, longest: int) -> Iterator[str]:
    words = text.get("text") if isinstance(text, dict) else None
    if not isinstance(words, str) or not words:
        yield f"{place}: the text is empty"
    elif size(words) > longest:
        yield f"{place}: more than {longest} characters"
