"""Whatever is done to the store, in whatever order: nothing is lost, nothing is in two places."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.store_machine import StoreMachine


def test_no_order_of_moves_breaks_the_stores_rules(store_url: str) -> None:
    class Machine(StoreMachine):
        url = store_url

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=30,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
