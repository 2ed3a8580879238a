"""A Slack message drawn as HTML, nearly as Slack shows it: for previews, and for the dashboard.

Owns the drawing of the blocks that our templates use and the reading of Slack's mrkdwn; the looks
are in templates/web/static/slack.css. What a message says is escaped here and nowhere else: the
result is safe to put into any page, and needs neither scripts nor inline styles.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

from gateway.links import web_link
from gateway.render import TEMPLATE_ROOT

CSS = TEMPLATE_ROOT / "web" / "static" / "slack.css"
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")
_NAMED = {"good": "#2eb67d", "warning": "#ecb22e", "danger": "#e01e5a"}
# A link or a mention, code, or one of the marks around a text. A zero-width space takes a mark its
# meaning: so says gateway/slack_text.py.
_PIECE = re.compile(
    r"<(?P<target>[^<>|\n]+)(?:\|(?P<label>[^<>\n]*))?>"
    r"|```(?P<block>.+?)```|`(?!\u200b)(?P<code>[^`\n]+)`"
    r"|(?<![\w*])\*(?![\s\u200b])(?P<bold>[^*\n]+?)(?<!\s)\*(?!\w)"
    r"|(?<![\w_])_(?![\s\u200b])(?P<oblique>[^_\n]+?)(?<!\s)_(?!\w)"
    r"|(?<![\w~])~(?![\s\u200b])(?P<struck>[^~\n]+?)(?<!\s)~(?!\w)",
    re.DOTALL,
)
_TAGS = {"bold": "b", "oblique": "i", "struck": "s"}
_DEPTH = 5
"""Marks within marks."""


def draw(payload: Mapping[str, Any]) -> Markup:
    """The message as one HTML element, for a page that has :data:`CSS`."""
    parts = [Markup("").join(map(_block, _parts(payload, "blocks")))]
    if not parts[0]:
        parts.append(_element("p", "slack-text", mrkdwn(str(payload.get("text") or ""))))
    for attachment in _parts(payload, "attachments"):
        inner = Markup("").join(map(_block, _parts(attachment, "blocks")))
        parts.append(
            _element("div", "slack-attachment", _bar(attachment) + _element("div", "", inner))
        )
    return _element("div", "slack-message", Markup("").join(parts))


def page(payload: Mapping[str, Any], title: str = "Slack") -> str:
    """A whole page with nothing but the message."""
    return Markup(
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<title>{}</title>\n'
        '<style>\n{}</style>\n</head>\n<body class="slack-page">\n{}\n</body>\n</html>\n'
    ).format(title, Markup(CSS.read_text("utf-8")), draw(payload))  # noqa: S704 - our own file


def mrkdwn(text: str, depth: int = _DEPTH) -> Markup:
    """Slack's own markup as HTML. Anything it does not know stays text."""
    made, position = [], 0
    for match in _PIECE.finditer(text):
        made.append(_words(text[position : match.start()]))
        made.append(_piece(match, depth))
        position = match.end()
    made.append(_words(text[position:]))
    return Markup("").join(made)


def _piece(match: re.Match[str], depth: int) -> Markup:
    kind = str(match.lastgroup)
    if kind in ("target", "label"):
        return _link(match["target"], match["label"])
    if kind in ("block", "code"):
        return _element("code", "slack-code", _words(match[kind]))
    inner = mrkdwn(match[kind], depth - 1) if depth else _words(match[kind])
    return _element(_TAGS[kind], "", inner)


def _link(target: str, label: str | None) -> Markup:
    if target[0] in "@#!" and len(target) > 1:
        shown = label or target.lstrip("!").replace("^", " ")
        return _element("span", "slack-mention", _words(shown if target[0] != "!" else "@" + shown))
    address = html.unescape(target)
    known = address.startswith(("mailto:", "tel:")) or web_link(address)
    if not known:
        return _words(f"<{target}>")
    return Markup('<a href="{}" rel="noreferrer">{}</a>').format(address, _words(label or target))


def _words(text: str) -> Markup:
    """Text of mrkdwn: its own three escapes undone, HTML's made, line breaks kept."""
    plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return Markup.escape(plain).replace("\n", Markup("<br>"))


def _parts(holder: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    given = holder.get(name)
    return [part for part in given if isinstance(part, Mapping)] if isinstance(given, list) else []


def _bar(attachment: Mapping[str, Any]) -> Markup:
    """Its colour. An attribute of a drawing, as a strict policy has no inline styles."""
    return Markup('<svg class="slack-bar" aria-hidden="true"><rect fill="{}"/></svg>').format(
        _color(attachment.get("color"))
    )


def _block(block: Mapping[str, Any]) -> Markup:
    match block.get("type"):
        case "header":
            return _element("h3", "slack-header", _text(block.get("text")))
        case "divider":
            return Markup('<hr class="slack-divider">')
        case "section":
            body = (
                _element("p", "slack-text", _text(block["text"])) if "text" in block else Markup("")
            )
            fields = [
                _element("p", "slack-field", _text(field)) for field in _parts(block, "fields")
            ]
            if fields:
                body += _element("div", "slack-fields", Markup("").join(fields))
            return body
        case "context":
            parts = [_element("span", "", _text(item)) for item in _parts(block, "elements")]
            return _element("p", "slack-context", Markup(" ").join(parts))
        case "actions":
            return _element("p", "slack-actions", Markup(" ").join(_buttons(block)))
    return Markup("")


def _buttons(block: Mapping[str, Any]) -> Iterator[Markup]:
    for item in _parts(block, "elements"):
        if item.get("type") != "button":
            continue
        style = item.get("style") if item.get("style") in ("primary", "danger") else "plain"
        label, url = _text(item.get("text")), web_link(str(item.get("url") or ""))
        if url:
            yield Markup(
                '<a class="slack-button slack-{}" href="{}" rel="noreferrer">{}</a>'
            ).format(style, url, label)
        else:
            yield _element("span", f"slack-button slack-{style}", label)


def _text(given: Any) -> Markup:
    if not isinstance(given, Mapping) or not isinstance(given.get("text"), str):
        return Markup("")
    if given.get("type") == "mrkdwn":
        return mrkdwn(given["text"])
    return Markup.escape(given["text"]).replace("\n", Markup("<br>"))


def _color(given: Any) -> str:
    text = _NAMED.get(str(given), str(given))
    return text if _COLOR.fullmatch(text) else "#b8bec4"


def _element(tag: str, name: str, inner: Markup) -> Markup:
    """``tag`` and ``name`` (its class) are ours; ``inner`` is escaped already."""
    shown = Markup(' class="{}"').format(name) if name else Markup("")
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(tag), shown, inner)  # noqa: S704
