"""The benchmark measures: a quick run gives every figure that an aim speaks of."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.entry import at_least, at_most
from bench.registry import ENTRIES


def quick_run(folder: Path, *entries: str) -> dict[str, Any]:
    """Run the benchmark as ``make bench`` does, small; its results by entry."""
    results = folder / "results.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", *entries, "--quick", "--json", results],
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(results.read_text())["results"]
    assert list(found) == list(entries or ENTRIES)
    return found


def check(found: dict[str, Any]) -> None:
    for name, result in found.items():
        if "trouble" in result:
            assert result["trouble"].startswith("skipped"), name
            continue
        figures = result["figures"]
        assert set(ENTRIES[name].aims) <= set(figures), name
        assert all(figure["median"] >= 0 for figure in figures.values()), name
        assert any(figure["median"] > 0 for figure in figures.values()), name


def test_a_quick_run_measures_what_a_delivered_lead_costs(tmp_path: Path) -> None:
    found = quick_run(tmp_path, "cost")
    check(found)
    # A round trip that nobody counted, or one per command, would show here.
    assert 0 < found["cost"]["figures"]["busy_round_trips_to_deliver"]["median"] < 2


@pytest.mark.chaos
@pytest.mark.timeout(300)
def test_every_entry_still_measures(tmp_path: Path) -> None:
    check(quick_run(tmp_path))


def test_an_aim_says_whether_a_figure_meets_it() -> None:
    assert (at_most(5).met(5), at_most(5).met(5.1)) == (True, False)
    assert (at_least(0.9).met(0.9), at_least(0.9).met(0.89)) == (True, False)
    assert str(at_least(1000)) == "≥ 1,000"
