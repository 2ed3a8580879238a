"""The picture of how fast leads were: every shape within it, whatever the times."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from gateway.spans import format_span
from gateway.store.speed import Times
from gateway.web.chart import HEIGHT, WIDTH, speed_chart

TIMES = st.dictionaries(st.integers(0, 256), st.integers(1, 5), max_size=3).map(Times)
HOURS = st.lists(TIMES, min_size=24, max_size=24)
LABELS = [f"{hour:02} h" for hour in range(24)]


def span(seconds: float) -> str:
    return format_span(seconds, "en")


@given(HOURS, HOURS, st.one_of(st.none(), st.floats(0.5, 3_000_000)))
def test_whatever_the_times_all_is_drawn_within_the_picture(
    delivered: list[Times], claimed: list[Times], within: float | None
) -> None:
    drawn = speed_chart(delivered, claimed, LABELS, span, title="<T>", within=within)
    root = ElementTree.fromstring(drawn)  # noqa: S314 - our own
    assert root.get("aria-label") == "<T>"
    bars = [item for item in root if item.get("class") == "claimed"]
    assert len(bars) == sum(times.count > 0 for times in claimed)
    for item in root:
        for name in ("x", "x1", "x2", "cx"):
            assert 0 <= float(item.get(name, 0)) <= WIDTH
        for name in ("y", "y1", "y2", "cy"):
            assert -3 <= float(item.get(name, 0)) <= HEIGHT
        for x, y in re.findall(r"([\d.]+),([\d.]+)", item.get("points", "")):
            assert float(x) <= WIDTH
            assert float(y) <= HEIGHT


def test_an_hour_without_deliveries_breaks_the_line() -> None:
    some, none = Times({80: 1}), Times()
    delivered = [some, some, none, some, *[none] * 20]
    drawn = speed_chart(delivered, [none] * 24, LABELS, span, title="")
    assert (drawn.count("<polyline"), drawn.count("<circle")) == (1, 1)
    assert 'class="promise"' not in drawn
