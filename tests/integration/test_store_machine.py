"""Whatever is done to the store, in whatever order: nothing is lost, nothing is in two places."""

from __future__ import annotations

from tests.store_machine import drive


def test_no_order_of_moves_breaks_the_stores_rules(store_url: str) -> None:
    drive(store_url, examples=30, steps=40)
