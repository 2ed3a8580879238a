"""``lead-gateway sandbox`` as a process: its flags, its file of faults, and wrong ones."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from gateway.sandbox.portal.sheet import read_sheet
from tests.integration.test_cli import PROGRAM, run
from tests.wire import unused_port

DOCS = Path(__file__).parent.parent.parent / "docs" / "sandbox.md"


@contextmanager
def sandbox(*flags: str) -> Iterator[str]:
    process = subprocess.Popen(
        [PROGRAM, "sandbox", "--port", str(unused_port()), "--leads-per-minute", "0", *flags],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONUNBUFFERED": "1", "PATH": "/usr/bin"},
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.search(r"http://[\d.:]+", line)
        assert found is not None, line
        yield found[0]
    finally:
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait(20) == 0
        process.stdout.close()


def test_its_flags_make_a_history_late_leads_and_faults(tmp_path: Path) -> None:
    faults = tmp_path / "faults.yaml"
    faults.write_text("clock: 90s\nfaults:\n  - {on: token, fault: 429, times: 1, wait: 3s}\n")
    with sandbox(
        "--past", "300", "--over", "10d", "--late", "100%", "--faults", str(faults)
    ) as url:
        state = httpx.get(f"{url}/sandbox/state").json()
        said = httpx.get(f"{url}/sandbox/faults").json()
        httpx.post(f"{url}/sandbox/leads", json={"count": 4})
        later = httpx.get(f"{url}/sandbox/state").json()
        refused = httpx.post(f"{url}/oauth/token")

    assert (state["leads"], state["late"]) == (300, 0)
    assert (later["leads"], later["late"]) == (304, 4)
    assert said["clock"] == 90
    assert said["faults"] == [{"fault": "429", "on": ["token"], "times": 1, "wait": "3s", "met": 0}]
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "3")


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("errors: lots", 1, "5%"),
        ("eror: 5%", 1, "errors"),
        ("faults:\n  - {on: leeds, fault: 500}", 2, "leads"),
        ("faults:\n  - {fault: 500, often: 2}", 2, "unknown key"),
        ("faults:\n  - {fault: 418}", 2, "unknown"),
        ("clock: soon", 1, "90s"),
        ("late: {share: 2%, by: 0s}", 1, "at least 1s"),
    ],
)
def test_a_wrong_file_of_faults_is_told_by_line(
    tmp_path: Path, text: str, line: int, hint: str
) -> None:
    (tmp_path / "faults.yaml").write_text(text + "\n")
    done = run(tmp_path, "sandbox", "--faults", "faults.yaml", "--port", str(unused_port()))

    assert done.returncode == 2
    assert f"faults.yaml:{line}" in done.stderr
    assert hint in done.stderr


def test_the_documented_file_of_faults_is_one(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(# faults\.yaml\n.*?)```", DOCS.read_text(), re.DOTALL)
    (tmp_path / "faults.yaml").write_text(example)
    sheet = read_sheet(tmp_path / "faults.yaml")

    assert (sheet.errors, len(sheet.faults)) == (0.05, 4)


def test_every_fault_and_key_is_documented() -> None:
    from gateway.sandbox.portal import FAULTS
    from gateway.sandbox.portal.sheet import Sheet

    text = DOCS.read_text()
    assert [word for word in (*FAULTS, *Sheet.model_fields) if f"`{word}`" not in text] == []
