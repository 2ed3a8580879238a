"""What a person sees of a backfill: a bar on a terminal, plain lines elsewhere, the result at last.

The progress goes to stderr, the result to stdout.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gateway.cli import FAILED, INTERRUPTED, output

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from gateway.reading.backfill import Progress, Wish

SAY_EVERY = 10.0
"""Seconds between two lines where no bar can be drawn."""


class View:
    """Shows one backfill while it runs. Enter it around the walk."""

    def __init__(self, source: str, wish: Wish) -> None:
        self._source = source
        self._wish = wish
        self._began = time.monotonic()
        self._before: int | None = None  # leads read by earlier runs of the same walk
        self._said = (0.0, "")
        self._bar: Bar | None = None
        self.destinations: Mapping[str, int] = {}
        """Deliveries that a dry run would make, by destination."""

    def __enter__(self) -> View:
        if sys.stderr.isatty():
            self._bar = _bar()
            self._bar.start()
            self._bar.add_task(self._source, total=1.0, told="")
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar:
            self._bar.stop()

    def note(self, text: str) -> None:
        """Say something once."""
        if self._said[1] != text:
            self._said = (time.monotonic(), text)
            self._print(text)

    def tell(self, progress: Progress) -> None:
        """Show how far it is."""
        if self._before is None:
            self._before = progress.read
            if progress.resumed:
                self._print(
                    f"{self._source}: goes on from {output.clock(progress.reached)}; "
                    "--restart begins anew"
                )
        if self._bar:
            self._bar.update(
                self._bar.task_ids[0], completed=progress.share, told=self._line(progress)
            )
            return
        waits = progress.state == "waiting"
        due = time.monotonic() - max(self._said[0], self._began) >= SAY_EVERY
        if due or (waits and self._said[1] != progress.problem):
            self._said = (time.monotonic(), progress.problem if waits else "")
            self._print(f"{self._source}: {progress.share:.0%}, {self._line(progress)}")

    def result(self, progress: Progress, *, as_json: bool) -> None:
        """Print what came of it."""
        if as_json:
            output.json_line(self._record(progress))
            return
        made = "would be " if self._wish.dry_run else ""
        took = time.monotonic() - self._began
        output.fields(
            [
                ("source", self._source),
                ("period", f"{output.clock(progress.start)} to {output.clock(progress.end)}"),
                ("classified", self._wish.classified),
                ("leads read", f"{progress.read:,} in {output.span(took)}"),
                ("new", f"{progress.new:,}" + (" (none stored: a dry run)" if made else "")),
                ("known", f"{progress.known:,}"),
                ("rejected", f"{progress.rejected:,}" if progress.rejected else None),
                ("deliveries", self._deliveries(progress)),
            ]
        )
        for feed, why in progress.left_out.items():
            output.note(f"lead-gateway: feed {feed} left out: {output.clean(why)}")
        if progress.state == "failed":
            output.note(
                f"lead-gateway: stopped at {output.clock(progress.reached)}: "
                f"{output.clean(progress.problem)}"
            )
        if progress.state in ("stopped", "failed") and not self._wish.dry_run:
            output.note("What was read is stored; the same command goes on from there.")

    def exit_code(self, progress: Progress) -> int:
        """Of the command."""
        return {"done": 0, "stopped": INTERRUPTED}.get(progress.state, FAILED)

    def _deliveries(self, progress: Progress) -> str:
        if not self._wish.deliver:
            return "none (--no-deliver)"
        if not self._wish.dry_run:
            return f"{progress.deliveries:,}"
        listed = ", ".join(f"{name} {count:,}" for name, count in self.destinations.items())
        return f"{progress.deliveries:,} would be made" + (f" ({listed})" if listed else "")

    def _line(self, progress: Progress) -> str:
        """Leads by what became of them, the days done, the rate, and the time left."""
        days = (progress.end - progress.start).total_seconds() / 86400
        took = max(0.001, time.monotonic() - self._began)
        rate = (progress.read - (self._before or 0)) / took
        parts = [
            f"{progress.read:,} read, {progress.new:,} new, {progress.known:,} known",
            f"{progress.share * days:.3g} of {days:.3g} days",
            f"{rate:,.0f}/s",
        ]
        if progress.state == "waiting":
            parts.append(f"waits {progress.wait:.0f} s: {output.clean(progress.problem)}")
        return ", ".join(parts)

    def _record(self, progress: Progress) -> dict[str, Any]:
        return {
            "source": self._source,
            "from": output.iso(progress.start),
            "to": output.iso(progress.end),
            "classified": self._wish.classified,
            "deliver": self._wish.deliver,
            "dry_run": self._wish.dry_run,
            "state": progress.state,
            "resumed": progress.resumed,
            "reached": output.iso(progress.reached),
            **progress.counts,
            "destinations": dict(self.destinations) if self._wish.dry_run else None,
            "left_out": progress.left_out,
            "problem": progress.problem or None,
            "seconds": round(time.monotonic() - self._began, 3),
        }

    def _print(self, text: str) -> None:
        if self._bar:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            output.note(text)


def _bar() -> Bar:
    from rich import progress
    from rich.console import Console
    from rich.table import Column

    return progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(bar_width=8),
        progress.TaskProgressColumn(),
        # The rest may be cut on a narrow terminal, this one first.
        progress.TextColumn(
            "{task.fields[told]}",
            markup=False,
            table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
        ),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        expand=True,
    )
