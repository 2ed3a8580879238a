"""Attacks, each tried for real, and the page that says what came of each: docs/security/attacks.md.

A test tries one, asserts that it failed, and hands ``record`` what was tried and what happened. The
page must have that very row, and no more rows than there are tests; ``make attacks`` writes it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "security" / "attacks.md"
FAMILIES = {
    "test_addresses": "Reaching inside (SSRF)",
    "test_injection": "Injection",
    "test_entry": "Entering",
    "test_templates": "Templates and expressions",
    "test_denial": "Denial of service",
}
"""A file of attacks, and the heading of its table."""

Record = Callable[[str, str], None]

_ALL = pytest.StashKey[list[str]]()
_ROWS = pytest.StashKey[dict[str, str]]()


def writing() -> bool:
    """Whether this run writes the page."""
    return os.environ.get("ATTACKS") == "write"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Remember every attack there is, before ``-k`` or ``-m`` leave some out."""
    config.stash[_ALL] = [item.nodeid for item in items if "record" in _fixtures(item)]
    config.stash[_ROWS] = {}


def _fixtures(item: pytest.Item) -> list[str]:
    return list(getattr(item, "fixturenames", ()))


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Record:
    """Put a row on the page: what was tried, and what happened."""

    def note(tried: str, happened: str) -> None:
        row = f"| {_cell(tried)} | {_cell(happened)} |"
        rows = request.config.stash[_ROWS]
        assert request.node.nodeid not in rows, "one test tries one attack"
        rows[request.node.nodeid] = row
        if not writing():
            heading = FAMILIES[request.path.stem]
            assert row in rows_of(heading), "docs/security/attacks.md is old: run make attacks"

    return note


@pytest.fixture
def attacks(request: pytest.FixtureRequest) -> dict[str, int]:
    """By heading, how many attacks are tried; of the families that this run looked at."""
    counts: dict[str, int] = {}
    for nodeid in request.config.stash[_ALL]:
        heading = FAMILIES[Path(nodeid.partition("::")[0]).stem]
        counts[heading] = counts.get(heading, 0) + 1
    return counts


def rows_of(heading: str) -> list[str]:
    """The rows of one table of the page."""
    section = PAGE.read_text("utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("| ")][1:]


def _cell(text: str) -> str:
    """Text for one cell: a bar would end it, in code as well."""
    return " ".join(text.split()).replace("|", "\\|")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    rows = session.config.stash.get(_ROWS, {})
    if not writing() or exitstatus or not rows:
        return
    tables = []
    for stem, heading in FAMILIES.items():
        mine = [row for nodeid, row in rows.items() if Path(nodeid.partition("::")[0]).stem == stem]
        tables.append(f"## {heading}\n\n| Tried | What happened |\n|---|---|\n" + "\n".join(mine))
    PAGE.write_text(_HEAD.format(count=len(rows)) + "\n\n".join(tables) + "\n", "utf-8")


_HEAD = """# Attacks that were tried

{count} attacks, each tried against the real thing by a test of its own (`tests/attacks/`): real
sockets, the real web over a real store, the templates as a worker runs them. The tests write the
rows (`make attacks`), and fail when a row here is not what happened.

What the rows defend, and what nothing here defends, is on the page of [threats](threats.md).

"""
