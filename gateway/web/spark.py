"""Small charts drawn on the server as SVG, coloured by the page's own style."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

BAR, GAP, HEIGHT = 5, 2, 28


def spark(values: Sequence[int], label: str = "") -> Markup:
    """One bar per value, the highest as tall as the chart; what is zero shows as a thin base."""
    top = max(values, default=0) or 1
    width = len(values) * (BAR + GAP) - GAP
    # Numbers of our own need no escaping, and a page has a few hundred bars.
    bars = "".join(
        _bar(index, round(HEIGHT * value / top, 1) if value else 1)
        for index, value in enumerate(values)
    )
    return Markup(
        '<svg class="spark" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" '
        'aria-label="{}">{}</svg>'
    ).format(width, HEIGHT, label, Markup(bars))  # noqa: S704


def trend(values: Sequence[float | None], label: str = "") -> Markup:
    """A line through values over time; it breaks where there is none, a lone value is a dot."""
    known = [value for value in values if value is not None]
    top, width = max(known, default=0) or 1, (len(values) - 1) * (BAR + GAP)
    shapes, run = [], list[str]()
    for index, value in enumerate([*values, None]):
        if value is not None:
            y = round(HEIGHT - 2 - (HEIGHT - 4) * value / top, 1)
            run.append(f"{index * (BAR + GAP)},{y}")
        elif run:
            shapes.append(_line(run))
            run = []
    return Markup(
        '<svg class="spark trend" viewBox="-2 0 {} {}" preserveAspectRatio="none" role="img" '
        'aria-label="{}">{}</svg>'
    ).format(width + 4, HEIGHT, label, Markup("").join(shapes))


def _line(points: Sequence[str]) -> Markup:
    if len(points) == 1:
        x, _, y = points[0].partition(",")
        return Markup('<circle cx="{}" cy="{}" r="2"/>').format(x, y)
    return Markup('<polyline points="{}"/>').format(" ".join(points))


def _bar(index: int, height: float) -> str:
    top, tall = round(HEIGHT - max(height, 1), 1), max(height, 1)
    return f'<rect x="{index * (BAR + GAP)}" y="{top}" width="{BAR}" height="{tall}" rx="1"/>'
