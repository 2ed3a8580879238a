"""Small charts drawn on the server: a row of bars as SVG, coloured by the page's own style."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

BAR, GAP, HEIGHT = 5, 2, 28


def spark(values: Sequence[int], label: str = "") -> Markup:
    """One bar per value, the highest as tall as the chart; what is zero shows as a thin base."""
    top = max(values, default=0) or 1
    width = len(values) * (BAR + GAP) - GAP
    bars = Markup("").join(
        _bar(index, round(HEIGHT * value / top, 1) if value else 1)
        for index, value in enumerate(values)
    )
    return Markup(
        '<svg class="spark" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" '
        'aria-label="{}">{}</svg>'
    ).format(width, HEIGHT, label, bars)


def _bar(index: int, height: float) -> Markup:
    return Markup('<rect x="{}" y="{}" width="{}" height="{}" rx="1"/>').format(
        index * (BAR + GAP), round(HEIGHT - max(height, 1), 1), BAR, max(height, 1)
    )
