"""Slack's limits of a message, and a message made to keep them.

Owns the numbers. Source: Slack's Block Kit reference, its page on attachments and its page on
chat.postMessage. Pure: a payload comes in as parsed JSON. It never changes what a message says but
by cutting it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from gateway.slack_text import size

BLOCKS = 50
"""Of a whole message, those in its attachments included."""
ATTACHMENTS = 20
TEXT = 3000
"""Of a section, a context element, and of the notification's text as far as Slack shows it."""
HEADER = 150
FIELDS = 10
FIELD = 2000
CONTEXT = 10
ACTIONS = 25
LABEL = 75
URL = 3000
ID = 255
VALUE = 2000
ALT = 2000
_MOST = {"context": CONTEXT, "actions": ACTIONS}
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}|good|warning|danger")
_LONGEST = {"block_id": ID, "action_id": ID, "value": VALUE, "alt_text": ALT, "image_url": URL}


def fit(payload: Any) -> Any:
    """``payload``, its too long texts cut, its too many blocks, fields and elements left out.

    Other shapes than Slack's are left for :func:`limits_broken` to name.
    """
    if not isinstance(payload, dict):
        return payload
    made = dict(payload)
    if isinstance(made.get("text"), str):
        made["text"] = _cut(made["text"], TEXT, mrkdwn=True)
    left = BLOCKS
    if isinstance(made.get("blocks"), list):
        made["blocks"] = [_fit_block(block) for block in made["blocks"][:left]]
        left -= len(made["blocks"])
    if isinstance(made.get("attachments"), list):
        attachments = []
        for attachment in made["attachments"][:ATTACHMENTS]:
            if isinstance(attachment, dict) and isinstance(attachment.get("blocks"), list):
                blocks = [_fit_block(block) for block in attachment["blocks"][:left]]
                left -= len(blocks)
                attachment = {**attachment, "blocks": blocks}
            attachments.append(attachment)
        made["attachments"] = attachments
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
    elif size(text) > TEXT:
        faults.append(f"text: more than {TEXT} characters")
    attachments = payload.get("attachments", [])
    if not isinstance(attachments, list) or len(attachments) > ATTACHMENTS:
        return [*faults, f"attachments: a list of at most {ATTACHMENTS}"]
    groups = [("blocks", payload)]
    for number, attachment in enumerate(attachments, start=1):
        place = f"attachments[{number}]"
        if not isinstance(attachment, dict):
            return [*faults, f"{place}: an object"]
        if not _COLOR.fullmatch(str(attachment.get("color", "good"))):
            faults.append(f"{place}.color: write it as #0d6b58")
        groups.append((f"{place}.blocks", attachment))
    total = 0
    for place, holder in groups:
        blocks = holder.get("blocks", [])
        total += len(blocks) if isinstance(blocks, list) else 0
        if not isinstance(blocks, list) or total > BLOCKS:
            return [*faults, f"{place}: a list of at most {BLOCKS}"]
        faults += _blocks_faults(place, blocks)
    return faults


def _blocks_faults(place: str, blocks: list[Any]) -> Iterator[str]:
    for number, block in enumerate(blocks, start=1):
        if isinstance(block, dict):
            yield from _block_faults(f"{place}[{number}]", block)
        else:
            yield f"{place}[{number}]: an object"


def _block_faults(place: str, block: dict[str, Any]) -> Iterator[str]:
    kind = block.get("type")
    if not isinstance(kind, str):
        yield f"{place}.type: required"
    if "text" in block:
        longest = HEADER if kind == "header" else TEXT
        yield from _text_faults(f"{place}.text", block["text"], longest)
    elif kind == "header" or (kind == "section" and not block.get("fields")):
        yield f"{place}.text: required"
    if kind in _MOST and "elements" not in block:
        yield f"{place}.elements: required"
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
    yield from _lengths(place, block)


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
            yield f"{place}.button.url: more than {URL} characters"
    yield from _lengths(place, element)


def _lengths(place: str, part: dict[str, Any]) -> Iterator[str]:
    for name, longest in _LONGEST.items():
        if size(str(part.get(name, ""))) > longest:
            yield f"{place}.{name}: more than {longest} characters"


def _text_faults(place: str, text: Any, longest: int) -> Iterator[str]:
    words = text.get("text") if isinstance(text, dict) else None
    if not isinstance(words, str) or not words.strip():
        yield f"{place}: the text is empty"
    elif size(words) > longest:
        yield f"{place}: more than {longest} characters"
    elif text.get("type") not in ("mrkdwn", "plain_text"):
        yield f"{place}.type: mrkdwn or plain_text"
