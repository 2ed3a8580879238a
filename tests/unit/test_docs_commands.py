"""Every command that documentation or help shows is one that the program takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.app import program
from gateway.cli.manual import commands, manual

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "deploy" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def parse(words: list[str]) -> None:
    """Raises what the program itself would say of these words."""
    command: Any = program()
    context = command.make_context("lead-gateway", words, resilient_parsing=False)
    while hasattr(command, "commands") and context._protected_args:
        name, command, rest = command.resolve_command(
            context, [*context._protected_args, *context.args]
        )
        context = command.make_context(name, rest, parent=context)


def shown(text: str) -> Iterator[str]:
    """The commands of console blocks: what is typed after a prompt."""
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        joined = re.sub(r"\\\n\s*", " ", block)
        for line in joined.splitlines():
            call = re.search(r"\blead-gateway\s+(?![\w-]*/)(.*)", line)
            if line.lstrip().startswith(("$", "#")) and call and " -C " not in line:
                yield re.split(r"\s#\s|\s*[|>]\s|\s*&&\s|\s*\|\|\s", call[1])[0].strip()


def calls() -> Iterator[Any]:
    for page in PAGES:
        for call in shown(page.read_text("utf-8")):
            yield pytest.param(call, id=f"{page.name}: {call[:60]}")


def examples() -> Iterator[Any]:
    for path, command in commands(program()):
        lines = (command.help or "").partition("Examples:")[2].split("\n")
        for line in lines:
            if call := re.search(r"lead-gateway (.*)", line):
                text = re.split(r"\s*[|>]\s|\s*\|\|\s", call[1])[0].strip()
                yield pytest.param(text, id=f"{' '.join(path)}: {text[:60]}")


@pytest.mark.parametrize("call", [*calls(), *examples()])
def test_a_command_that_is_shown_is_one_that_is_taken(call: str) -> None:
    words = shlex.split(call.replace("…", "x"))
    # An image, a service or a path has the program's name too.
    if words and re.fullmatch(r"(?!lead-gateway)[a-z][a-z-]*", words[0]):
        parse(words)


def test_every_command_has_examples_and_stands_in_the_manual() -> None:
    page = manual()
    for path, command in commands(program()):
        assert "Examples:" in (command.help or ""), path
        assert f"## {' '.join(path)}\n" in page
