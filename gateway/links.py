"""Links that people follow: only ever to the web, and made of quoted values.

Owns what a portal's or a form's text must be to become a link, and how a template that makes one
sees the lead. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

LONGEST = 2000
_NOT_IN_A_LINK = re.compile(r"[\s\x00-\x20\x7f\"'<>\\^`{|}]")


def web_link(url: str | None) -> str | None:
    """``url`` if it is one to follow on the web. A portal's or a form's text may be any scheme."""
    if not url or len(url) > LONGEST or _NOT_IN_A_LINK.search(url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.hostname else None


def lead_page(public_url: str, source: str, lead_id: str) -> str:
    """The lead's page in the dashboard."""
    place = "/".join(quote(part, safe="", errors="replace") for part in (source, lead_id))
    return f"{public_url}/leads/{place}"


def quoted(value: Any) -> Any:
    """The same, with every text in it safe as a part of a URL."""
    if (own := getattr(value, "quoted", None)) is not None:
        return own(quoted)  # a map that is more than its keys stays what it is
    if isinstance(value, Mapping):
        return {key: quoted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [quoted(item) for item in value]
    return quote(value, safe="", errors="replace") if isinstance(value, str) else value
