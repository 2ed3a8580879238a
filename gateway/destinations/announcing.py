"""A notice of the gateway in the forms that the kinds need: JSON, Block Kit, a mail's page. Pure.

No template of the user's is asked: what says that something broke must not break with it.
"""

from __future__ import annotations

import json
from datetime import UTC
from functools import cache
from typing import Any

import jinja2

from gateway.notice import Notice
from gateway.render import TEMPLATE_ROOT
from gateway.slack_text import slack


@cache
def _page() -> jinja2.Template:
    text = (TEMPLATE_ROOT / "alerts" / "mail.html").read_text("utf-8")
    return jinja2.Environment(autoescape=True, trim_blocks=True).from_string(text)


def as_json(notice: Notice) -> bytes:
    """The standard envelope (contract §6) around a notice, the same bytes on every attempt."""
    stamp = notice.at.astimezone(UTC).isoformat(timespec="milliseconds")
    document = {
        "type": "gateway.alert",
        "timestamp": stamp.removesuffix("+00:00") + "Z",
        "data": {"id": notice.id, "title": notice.title, **notice.data},
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def as_blocks(notice: Notice) -> dict[str, Any]:
    """A Slack message; the caller fits it into Slack's limits."""
    blocks: list[dict[str, Any]] = []
    for point in notice.points:
        mark = ":white_check_mark:" if point.good else ":rotating_light:"
        text = f"{mark} *{slack(point.text)}*"
        if point.do:
            text += f"\n{slack(point.do)}"
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": text}})
    if notice.link:
        blocks.append(
            {
                "type": "actions",
                "elements": [
                    {
                        "type": "button",
                        "url": notice.link,
                        "text": {"type": "plain_text", "text": notice.link_text},
                    }
                ],
            }
        )
    return {"text": slack(notice.title), "blocks": blocks}


def as_page(notice: Notice) -> str:
    """The HTML of a mail."""
    return _page().render(notice=notice)
