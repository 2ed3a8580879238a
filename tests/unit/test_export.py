"""Rows for spreadsheets: one cell per value, none that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.export import csv_line, lead_columns, lead_row, lines
from gateway.lead import Lead
from tests.builders import a_lead


@pytest.mark.parametrize(
    "text", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3+cmd", "\t=1", "\r=1"]
)
def test_a_formula_becomes_text(text: str) -> None:
    (row,) = csv.reader(io.StringIO(csv_line([text])))
    assert row == [f"'{text}"]


@pytest.mark.parametrize("text", ["+33639981234", "-12.5", "12 rue X", "a=b", "+33 6 39 98 00 00"])
def test_a_phone_and_a_number_stay_as_they_are(text: str) -> None:
    (row,) = csv.reader(io.StringIO(csv_line([text])))
    assert row == [text]


@given(st.lists(st.text(), min_size=1))
def test_any_text_is_read_back_from_its_cell(texts: list[str]) -> None:
    texts = [text.replace("\x00", "") for text in texts]
    (row,) = csv.reader(io.StringIO(csv_line(texts), newline=""))
    assert [cell.removeprefix("'") for cell in row] == [text.removeprefix("'") for text in texts]


def test_every_value_of_a_lead_has_a_column_and_the_portals_json_has_none() -> None:
    row = lead_row({**a_lead().as_dict(), "sources": ["a"], "unrouted": False, "deliveries": []})
    assert row["contact.email"] == "camille@example.org"
    assert "original" not in lead_columns()
    assert set(Lead.model_fields) - {"original"} <= {name.split(".")[0] for name in row}


async def _records() -> AsyncIterator[Mapping[str, Any]]:
    for n in range(3):
        yield {"n": n}
        if n == 1:
            raise RuntimeError("nothing after the second was wanted yet")


@pytest.mark.anyio
async def test_rows_are_written_one_by_one() -> None:
    written = lines(_records(), "deliveries", "jsonl")
    assert [await anext(written), await anext(written)] == ['{"n":0}\n', '{"n":1}\n']
