"""``python -m bench [ENTRY ...] [--rounds N] [--quick] [--json FILE]``: a table, and JSON."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.status import Status

from bench import report
from bench.entry import Entry, Run, Skipped
from bench.meters import yardstick_ms
from bench.registry import ENTRIES

QUICK_DEADLINE = 60
"""Seconds that one entry of a quick run may take."""


def main() -> int:
    """Run entries; 0 unless one of them broke. An aim that is not met is a result, not a fault."""
    wanted = _arguments()
    console = Console(stderr=True)
    results: dict[str, report.Result] = {}
    yardstick = [yardstick_ms()]
    for name in wanted.entry or ENTRIES:
        with console.status(name) as status:
            results[name] = _result(name, ENTRIES[name], wanted, status)
        yardstick.append(yardstick_ms())
    out = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120)
    out.print(report.table(results, ENTRIES))
    out.print(report.noise(yardstick))
    document = report.document(results, ENTRIES, yardstick, quick=wanted.quick)
    wanted.json.parent.mkdir(parents=True, exist_ok=True)
    wanted.json.write_text(json.dumps(document, indent=2) + "\n")
    return 1 if any(result.trouble.startswith("failed") for result in results.values()) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench",
        description="Measures this machine's lead-gateway against the aims of each entry.",
        epilog="\n".join(f"{name:20} {entry.about}" for name, entry in ENTRIES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("entry", nargs="*", help="entries to run, of those below; all")
    parser.add_argument("--rounds", type=int, help="rounds of each entry; as many as it needs")
    parser.add_argument("--quick", action="store_true", help="small counts and one round: a trial")
    parser.add_argument("--json", type=Path, default=Path("bench/results/latest.json"))
    wanted = parser.parse_args()
    if unknown := [name for name in wanted.entry if name not in ENTRIES]:
        parser.error(f"no entry {unknown[0]}: use {', '.join(ENTRIES)}")
    if wanted.rounds is not None and not 1 <= wanted.rounds <= 50:
        parser.error("--rounds: from 1 to 50")
    return wanted


def _result(name: str, entry: Entry, wanted: argparse.Namespace, status: Status) -> report.Result:
    result = report.Result()
    run = Run(wanted.rounds, wanted.quick, lambda text: status.update(f"{name}: {text}"))

    async def measure() -> None:
        async with contextlib.aclosing(entry.measure(run)) as rounds:
            async for figures in rounds:
                result.rounds.append(figures)

    async def bounded() -> None:
        await asyncio.wait_for(measure(), run.size(entry.deadline, QUICK_DEADLINE))

    try:
        asyncio.run(bounded())
    except Skipped as error:
        result.trouble = f"skipped: {error}"
    except Exception as error:
        status.console.print_exception()
        result.trouble = f"failed: {type(error).__name__} {error}".strip()
    return result


if __name__ == "__main__":
    raise SystemExit(main())
