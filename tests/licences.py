"""The licences of what we install, as docs/security/licences.md lists them.

From the lock and the packages' own words. ``make licences`` writes the page; a test compares it. A
package that says nothing clear about itself, or is not installed on this system, is told here by
who read its licence file.
"""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "security" / "licences.md"
LOCK = ROOT / "requirements.lock"

READ_BY_HAND = {
    "async-timeout": "Apache-2.0",  # wanted by Python 3.11.2 and older
    "colorama": "BSD-3-Clause",
    "css-inline": "MIT",
    "google-re2": "BSD-3-Clause",
    "httpx-aiohttp": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
    "markdown-it-py": "MIT",
    "mdurl": "MIT",
    "uvloop": "MIT OR Apache-2.0",
    "valkey": "MIT",
}
_SAME = {"Apache 2.0": "Apache-2.0", "MIT License": "MIT", "ISC License": "ISC"}

ALLOWED = {
    "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0",
    "Unlicense",
}  # fmt: skip
"""Licences under which anybody may use, change and pass on what we ship. MPL-2.0 wants changes to
its own files passed on, and we change none."""

_HEAD = """# Licences

lead-gateway is under the MIT licence. What it installs, pinned by hash in `requirements.lock`:

| Package | Version | Licence |
|---|---|---|
"""
_FOOT = """
What only develops and tests it (`requirements-dev.lock`) is not shipped, and not listed. The list
is written by `make licences`; a test fails when it is old, or when a licence is not one that lets
anybody use, change and pass on the whole.
"""


def pinned(lock: Path = LOCK) -> dict[str, str]:
    """Names and versions that a lock file installs."""
    found = re.findall(r"^([a-z0-9-]+)==([^\s\\;]+)", lock.read_text("utf-8"), re.MULTILINE)
    return dict(found)


def licence_of(name: str) -> str:
    """Its SPDX expression. Raises LookupError for one that says none."""
    if name in READ_BY_HAND:
        return READ_BY_HAND[name]
    told = metadata.metadata(name)
    text = told.get("License-Expression") or told.get("License") or ""
    text = _SAME.get(text.strip(), text.strip())
    if set(re.split(r" AND | OR ", text)) <= ALLOWED:
        return text
    raise LookupError(f"{name} says no licence that is known here: read its file ({text[:60]!r})")


def page() -> str:
    """The page as it should be."""
    rows = [f"| {name} | {version} | {licence_of(name)} |" for name, version in pinned().items()]
    return _HEAD + "\n".join(rows) + "\n" + _FOOT


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
