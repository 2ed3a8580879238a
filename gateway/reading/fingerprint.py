"""What was read of a lead, in a few characters: enough to tell a re-read from a change.

One mark per (source, feed): four characters that name the reading, eight that stand for what it
showed. A lead keeps the marks of all its readings in one text, so that a feed that was not read
this time, or another source of the same identity, changes nothing. Pure.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

_NAME, _MARK = 4, 12


def marks_of(source: str, feeds: Mapping[str, Any]) -> tuple[str, ...]:
    """One mark for each feed's item."""
    return tuple(_short(f"{source}/{feed}", 3) + _content(item) for feed, item in feeds.items())


def lacking(source: str) -> str:
    """The mark of a lead that is to be completed by a later reading of it alone (feed ``lead``)."""
    return _short(f"{source}/lead", 3) + "--------"


def is_known(known: str, marks: Iterable[str]) -> bool:
    """Whether every one of these readings showed just this before."""
    return set(marks) <= set(known.split())


def joined(known: str, marks: Iterable[str]) -> str:
    """The known marks with these in the place of older ones of the same readings."""
    kept = {mark[:_NAME]: mark for mark in known.split() if len(mark) == _MARK}
    kept.update((mark[:_NAME], mark) for mark in marks)
    return " ".join(kept.values())


def _content(item: Any) -> str:
    return _short(json.dumps(item, sort_keys=True, ensure_ascii=False, default=str), 6)


def _short(text: str, length: int) -> str:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=length).digest()
    return base64.urlsafe_b64encode(digest).decode()
