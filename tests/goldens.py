"""Golden files: what was written once, was read by a person, and must not change unseen.

``matches(name, text)`` compares with ``tests/golden/<name>``. After a change that is meant, run the
tests with ``GOLDEN=write`` in the environment, read the difference with git, and commit it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"
_LONG = 1500
_KEPT = 400


def matches(name: str, text: str) -> None:
    """Fail unless ``text`` is what the golden file says. Long lines are compared by their ends."""
    file = FOLDER / name  # or a whole path: a page that is written the same way
    found = abridged(text)
    if os.environ.get("GOLDEN") == "write":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(found, encoding="utf-8", newline="")
    assert file.exists(), f"{file} is missing: write it with GOLDEN=write, and read it"
    assert found == file.read_bytes().decode()


def abridged(text: str) -> str:
    """``text`` with what is left out of long lines counted, and characters nobody sees spelled."""
    lines = []
    for line in text.split("\n"):
        if len(line) > _LONG:
            out = len(line) - 2 * _KEPT
            line = f"{line[:_KEPT]}[… {out} characters …]{line[-_KEPT:]}"
        lines.append(
            re.sub("[\x00-\x09\x0b-\x1f\x7f\u200b\u202a-\u202e\u2066-\u2069]", _spelled, line)
        )
    return "\n".join(lines)


def nothing_else(folder: str, names: Iterable[str]) -> None:
    """Fail when a golden file is left over from a test that is no more."""
    there = {str(file.relative_to(FOLDER)) for file in (FOLDER / folder).rglob("*.*")}
    assert there <= set(names), f"nobody looks at {sorted(there - set(names))}"


def _spelled(match: re.Match[str]) -> str:
    return f"[U+{ord(match[0]):04X}]"
