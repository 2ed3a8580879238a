"""What is installed, and what the code may never do: pinned, listed, and read for certain words."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.licences import ALLOWED, PAGE, ROOT, licence_of, page, pinned

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-uv.lock")
OURS = sorted(path for folder in ("gateway", "workers") for path in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("name", LOCKS)
def test_everything_that_is_installed_is_pinned_by_hash(name: str) -> None:
    text = (ROOT / name).read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert lines
    for line in lines:
        assert re.match(r"[a-z0-9-]+==\S+ ", line), f"{name}: {line[:60]} is not pinned"
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", line), f"{name}: {line[:60]} has no hash"


@pytest.mark.parametrize("name", LOCKS)
def test_no_lock_names_a_place_to_install_from(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted-host|@ (git|file)", text)


def test_every_dependency_that_is_declared_is_locked() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [re.split(r"[\[<>=;~! ]", item)[0] for item in declared["dependencies"]]
    names = {re.sub(r"[._-]+", "-", name) for name in wanted}
    assert names <= pinned().keys()


def test_the_list_of_licences_is_current() -> None:
    assert PAGE.read_text("utf-8") == page(), "run make licences, and read the difference"


def test_no_licence_asks_for_more_than_we_can_give() -> None:
    for name in pinned():
        assert set(re.split(r" AND | OR ", licence_of(name))) <= ALLOWED


FORBIDDEN_CALLS = {
    "eval", "exec", "__import__", "os.system", "os.popen", "yaml.load", "marshal.loads",
    "ssl._create_unverified_context",
}  # fmt: skip
FORBIDDEN_MODULES = {"pickle", "dill", "shelve", "marshal", "cloudpickle", "telnetlib", "ftplib"}
FORBIDDEN_ARGUMENTS = {
    ("shell", True), ("verify", False), ("check_hostname", False), ("validate_certs", False),
    ("ssl", False), ("verify_ssl", False), ("autoescape", False),
}  # fmt: skip


def _name(node: ast.expr) -> str:
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join(reversed([*parts, node.id])) if isinstance(node, ast.Name) else ""


def faults_of(tree: ast.AST) -> Iterator[str]:
    """What in a module is never done here."""
    for node in ast.walk(tree):
        match node:
            case ast.Call():
                if (called := _name(node.func)) in FORBIDDEN_CALLS:
                    yield f"{node.lineno}: {called}"
                for given in node.keywords:
                    value = given.value.value if isinstance(given.value, ast.Constant) else None
                    if (given.arg, value) in FORBIDDEN_ARGUMENTS and value is not None:
                        yield f"{node.lineno}: {given.arg}={value}"
            case ast.Import():
                names = {alias.name.partition(".")[0] for alias in node.names}
                yield from (f"{node.lineno}: import {n}" for n in names & FORBIDDEN_MODULES)
            case ast.ImportFrom() if (node.module or "").partition(".")[0] in FORBIDDEN_MODULES:
                yield f"{node.lineno}: from {node.module} import …"
            case ast.Attribute() if node.attr in ("CERT_NONE", "CERT_OPTIONAL"):
                yield f"{node.lineno}: {node.attr}"
            case ast.Assign(targets=[ast.Attribute(attr="check_hostname")]):
                yield f"{node.lineno}: check_hostname is set"


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_code_runs_text_unpacks_objects_or_trusts_everybody(path: Path) -> None:
    assert list(faults_of(ast.parse(path.read_text("utf-8")))) == []


@pytest.mark.parametrize(
    "code",
    [
        "eval('1')",
        "exec(text)",
        "import pickle",
        "from pickle import loads",
        "subprocess.run(x, shell=True)",
        "yaml.load(x)",
        "httpx.get(x, verify=False)",
        "context.verify_mode = ssl.CERT_NONE",
        "context.check_hostname = False",
        "os.system(x)",
    ],
)
def test_the_reader_of_code_finds_what_it_looks_for(code: str) -> None:
    assert list(faults_of(ast.parse(code)))


def test_the_linter_looks_for_what_is_unsafe() -> None:
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["ruff"]["lint"]
    assert "S" in ruff["select"]
    assert not [rule for rule in ruff["ignore"] if rule.startswith("S")]
    allowed = {
        rule
        for place, rules in ruff["per-file-ignores"].items()
        if not place.startswith(("tests/", "bench/", "gateway/sandbox/"))
        for rule in rules
    }
    assert not [rule for rule in allowed if rule.startswith("S")]
