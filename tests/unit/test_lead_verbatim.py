from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.verbatim import verbatim

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(plain)
def test_what_json_can_hold_stays_as_it_is(value: Any) -> None:
    assert json.dumps(verbatim(value)) == json.dumps(value)


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, -math.inf, 10**4000, -(10**5000)],
    ids=["nan", "inf", "-inf", "4,001 digits", "5,001 digits"],
)
def test_a_number_without_a_json_form_is_null(value: float) -> None:
    assert verbatim([value, 1]) == [None, 1]


def test_half_a_character_is_replaced_and_two_halves_are_joined() -> None:
    assert verbatim({"\ud83c": "a\udfe1", "b": "\ud83c\udfe1"}) == {"\ufffd": "a\ufffd", "b": "🏡"}


def test_what_lies_too_deep_becomes_its_text() -> None:
    assert verbatim({"a": {"b": [1, {"c": None}]}}, depth=2) == {"a": {"b": '[1, {"c": null}]'}}


def test_the_value_given_is_not_shared() -> None:
    value = {"a": [{"b": 1}]}
    assert verbatim(value) == value
    assert verbatim(value)["a"][0] is not value["a"][0]
