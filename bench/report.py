"""What came of the entries: a table for people, the same as JSON for programs."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from bench.entry import Aim, Entry, Figures


@dataclass(slots=True)
class Result:
    """One entry's rounds, or why there are none."""

    rounds: list[Figures] = field(default_factory=list)
    trouble: str = ""

    def series(self) -> dict[str, list[float]]:
        """Each figure's values, round by round."""
        names = self.rounds[0] if self.rounds else {}
        return {name: [figures[name] for figures in self.rounds] for name in names}


def table(results: Mapping[str, Result], entries: Mapping[str, Entry]) -> Table:
    """Median of rounds, how far the rounds lie apart, and the aim with what came of it."""
    shown = Table(title="lead-gateway, median of rounds", title_justify="left")
    for column in ("entry", "figure", "median", "min", "max", "spread", "aim", ""):
        left = column in ("entry", "figure", "")
        shown.add_column(column, justify="left" if left else "right", no_wrap=column != "figure")
    for name, result in results.items():
        if result.trouble:
            shown.add_row(name, Text(result.trouble, "yellow"), end_section=True)
            continue
        series = result.series()
        for index, (figure, values) in enumerate(series.items()):
            median, aim = statistics.median(values), entries[name].aims.get(figure)
            shown.add_row(
                name if index == 0 else "",
                figure,
                *(number(value) for value in (median, min(values), max(values))),
                f"{spread(values):.0%}" if len(values) > 1 else "",
                str(aim or ""),
                _verdict(aim, median),
                end_section=index == len(series) - 1,
            )
    return shown


def _verdict(aim: Aim | None, value: float) -> Text | str:
    if aim is None:
        return ""
    return Text("met", "green") if aim.met(value) else Text("not met", "red")


def number(value: float) -> str:
    """Three digits that matter, whole above a hundred."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def spread(values: Sequence[float]) -> float:
    """How far the largest and the smallest lie apart, as a share of the median."""
    middle = statistics.median(values)
    return (max(values) - min(values)) / middle if middle else 0.0


def noise(yardstick: Sequence[float]) -> str:
    """How quiet the machine was: the same calculation, timed before and after every entry."""
    return (
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}. A fixed calculation took "
        f"{statistics.median(yardstick):.0f} ms ({min(yardstick):.0f} to {max(yardstick):.0f}): "
        f"figures closer than {spread(yardstick):.0%} are the same."
    )


def document(
    results: Mapping[str, Result],
    entries: Mapping[str, Entry],
    yardstick: Sequence[float],
    *,
    quick: bool,
) -> dict[str, Any]:
    """The results as JSON: every round, and for each aim whether the median meets it."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "quick": quick,
        "yardstick_ms": list(yardstick),
        "results": {
            name: {
                **({"trouble": result.trouble} if result.trouble else {}),
                "figures": {
                    figure: _figure(values, entries[name].aims.get(figure))
                    for figure, values in result.series().items()
                },
            }
            for name, result in results.items()
        },
    }


def _figure(values: Sequence[float], aim: Aim | None) -> dict[str, Any]:
    median = statistics.median(values)
    judged = {"aim": str(aim), "met": aim.met(median)} if aim else {}
    return {"median": median, "rounds": list(values), **judged}
