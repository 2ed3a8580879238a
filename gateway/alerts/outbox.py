"""Notices on their way: to whom each still has to go, and when it is tried again. Pure.

A notice that reaches nobody within the schedule is dropped: it raises no alert of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from gateway.alerts.config import Kind
from gateway.notice import Notice, Point

WAITS = (30.0, 120.0, 600.0, 1800.0, 3600.0)
"""Seconds between the tries of one notice at one destination."""

_OF_ITSELF = (Kind.DESTINATION_DOWN, Kind.BACKLOG)
"""What a destination is not told about itself: it would have to work to hear it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One notice and, by destination, the tries made and the time of the next (Unix seconds)."""

    notice: Notice
    to: Mapping[str, tuple[int, float]]

    def as_json(self) -> dict[str, Any]:
        """For keeping."""
        notice = {**asdict(self.notice), "at": self.notice.at.isoformat()}
        return {"notice": notice, "to": {name: list(state) for name, state in self.to.items()}}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Entry:
        """What :meth:`as_json` made."""
        notice = dict(kept["notice"])
        notice["at"] = datetime.fromisoformat(notice["at"])
        notice["points"] = tuple(Point(**point) for point in notice["points"])
        to = {name: (int(tries), float(at)) for name, (tries, at) in kept["to"].items()}
        return cls(Notice(**notice), to)

    def due(self, now: float) -> list[str]:
        """The destinations that are to be tried now."""
        return [name for name, (_, at) in self.to.items() if at <= now]

    def delivered(self, name: str) -> Entry:
        """One destination has it."""
        return replace(self, to={key: state for key, state in self.to.items() if key != name})

    def failed(self, name: str, now: float, retry_after: float | None = None) -> Entry:
        """One destination has not; after the last try it is left out."""
        tries = self.to[name][0]
        if tries >= len(WAITS):
            return self.delivered(name)
        wait = max(WAITS[tries], min(retry_after or 0.0, WAITS[-1]))
        return replace(self, to={**self.to, name: (tries + 1, now + wait)})


def entry(notice: Notice, destinations: Sequence[str]) -> Entry:
    """A new notice for these destinations, to be tried at once."""
    return Entry(notice, dict.fromkeys(destinations, (0, 0.0)))


def for_destination(notice: Notice, name: str) -> Notice | None:
    """The notice without what it would tell a destination about itself; None if nothing is left."""
    records = notice.data.get("alerts", [])
    kept = [
        (point, record)
        for point, record in zip(notice.points, records, strict=True)
        if not (record["kind"] in _OF_ITSELF and record["subject"] == name)
    ]
    if not kept:
        return None
    if len(kept) == len(notice.points):
        return notice
    points = tuple(point for point, _ in kept)
    title = points[0].text if len(points) == 1 else notice.title
    data = {"alerts": [record for _, record in kept]}
    return replace(notice, title=title, points=points, data=data)
