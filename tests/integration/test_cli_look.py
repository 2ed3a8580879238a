"""Looking from the command line: status for the tired, colours and completion for shells."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.integration.test_cli import GOOD, PROGRAM, run

ESCAPE = "\x1b["


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "gateway.yaml").write_text(GOOD)
    return tmp_path


def on_a_terminal(folder: Path, *arguments: str, **environ: str) -> str:
    """What a person sees: the program's stdout is a terminal."""
    ours, theirs = pty.openpty()
    plain = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    done = subprocess.Popen(
        [PROGRAM, *arguments], cwd=folder, stdout=theirs, stdin=theirs, stderr=subprocess.DEVNULL,
        env={**plain, "LEAD_GATEWAY_DATA_DIR": str(folder / "data"), "TERM": "xterm", **environ},
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 4096):
            seen += piece
    except OSError:
        pass  # Linux's way to say that the other end is closed
    os.close(ours)
    done.wait(30)
    return seen.decode()


def test_a_terminal_gets_colours_unless_nobody_wants_them(folder: Path) -> None:
    assert ESCAPE in on_a_terminal(folder, "status")
    assert ESCAPE not in on_a_terminal(folder, "status", NO_COLOR="1")
    assert ESCAPE not in run(folder, "status").stdout
    assert ESCAPE not in run(folder, "destinations", "list").stdout


def test_status_of_what_does_not_run_says_how_to_start_it(folder: Path) -> None:
    done = run(folder, "status")
    assert done.returncode == 1
    assert done.stdout.startswith("LEADS DO NOT FLOW\n")
    assert "→ lead-gateway run" in done.stdout


def test_status_of_a_wrong_file_says_the_line_and_goes_on_to_the_rest(folder: Path) -> None:
    (folder / "gateway.yaml").write_text(GOOD.replace("kind: webhook", "kind: webhok"))
    found = [json.loads(line) for line in run(folder, "status", "--json").stdout.splitlines()]
    assert [item["about"] for item in found] == ["gateway.yaml", "store"]
    assert "gateway.yaml:7" in found[0]["what"]
    assert {item["severity"] for item in found} == {"stopped"}


def test_watching_wants_a_terminal(folder: Path) -> None:
    done = run(folder, "status", "--watch")
    assert done.returncode == 2
    assert "terminal" in done.stderr


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("lead-gateway stat", ["status", "stats"]),
        ("lead-gateway destinations pause ", ["crm", "inbox", "team"]),
        ("lead-gateway preview in", ["inbox"]),
        ("lead-gateway deliveries list --destination te", ["team"]),
    ],
)
def test_a_shell_completes_commands_and_names(folder: Path, typed: str, wanted: list[str]) -> None:
    words = typed.split()
    done = run(
        folder, _LEAD_GATEWAY_COMPLETE="complete_bash", COMP_WORDS=typed,
        COMP_CWORD=str(len(words) - (not typed.endswith(" "))),
    )  # fmt: skip
    assert done.stdout.split() == wanted


def test_completion_is_installed_for_a_shell(folder: Path) -> None:
    # In a shell of its own, whatever shell runs the tests: it is the parent that is looked at.
    done = subprocess.run(
        ["bash", "-c", f"'{PROGRAM}' --install-completion && true"],
        env={**os.environ, "HOME": str(folder), "SHELL": "/bin/bash"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lead-gateway" in (folder / ".bashrc").read_text()
