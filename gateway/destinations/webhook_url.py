"""The URLs of webhooks: what may be written, and how a lead's values get into them. Pure.

A lead fills parts of the path and the query, quoted; it can not move a request.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from yarl import URL

from gateway.render import Renderer, TemplateError

_NOT_IN_A_URL = re.compile(r"[\x00-\x20\x7f]")


def is_template(text: str) -> bool:
    """Whether a text has anything for Jinja to do."""
    return "{{" in text or "{%" in text or "{#" in text


def is_url_text(text: str) -> bool:
    """Whether a text has no blank, line break or control character, which no URL can hold."""
    return _NOT_IN_A_URL.search(text) is None


def check_url(url: str) -> None:
    """Raise ValueError, with what to write instead, unless leads can be sent to this URL."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() not in ("http", "https"):
        raise ValueError("url: begin it with https:// or http://")
    place = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if not place or is_template(place):
        raise ValueError("url: write the host out; a template can fill what comes after it")
    if "@" in place:
        raise ValueError("url: put the user name and password under auth.basic instead")
    if "#" in rest and not is_template(rest):
        raise ValueError("url: leave out the part after #, it is never sent")
    try:
        URL(f"{scheme}://{place}/")
    except ValueError:
        raise ValueError("url: its host or port can not be read") from None
    if not is_template(url) and not is_url_text(url):
        raise ValueError("url: it has a blank or a line break; write a blank as %20")


def host_of(url: str) -> str:
    """The host of a URL whose path may be a template; empty where there is none."""
    return URL(url.partition("{")[0]).host or ""


def origin_of(url: str) -> URL:
    """Scheme, host and port of a URL whose path may be a template."""
    return as_written(url.partition("{")[0]).origin()


def rendered_url(source: str, renderer: Renderer, context: Mapping[str, Any]) -> URL:
    """The URL with a lead's values in it. Raises TemplateError."""
    try:
        text = renderer.text(source, context, quote=True)
    except UnicodeError:
        raise TemplateError("a value has half a character, which no URL can hold", "url") from None
    written, _, _ = source.partition("{")
    if not text.startswith(written) or not is_url_text(text) or "#" in text:
        raise TemplateError("a value makes it a URL that can not be sent", "url")
    path = text.partition("://")[2].partition("?")[0]
    if any(part.lower().replace("%2e", ".") in (".", "..") for part in path.split("/")):
        raise TemplateError("a value makes a part of the path that climbs out of it", "url")
    return as_written(text)


def as_written(text: str) -> URL:
    """The URL as it was written: only what is not ASCII is quoted, and nothing is unquoted.

    Unquoting would give a lead's ``%3B`` or ``%2E`` back the meaning that was taken from it.
    """
    scheme, _, rest = text.partition("://")
    place = re.split(r"[/?]", rest, maxsplit=1)[0]
    origin = URL(f"{scheme}://{place}").origin()
    target = quote(rest[len(place) :], safe=string.punctuation)
    return URL(f"{origin}{'' if target.startswith('/') else '/'}{target}", encoded=True)
