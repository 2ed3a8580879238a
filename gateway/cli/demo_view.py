"""What a person sees of the demo: one line per lead, a summary at the end.

Colours on a terminal alone; the same words without one.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from gateway.cli import output
from gateway.cli.tally import quantile
from gateway.render import TEMPLATE_ROOT
from gateway.sandbox.demo import KINDS, Summary, Watched
from gateway.words import shipped


class DemoView:
    """Prints on stdout as it happens."""

    def __init__(self) -> None:
        self._colours = sys.stdout.isatty()
        self._words = shipped(TEMPLATE_ROOT, "fr")["values"]

    def starting(self) -> None:
        """The pieces are being started."""
        self._say("Starting a portal, a CRM, a mail inbox, a Slack channel, and the gateway …")

    def ready(self, address: str, link: str, taken: int | None) -> None:
        """Where to look."""
        if taken is not None:
            self._say(f"Port {taken} is taken, another one is used.")
        self._say()
        self._say(f"  Dashboard  {self._in('bold', address)}")
        self._say(f"  Sign in    {self._in('bold', link)}")
        self._say()
        self._say("Each lead as it arrives, with the time since the portal had it. Ctrl-C ends it.")
        self._say()

    def delivered(self, lead: Watched) -> None:
        """One lead's line."""
        parts = [self._arrival(name, lead.times.get(name)) for name in KINDS]
        place = ", ".join(
            text for text in (self._words.get(lead.type, lead.type), lead.city) if text
        )
        at = self._in("dim", lead.created_at.astimezone().strftime("%H:%M:%S"))
        self._say(
            f"{at}  {'  '.join(parts)}  {self._in('dim', f'{lead.category:<10}')}  {place}".rstrip()
        )

    def _arrival(self, name: str, took: float | None) -> str:
        if took is None:
            return self._in("yellow", f"{name} … waiting")
        colour = "green" if took < 10 else "yellow"
        return f"{name} {self._in(colour, '✓')} {took:.2f}s"

    def draining(self, waiting: int) -> None:
        """No more leads are made."""
        self._say(self._in("dim", f"… no more leads; {waiting} deliveries on their way"))

    def ended(self, summary: Summary) -> None:
        """What came of it."""
        self._say()
        self._say(f"leads in: {summary.leads} in {summary.seconds:.0f} s")
        self._say()
        states = sorted({state for counts in summary.outcomes.values() for state in counts})
        columns: list[output.Column[str]] = [
            output.Column("destination", lambda name: name),
            output.Column("kind", lambda name: KINDS[name]),
            *(
                output.Column(
                    state,
                    lambda name, state=state: summary.outcomes[name].get(state, 0),  # type: ignore[misc]
                    right=True,
                )
                for state in states or ["delivered"]
            ),
            output.Column("p50", lambda name: _time(summary.times[name], 0.5), right=True),
            output.Column("p95", lambda name: _time(summary.times[name], 0.95), right=True),
        ]
        output.table(columns, list(KINDS))
        everything = [took for times in summary.times.values() for took in times]
        self._say()
        self._say(
            f"portal to delivery: p50 {_time(everything, 0.5)}, p95 {_time(everything, 0.95)}"
        )
        if summary.waiting:
            self._say(self._in("yellow", f"still on their way: {summary.waiting}"))
        for name, number in (("lost", summary.lost), ("doubled", summary.doubled)):
            self._say(self._in("red" if number else "green", f"{name}: {number}"))

    def _say(self, text: str = "") -> None:
        output.line(text)
        sys.stdout.flush()

    def _in(self, style: str, text: str) -> str:
        if not self._colours:
            return text
        code = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33}[style]
        return f"\x1b[{code}m{text}\x1b[0m"


def _time(times: Sequence[float], share: float) -> str:
    found = quantile(times, share)
    return output.span(found) if found is not None else "–"
