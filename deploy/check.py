"""Checks deploy/ as far as that goes without an engine; part of ``make lint``.

Owns the question whether what stands here still fits the program: commands and options that the
command line has, files that exist, a Python that is new enough, variables by their right names.
Never builds, pulls or starts anything. Programs that are missing or can not run here (hadolint,
systemd-analyze) are named and passed over; every fault found is one line, and the exit code is 1.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

ROOT = Path(__file__).parent.parent
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
COMPOSE = ROOT / "deploy" / "compose.yaml"
UNIT = ROOT / "deploy" / "systemd" / "lead-gateway.service"
ENVIRONMENT = ROOT / ".env.example"

ROLES = frozenset({"run", "poller", "worker", "web"})
"""The commands that keep running, and so the only ones that a service may start."""

EXPOSURE = 20
"""Tenths of what ``systemd-analyze security`` calls exposed; the unit must stay under it."""

DEADLINE = 20.0
"""Seconds that a program which is asked for its opinion may take."""


class AbsentError(Exception):
    """A program that can not be asked here; the text says which and why."""


def main() -> int:
    """Run every check, print what is wrong; 1 if anything is."""
    faults: list[str] = []
    with ThreadPoolExecutor(len(OPINIONS)) as pool:
        # The other programs run beside our own checks: together they take as long as the slowest.
        asked = [(opinion, pool.submit(opinion)) for opinion in OPINIONS]
        faults += [*dockerfile(), *compose(), *unit()]
        for opinion, answer in asked:
            try:
                faults += answer.result()
            except AbsentError as absent:
                print(f"deploy: {opinion.__name__} passed over: {absent}")
    for fault in faults:
        print(f"deploy: {fault}", file=sys.stderr)
    return 1 if faults else 0


# -- the Dockerfile -------------------------------------------------------------------------------


def dockerfile_lint() -> list[str]:
    """What hadolint says."""
    return ask("hadolint", "--no-color", str(DOCKERFILE))


def dockerfile() -> Iterator[str]:
    """Python is new enough, copied files exist, variables and the command are known, not root."""
    text = re.sub(r"\\\n", " ", DOCKERFILE.read_text())
    needed = _version(
        tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    )
    images = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    for image in images:
        if not image.startswith("python:") or _version(image) < needed:
            yield f"Dockerfile: {image} is not Python {needed[0]}.{needed[1]} or newer"
    if len(set(images)) != 1:
        yield "Dockerfile: the stages differ in their Python: the second could not run the first's"
    for arguments in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE):
        for name in arguments.split()[:-1]:
            if not (ROOT / name).exists():
                yield f"Dockerfile: COPY {name}: there is no such file"
    for name in re.findall(r"\b(LEAD_GATEWAY_\w+|REDIS_URL)=", text):
        yield from unknown_variable("Dockerfile", name)
    if not re.search(r"^USER [1-9]\d*:[1-9]\d*$", text, re.MULTILINE):
        yield "Dockerfile: USER must be two numbers other than 0"
    found = re.search(r"^CMD (\[.*\])$", text, re.MULTILINE)
    yield from unknown_command("Dockerfile: CMD", json.loads(found[1]) if found else [])


def _version(text: str) -> tuple[int, int]:
    """The first ``N.M`` of an image's tag or a requirement; (0, 0) if there is none."""
    found = re.search(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


# -- compose.yaml ---------------------------------------------------------------------------------


def compose_schema() -> list[str]:
    """Whether it has the form of a Compose file."""
    schema = ("--builtin-schema", "vendor.compose-spec")
    return ask("check-jsonschema", *schema, str(COMPOSE))


def compose() -> Iterator[str]:
    """Its roles are commands we have, its variables known, its store keeps what it is told."""
    try:
        services: dict[str, Any] = YAML(typ="safe").load(COMPOSE)["services"]
    except (YAMLError, KeyError, TypeError) as error:
        yield f"compose.yaml: {' '.join(str(error).split())}"
        return
    ours = {name: part for name, part in services.items() if part.get("image") == "lead-gateway"}
    if missing := ROLES - {"run"} - set(ours):
        yield f"compose.yaml: no service for {', '.join(sorted(missing))}"
    for name, part in ours.items():
        words = [str(word) for word in part.get("command", [])]
        yield from unknown_command(f"compose.yaml: {name}", words)
        for variable in part.get("environment", {}):
            yield from unknown_variable(f"compose.yaml: {name}", variable)
    store = " ".join(str(word) for word in services.get("store", {}).get("command", []))
    for setting in ("--appendonly yes", "--appendfsync always", "--maxmemory-policy noeviction"):
        if setting not in store:
            yield f"compose.yaml: store: {setting} is missing, and with it a promise"
    if not services.get("store", {}).get("healthcheck"):
        yield "compose.yaml: store: no healthcheck: the roles could not wait for it"


# -- the systemd unit -----------------------------------------------------------------------------


def unit_verify() -> list[str]:
    """What systemd-analyze says of the unit, and that it stays hardened."""
    # The program is not installed where this runs, and systemd-analyze would say nothing else.
    text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text(), flags=re.MULTILINE)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / UNIT.name
        copy.write_text(text)
        verify = ("verify", "--man=no", "--recursive-errors=no")
        security = ("security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE}")
        # The second prints a long table; the verdict is its last line.
        return [
            *ask("systemd-analyze", *verify, str(copy)),
            *ask("systemd-analyze", *security, str(copy))[-1:],
        ]


def unit() -> Iterator[str]:
    """Its command and its variables are the program's."""
    text = UNIT.read_text()
    found = re.search(r"^ExecStart=(.+)$", text, re.MULTILINE)
    program, *words = shlex.split(found[1]) if found else [""]
    if Path(program).name != "lead-gateway":
        yield f"{UNIT.name}: ExecStart does not start lead-gateway"
    yield from unknown_command(f"{UNIT.name}: ExecStart", words)
    for name in re.findall(r"^Environment=\"?(\w+)=", text, re.MULTILINE):
        yield from unknown_variable(UNIT.name, name)


# -- what they are held against -------------------------------------------------------------------


def unknown_command(where: str, words: Sequence[str]) -> Iterator[str]:
    """A fault unless the words are one of the roles with options it has."""
    if not words or words[0] not in ROLES:
        yield f"{where}: {' '.join(words) or 'no command'}: write one of {', '.join(sorted(ROLES))}"
        return
    command = program().commands[words[0]]
    try:
        command.make_context(words[0], list(words[1:]))
    except Exception as error:
        # Whatever the parser raises is its own kind of exception, and its text is the fault.
        yield f"{where}: {' '.join(words)}: {error}"


@cache
def program() -> Any:
    """The command line of this tree."""
    sys.path.insert(0, str(ROOT))
    from gateway.cli.app import program

    return program()


def unknown_variable(where: str, name: str) -> Iterator[str]:
    """A fault unless ``.env.example`` explains the variable."""
    if not re.search(rf"^#? ?{re.escape(name)}=", ENVIRONMENT.read_text(), re.MULTILINE):
        yield f"{where}: {name}: .env.example does not know it"


def ask(name: str, *arguments: str) -> list[str]:
    """The lines a program complains with, none if it is content. Raises :class:`AbsentError`."""
    beside = Path(sys.executable).parent
    found = shutil.which(name, path=str(beside)) or shutil.which(name)
    if found is None:
        raise AbsentError(f"{name} is not installed")
    try:
        done = subprocess.run(  # noqa: S603 - programs and arguments of our own
            [found, *arguments],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AbsentError(f"{name} can not run here ({type(error).__name__})") from None
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    if done.returncode < 0 or any("unrecognized option" in line for line in said):
        raise AbsentError(f"{name} can not run here (exit {done.returncode})")
    if done.returncode == 0:
        return []
    return [f"{name}: {line}" for line in said] or [f"{name}: exit {done.returncode}, no word why"]


OPINIONS = (dockerfile_lint, compose_schema, unit_verify)
"""The checks that other programs make."""

if __name__ == "__main__":
    sys.exit(main())
