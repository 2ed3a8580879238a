"""``python -m bench [ENTRY ...] [--rounds N] [--json FILE]``: a table, and the same as JSON."""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import statistics
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.entries import ENTRIES


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("entry", nargs="*", help=f"of {', '.join(ENTRIES)}; all")
    parser.add_argument("--rounds", type=int, default=3, help="the median of so many is shown")
    parser.add_argument("--json", type=Path, default=Path("bench/results/latest.json"))
    wanted = parser.parse_args()
    if unknown := [name for name in wanted.entry if name not in ENTRIES]:
        parser.error(f"no entry {unknown[0]}: use {', '.join(ENTRIES)}")
    console = Console(stderr=True)
    results: dict[str, dict[str, dict[str, float]]] = {}
    for name in wanted.entry or ENTRIES:
        rounds = []
        for number in range(1, wanted.rounds + 1):
            with console.status(f"{name}, round {number} of {wanted.rounds}"):
                rounds.append(asyncio.run(ENTRIES[name]()))
        results[name] = {
            figure: {
                "median": statistics.median(item[figure] for item in rounds),
                "min": min(item[figure] for item in rounds),
                "max": max(item[figure] for item in rounds),
            }
            for figure in rounds[0]
        }
    table = Table(title="lead-gateway, median of rounds (min to max)")
    for column in ("entry", "figure", "median", "min", "max"):
        table.add_column(column, justify="left" if column in ("entry", "figure") else "right")
    for name, figures in results.items():
        for figure, value in figures.items():
            table.add_row(
                name,
                figure,
                *(
                    f"{value[key]:,.3g}" if value[key] < 100 else f"{value[key]:,.0f}"
                    for key in ("median", "min", "max")
                ),
            )
    Console(file=sys.stdout).print(table)
    wanted.json.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "rounds": wanted.rounds,
        "results": results,
    }
    wanted.json.write_text(json.dumps(document, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
