"""Hours of a week as people write them: ``Mon-Fri 09:00-19:00, Sat 10:00-13:00``.

Owns how they are read and whether a moment is within them. Pure: the moment and the time zone come
in as arguments. Local times, so that nine o'clock stays nine o'clock when summer time begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_DAYS = {
    name: day
    for day, names in enumerate(
        (
            ("mon", "monday", "lun", "lundi"),
            ("tue", "tuesday", "mar", "mardi"),
            ("wed", "wednesday", "mer", "mercredi"),
            ("thu", "thursday", "jeu", "jeudi"),
            ("fri", "friday", "ven", "vendredi"),
            ("sat", "saturday", "sam", "samedi"),
            ("sun", "sunday", "dim", "dimanche"),
        )
    )
    for name in names
}
_SHORT = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_TIME = re.compile(r"^(\d{1,2})(?::(\d{2})|[hH](\d{2})?)$")
_WRITE = 'write hours as "Mon-Fri 09:00-19:00, Sat 10:00-13:00"'
_DAY = 24 * 60

_STRETCHES_AHEAD = 1000
"""Open stretches that a wait may go over: years of the shortest weeks people write."""

MOST = 50
"""Stretches that one entry may list."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """One open time: a day (Monday is 0) and minutes from its midnight. ``end`` after 1440 goes
    on into the next day.
    """

    day: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Hours:
    """Open times of a week, in the configuration's time zone. None of them: never open."""

    stretches: tuple[Stretch, ...]
    text: str = ""

    def __str__(self) -> str:
        return self.text

    def are_open(self, moment: datetime, zone: ZoneInfo) -> bool:
        """Whether ``moment`` (aware) is within them; an end is the first closed minute."""
        local = moment.astimezone(zone)
        minute = local.hour * 60 + local.minute
        today = local.weekday()
        return any(
            (stretch.day == today and stretch.start <= minute < stretch.end)
            or (
                (stretch.day + 1) % 7 == today
                and stretch.end > _DAY
                and minute < stretch.end - _DAY
            )
            for stretch in self.stretches
        )

    def next_open(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """The first open moment from ``moment`` on, in UTC; None when they never open."""
        if self.are_open(moment, zone):
            return moment
        local = moment.astimezone(zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        starts = []
        for ahead in range(8):
            day = midnight + timedelta(days=ahead)
            for stretch in self.stretches:
                if stretch.day == day.weekday():
                    start = day + timedelta(minutes=stretch.start)
                    starts.append(start.replace(tzinfo=zone).astimezone(UTC))
        return min((start for start in starts if start > moment), default=None)

    def later(self, moment: datetime, wait: timedelta, zone: ZoneInfo) -> datetime | None:
        """``moment`` and ``wait`` of open time after it; None when they never open."""
        left = wait
        for _ in range(_STRETCHES_AHEAD):
            opened = self.next_open(moment, zone)
            if opened is None:
                return None
            closes = self._closes(opened, zone)
            if left <= closes - opened:
                return opened + left
            left -= closes - opened
            moment = closes
        return moment

    def _closes(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """When the stretches that are open at ``moment`` end, in UTC."""
        local = moment.astimezone(zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        ends = []
        for back in (1, 0):
            day = midnight - timedelta(days=back)
            for stretch in self.stretches:
                if stretch.day == day.weekday():
                    end = day + timedelta(minutes=stretch.end)
                    start = day + timedelta(minutes=stretch.start)
                    if start.replace(tzinfo=zone) <= local < end.replace(tzinfo=zone):
                        ends.append(end.replace(tzinfo=zone).astimezone(UTC))
        return max(ends, default=moment + timedelta(minutes=1))


def parse_hours(value: Any) -> Hours:
    """``Mon-Sat 09:00-19:00`` -> :class:`Hours`; a list joins its entries. French days too.

    ``22:00-06:00`` goes over midnight; ``24:00`` is the end of a day; without days it is every day.
    Raises ValueError with what to write instead.
    """
    if isinstance(value, Hours):
        return value
    entries = value if isinstance(value, list | tuple) else [value]
    if not entries or not all(isinstance(entry, str) for entry in entries):
        raise ValueError(_WRITE)
    text = ", ".join(entries)
    parts = [part for part in text.split(",") if part.strip()]
    if not parts or len(parts) > MOST:
        raise ValueError(_WRITE)
    stretches = dict.fromkeys(stretch for part in parts for stretch in _part(part))
    return Hours(tuple(stretches), text)


def _part(text: str) -> Iterator[Stretch]:
    words = text.replace("–", "-").replace(" - ", "-").split()
    times = [word for word in words if word[0].isdigit()]
    days = [word for word in words if not word[0].isdigit()]
    if len(words) > 10 or not times:
        raise ValueError(_WRITE)
    for span in times:
        start, end = _span(span)
        for day in _days(days):
            yield Stretch(day, start, end)


def _span(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    if not dash:
        raise ValueError(f"{_WRITE}: a time has a beginning and an end")
    start, end = _minutes(first), _minutes(last)
    if start in (end, _DAY):
        raise ValueError("the hours begin and end at the same time: for a whole day 00:00-24:00")
    return start, end if end > start else end + _DAY


def _minutes(text: str) -> int:
    match = _TIME.match(text)
    hour = int(match[1]) if match else 99
    minute = int(match[2] or match[3] or 0) if match else 0
    if minute > 59 or hour > 24 or (hour == 24 and minute):
        raise ValueError("write times from 00:00 to 24:00, for example 09:00-19:00")
    return hour * 60 + minute


def _days(words: list[str]) -> Iterator[int]:
    if not words:
        yield from range(7)
    for word in words:
        first, dash, last = word.partition("-")
        start = _day(first)
        for ahead in range(((_day(last) - start) % 7 if dash else 0) + 1):
            yield (start + ahead) % 7


def _day(word: str) -> int:
    day = _DAYS.get(word.lower().rstrip("."))
    if day is None:
        raise ValueError(f"write days as {', '.join(_SHORT)}, for example Mon-Sat")
    return day


OpenHours = Annotated[
    Hours,
    BeforeValidator(parse_hours),
    PlainSerializer(str),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
            "examples": ["Mon-Fri 09:00-19:00, Sat 10:00-13:00"],
        }
    ),
]
"""For the configuration: a text, or a list of texts."""
