"""A notice from the gateway itself to those who run it: what a destination is given to announce.

The same values whatever the kind; how they look is the kind's own affair. Nothing in it is about a
person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.lead import Lead


@dataclass(frozen=True, slots=True)
class Point:
    """One thing of a notice. ``good``: it is over. ``do`` is what to do about it, or empty."""

    good: bool
    text: str
    do: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """What is said. ``id`` is the same on every attempt; ``data`` is the same for programs.

    ``link`` is where the dashboard is, empty when nobody said.
    """

    id: str
    at: datetime
    title: str
    points: tuple[Point, ...]
    language: str = "fr"
    link: str = ""
    link_text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """All of it as plain lines."""
        lines = []
        for point in self.points:
            lines.append(f"{'✓' if point.good else '✗'} {point.text}")
            if point.do:
                lines.append(f"  → {point.do}")
        return "\n".join([*lines, *(["", self.link] if self.link else [])])

    @property
    def nobody(self) -> Lead:
        """A lead of which nothing is known, for templates of addresses that want one."""
        return Lead(id="alert", source="gateway", identity="gateway", kind="alert",
                    received_at=self.at)  # fmt: skip
