"""Every command's help page as one page of the documentation, made of the program itself.

``make docs`` adds it (mkdocs' hooks); nothing of it is kept, so that it can not say something else
than the program.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.cli.app import program

WIDTH = 90
_TOP = """\
# Every command

The help pages of the program, in one place: `lead-gateway COMMAND --help` prints the same. How they
work together is told in [the command line](cli.md).
"""


def manual() -> str:
    """The whole page."""
    top = program()
    parts = [_TOP]
    for path, command in commands(top):
        context: Any = None
        for name, part in zip(("lead-gateway", *path), _along(top, path), strict=True):
            context = part.context_class(
                part, info_name=name, parent=context, max_content_width=WIDTH, terminal_width=WIDTH
            )
        text = command.get_help(context).rstrip()
        parts.append(f"## {' '.join(path)}\n\n```text\n{_plain(text)}\n```\n")
    return "\n".join(parts)


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that is not hidden, with the words that call it, in the order of the help."""
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def _along(top: Any, path: tuple[str, ...]) -> list[Any]:
    found = [top]
    for name in path:
        found.append(found[-1].commands[name])
    return found


def _plain(text: str) -> str:
    """Without what every command has: --config, --debug, --help."""
    lines = text.splitlines()
    start = next((n for n, line in enumerate(lines) if line.lstrip().startswith("--config")), None)
    text = "\n".join(line.rstrip() for line in lines[:start]).rstrip()
    return text.removesuffix("Options:").rstrip()


def on_files(files: Any, *, config: Any) -> Any:
    """Called by mkdocs when it has found the pages: here is one more."""
    from mkdocs.structure.files import File  # type: ignore[import-not-found,unused-ignore]

    files.append(File.generated(config, "cli-reference.md", content=manual()))
    return files
