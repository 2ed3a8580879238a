"""Text as a stranger typed it, without the characters that do harm unseen."""

from __future__ import annotations

import re

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, but for tab and line feed
    "\ud800-\udfff"  # half a surrogate pair, which no encoding can carry
    "\u202a-\u202e\u2066-\u2069]"  # they turn the reading: a text shows as another one than it is
)
_BREAKS = re.compile("[\x1c-\x1f\x85\u2028\u2029]|[^\\S\u00a0\u202f]")
_BLANKS = re.compile("  +")


def visible(text: str) -> str:
    """``text`` without controls, half characters and marks that turn the reading direction."""
    return _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(value: object) -> str:
    """The same with line breaks and runs of blanks made single blanks; null is an empty text.

    A blank that does not break stays: it holds a number and its unit together.
    """
    text = _BREAKS.sub(" ", str(value or ""))
    return _BLANKS.sub(" ", _UNSEEN.sub(" ", text)).strip()
