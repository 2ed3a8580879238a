"""How many persons one look may erase: the larger of five and a twentieth (contract §7)."""

from __future__ import annotations

import pytest

from gateway.reading.erasures import too_many


@pytest.mark.parametrize(
    ("nulled", "read", "held"),
    [(1, 1, False), (5, 5, False), (6, 6, True), (6, 119, True), (6, 120, False), (51, 1000, True)],
)
def test_more_than_five_and_a_twentieth_at_once_are_held(
    nulled: int, read: int, held: bool
) -> None:
    assert too_many(nulled, read) is held
