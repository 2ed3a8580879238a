"""The demo as a newcomer runs it: a process that ends by itself and leaves nothing behind."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).parent / "lead-gateway"


@pytest.mark.timeout(150)
def test_the_demo_delivers_to_all_three_kinds_and_loses_nothing() -> None:
    done = subprocess.run(
        [PROGRAM, "demo", "--for", "5s", "--leads-per-minute", "120", "--seed", "3"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for kind in ("webhook", "email", "slack"):
        found = re.search(rf"\b{kind}\s+(\d+)", done.stdout)
        assert found is not None
        assert int(found[1]) >= 5
    assert "lost: 0" in done.stdout
    assert "doubled: 0" in done.stdout
    assert re.search(r"p50 [\d.]+ s, p95 [\d.]+ s", done.stdout)
    assert "/signin?code=" in done.stdout
