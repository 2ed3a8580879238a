"""How fast leads were in each hour of a day, drawn on the server as SVG.

Time goes up by its logarithm, as seconds and hours stand in one picture. Coloured by the page's own
style, in which it needs neither scripts nor inline styles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log

from markupsafe import Markup

from gateway.store.speed import Times

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 880, 220, 56, 8, 10, 24
_TICKS = (0.01, 0.1, 1.0, 10.0, 60.0, 300.0, 3600.0, 21_600.0, 86_400.0, 864_000.0)
_PLACE = Markup('<text class="{}" x="{}" y="{}"{}>{}</text>')


def speed_chart(
    delivered: Sequence[Times],
    claimed: Sequence[Times],
    labels: Sequence[str],
    span: Callable[[float], str],
    *,
    title: str,
    within: float | None = None,
) -> Markup:
    """A bar from half to nine of ten for each hour's claims, a line for its deliveries.

    ``labels`` name the hours; ``within`` seconds is what was promised of claims.
    """
    known = [
        value
        for times in (*delivered, *claimed)
        for share in (0.5, 0.9)
        if (value := times.quantile(share)) is not None
    ]
    if within is not None:
        known.append(within)
    low, high = _scale(known)
    step = (WIDTH - LEFT - RIGHT) / max(1, len(labels))

    def y(seconds: float) -> float:
        share = log(max(seconds, low) / low) / log(high / low)
        return round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * min(1.0, share), 1)

    parts = [_ticks(low, high, y, span)]
    if within is not None:
        at = y(within)
        line = Markup('<line class="promise" x1="{}" x2="{}" y1="{}" y2="{}"/>')
        parts.append(line.format(LEFT, WIDTH - RIGHT, at, at))
    for index, label in enumerate(labels):
        middle = round(LEFT + step * (index + 0.5), 1)
        if index % 3 == len(labels) % 3:
            anchor = Markup(' text-anchor="middle"')
            parts.append(_PLACE.format("hour", middle, HEIGHT - 8, anchor, label))
        parts.append(_bar(middle, step, claimed[index], y))
    parts += _line([(LEFT + step * (i + 0.5), times) for i, times in enumerate(delivered)], y)
    drawing = Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>')
    return drawing.format(WIDTH, HEIGHT, title, Markup("").join(parts))


def _scale(known: Sequence[float]) -> tuple[float, float]:
    """From the tick below the least to the one above the most."""
    least, most = min(known, default=1.0), max(known, default=60.0)
    low = max((tick for tick in _TICKS if tick <= least), default=_TICKS[0])
    high = min((tick for tick in _TICKS if tick >= most), default=_TICKS[-1])
    return (low, high) if high > low else (low, low * 10)


def _ticks(
    low: float, high: float, y: Callable[[float], float], span: Callable[[float], str]
) -> Markup:
    made = []
    for tick in _TICKS:
        if low <= tick <= high:
            at = y(tick)
            rule = Markup('<line class="rule" x1="{}" x2="{}" y1="{}" y2="{}"/>')
            made.append(rule.format(LEFT, WIDTH - RIGHT, at, at))
            anchor = Markup(' text-anchor="end"')
            made.append(_PLACE.format("tick", LEFT - 8, at + 4, anchor, span(tick)))
    return Markup("").join(made)


def _bar(middle: float, step: float, times: Times, y: Callable[[float], float]) -> Markup:
    half, most = times.quantile(0.5), times.quantile(0.9)
    if half is None or most is None:
        return Markup("")
    wide = round(step * 0.5, 1)
    left, top, tall = round(middle - wide / 2, 1), y(most), max(3.0, round(y(half) - y(most), 1))
    return Markup(
        '<rect class="claimed" x="{}" y="{}" width="{}" height="{}" rx="2"/>'
        '<rect class="median" x="{}" y="{}" width="{}" height="3" rx="1"/>'
    ).format(left, top, wide, tall, left, round(y(half) - 1.5, 1), wide)


def _line(points: Sequence[tuple[float, Times]], y: Callable[[float], float]) -> list[Markup]:
    """The median of deliveries; the line breaks over hours without any."""
    runs: list[list[str]] = [[]]
    for x, times in points:
        half = times.quantile(0.5)
        if half is None:
            runs.append([])
        else:
            runs[-1].append(f"{round(x, 1)},{y(half)}")
    made = []
    for run in filter(None, runs):
        if len(run) == 1:
            across, _, up = run[0].partition(",")
            made.append(Markup('<circle class="dot" cx="{}" cy="{}" r="2.5"/>').format(across, up))
        else:
            made.append(Markup('<polyline class="delivered" points="{}"/>').format(" ".join(run)))
    return made
