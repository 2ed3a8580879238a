"""What commands print: tables for people, one JSON object per line for programs.

Owns stdout: colours only on a terminal, no control character of a portal's or receiver's text ever
reaches it. What a person should know besides the result goes to stderr.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

import typer

T = TypeVar("T")

# Escape sequences, other controls, and the marks that turn the direction of writing.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_BREAKS = re.compile(r"\s*[\r\n\t\u2028\u2029]\s*")

STYLES = {
    "delivered": "green", "up": "green", "pending": "cyan", "delivering": "cyan", "new": "cyan",
    "retrying": "yellow", "held": "yellow", "paused": "yellow", "discarded": "dim",
    "dead": "red", "broken": "red", "down": "red", "refused": "red",
}  # fmt: skip
"""The colour of each state, on a terminal."""


@dataclass(frozen=True)
class Column(Generic[T]):
    """One column of a listing. ``style`` names the colour of a cell by its text."""

    title: str
    cell: Callable[[T], object]
    right: bool = False
    style: Callable[[str], str] = lambda text: STYLES.get(text, "")


def clean(text: object) -> str:
    """Text from outside, made safe to print: on one line, and without control characters."""
    return _CONTROLS.sub("", _BREAKS.sub(" ", str(text)))


def clean_block(text: str) -> str:
    """The same for text that keeps its lines."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n"))


def line(text: str = "") -> None:
    """Print one line on stdout."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """Say something besides the result, on stderr."""
    sys.stderr.write(text + "\n")


def json_line(record: Any) -> None:
    """Print one JSON object on one line."""
    line(json.dumps(record, ensure_ascii=False, separators=(",", ":"), default=_plain))


def _plain(value: Any) -> Any:
    return iso(value) if isinstance(value, datetime) else str(value)


def coloured() -> bool:
    """Whether stdout takes colours: a terminal, and nobody asked for none (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def styled(text: str, style: str) -> str:
    """Text in a colour where colours are taken; ``style`` as rich names it."""
    if not coloured():
        return text
    from rich.style import Style

    return Style.parse(style).render(text)


def table(columns: Sequence[Column[T]], rows: Iterable[T]) -> None:
    """Print a table as wide as it needs to be; on a terminal, as wide as that."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    terminal = sys.stdout.isatty()
    drawn = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        drawn.add_column(
            column.title, justify="right" if column.right else "left", no_wrap=not terminal
        )
    for row in rows:
        cells = ((column, clean(column.cell(row))) for column in columns)
        drawn.add_row(*(Text(text, style=column.style(text)) for column, text in cells))
    # A pipe has no width: a program that cuts columns must find them whole.
    console = Console(file=sys.stdout, width=None if terminal else 500, soft_wrap=not terminal)
    with console.capture() as captured:
        console.print(drawn)
    for row_text in captured.get().splitlines():
        line(row_text.rstrip())


def listing(
    rows: Sequence[T],
    columns: Sequence[Column[T]],
    *,
    record: Callable[[T], Any],
    as_json: bool,
    empty: str,
) -> None:
    """Print rows as a table or as JSON lines; ``empty`` is what a person reads without any."""
    if as_json:
        for row in rows:
            json_line(record(row))
    elif rows:
        table(columns, rows)
    else:
        note(empty)


def fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values under each other; what has no value is left out."""
    shown = [(name, clean(value)) for name, value in pairs if value not in (None, "", ())]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        line(f"{name:<{width}}  {value}")


def ask(question: str) -> bool:
    """Ask a person. Without one to answer, the answer is no, and how to say yes."""
    if not sys.stdin.isatty():
        note(f"{question} Nobody to ask here: add --yes to go on.")
        return False
    return typer.confirm(question, err=True)


@contextmanager
def progress(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr while many are acted on; nothing for a few, or without a terminal."""
    if total < 200 or not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.advance(task, count)


def iso(moment: datetime | None) -> str | None:
    """A moment as programs read it: UTC, to the millisecond."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock(moment: datetime | None) -> str:
    """A moment as people read it, by the clock of this machine."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def span(seconds: float) -> str:
    """How long: ``0.42 s``, ``12 s``, ``7 min``, ``3 h``, ``5 d``."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86_400:.0f} d"


def count(number: int, word: str) -> str:
    """``1 source``, ``2 sources``, ``2 deliveries``."""
    if number == 1:
        return f"1 {word}"
    return f"{number} {word[:-1]}ies" if word.endswith("y") else f"{number} {word}s"


def ago(moment: datetime | None, now: datetime) -> str:
    """How long before ``now``, or until then when it is still to come."""
    if moment is None:
        return "never"
    apart = now - moment
    if apart < timedelta(0):
        return f"in {span(-apart.total_seconds())}"
    return f"{span(apart.total_seconds())} ago"
