"""The same as in the short run, for as long as it takes to reach the rare orders."""

from __future__ import annotations

import pytest

from tests.store_machine import drive

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]


def test_no_long_order_of_moves_breaks_the_stores_rules(store_url: str) -> None:
    drive(store_url, examples=1500, steps=80)
