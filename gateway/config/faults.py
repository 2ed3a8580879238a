"""What is wrong with a configuration: where, what, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

Place = tuple[str | int, ...]
"""Where a value stands: keys and, in lists, positions from 0: ``("routes", 0, "to")``."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to change. ``path`` is the key's place as people say it; a warning stops nothing.

    ``line`` and ``column`` count from 1; None when the fault is the file's as a whole. The text
    never repeats a value of the file or of the environment: it may be a secret.
    """

    file: Path
    line: int | None
    path: str
    text: str
    warning: bool = False
    column: int | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        kind = "warning: " if self.warning else ""
        return (
            f"{place}: {kind}{self.path}: {self.text}"
            if self.path
            else f"{place}: {kind}{self.text}"
        )


class ConfigError(Exception):
    """A configuration that can not be used, with all its faults, in the file's order."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


def in_order(faults: Iterable[Fault], first: Path) -> list[Fault]:
    """Each fault once, by file and line; of several files ``first`` comes first."""

    def place(fault: Fault) -> tuple[bool, str, int, int]:
        return fault.file != first, str(fault.file), fault.line or 0, fault.column or 0

    return sorted(dict.fromkeys(faults), key=place)


def dotted(place: Place) -> str:
    """A place as people say it; list items count from 1: ``routes[1].to``."""
    text = ""
    for step in place:
        text += f"[{step + 1}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean "timeout"?`` when one of the known words is near, else nothing."""
    near = difflib.get_close_matches(word, list(known), 1)
    return f'did you mean "{near[0]}"?' if near else ""
