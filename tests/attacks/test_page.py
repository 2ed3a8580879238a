"""The page of attacks holds what was tried, all of it and nothing else."""

from __future__ import annotations

import pytest

from tests.attacks.conftest import rows_of, writing

LEAST = {
    "Reaching inside (SSRF)": 25,
    "Injection": 12,
    "Entering": 10,
    "Templates and expressions": 10,
    "Denial of service": 8,
}


def test_the_page_has_one_row_for_each_attack(attacks: dict[str, int]) -> None:
    if writing():
        pytest.skip("the page is being written")
    for heading, count in attacks.items():
        rows = rows_of(heading)
        assert len(set(rows)) == len(rows) == count, f"{heading}: run make attacks"


@pytest.mark.parametrize(("heading", "least"), LEAST.items())
def test_no_family_of_attacks_grows_thin(heading: str, least: int) -> None:
    if writing():
        pytest.skip("the page is being written")
    assert len(rows_of(heading)) >= least
