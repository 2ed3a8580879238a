"""Admin tokens: who may enter, by name; several at once, and changed without a restart.

Owns how tokens are written (``name:token, name2:token2``) and read again from their file, and the
comparison that tells nothing about them. Never hands one out in a text.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

UNNAMED = "admin"
"""What a token without a name is called."""
LOOK_EVERY = 1.0
"""Seconds between two looks at the file."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_FILE_LIMIT = 100_000


@dataclass(frozen=True, slots=True)
class AdminToken:
    """One token and whose it is. ``named``: the name was written down."""

    name: str
    value: str = field(repr=False)
    named: bool = False


def parse_tokens(text: str) -> tuple[AdminToken, ...]:
    """``token``, or ``name:token`` several times with commas or on lines. Raises ValueError.

    Blank lines and those that begin with ``#`` say nothing. The error never quotes a token.
    """
    found: list[AdminToken] = []
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for part in ",".join(lines).split(","):
        if not (part := part.strip()):
            continue
        name, colon, value = part.partition(":")
        named = bool(colon and _NAME.fullmatch(name))
        token = AdminToken(name, value.strip(), True) if named else AdminToken(UNNAMED, part)
        if not token.value:
            raise ValueError(f"the token of {token.name} is empty: write {token.name}:TOKEN")
        if any(token.name == other.name for other in found):
            what = f"{token.name} stands there twice" if named else "two tokens have no name"
            raise ValueError(f"{what}: write name:token, name2:token2")
        found.append(token)
    return tuple(found)


class AdminTokens:
    """The tokens of now: those given, and those of ``file``, which is read again when it changes.

    A token without a name in the file is the one the program made: it counts while there is no
    other. A file that can not be used any more changes nothing until it can.
    """

    def __init__(
        self,
        given: Sequence[AdminToken] = (),
        file: Path | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._given = tuple(given)
        self._file = file
        self._clock = clock
        self._looked = float("-inf")
        self._mark: tuple[int, int, int] | None = None
        self._of_file: tuple[AdminToken, ...] = ()

    def all(self) -> tuple[AdminToken, ...]:
        """Every token that opens now; given ones first."""
        self._look()
        named = tuple(token for token in self._of_file if token.named)
        if self._given or named:
            taken = {token.name for token in self._given}
            return self._given + tuple(token for token in named if token.name not in taken)
        return self._of_file

    def named(self, name: str) -> AdminToken | None:
        """The token of a name."""
        return next((token for token in self.all() if token.name == name), None)

    def whose(self, given: str) -> str | None:
        """The name of the token that was given, or None; in a time that tells nothing of any."""
        mark = _digest(given)
        found = None
        for token in self.all():
            if hmac.compare_digest(_digest(token.value), mark):
                found = token.name
        return found

    def _look(self) -> None:
        now = self._clock()
        if self._file is None or now - self._looked < LOOK_EVERY:
            return
        self._looked = now
        try:
            stat = self._file.stat()
            mark = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if mark == self._mark:
                return
            with self._file.open(encoding="utf-8") as opened:
                self._of_file = parse_tokens(opened.read(_FILE_LIMIT))
            self._mark = mark
        except FileNotFoundError:
            self._mark, self._of_file = None, ()
        except (OSError, ValueError):
            return  # half written, or wrong: what was good stays good


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
