"""Leads and deliveries as CSV and JSON lines, written row by row: nothing is held in memory.

Owns the columns of the CSV and what keeps a spreadsheet from taking a cell for a formula. Where the
rows come from and where the text goes is the caller's.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel

from gateway.lead import Lead

FORMATS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
"""What can be written, with its media type."""

DELIVERY_COLUMNS = (
    "id", "lead_id", "source", "destination", "occasion", "state", "reason", "attempts",
    "last_status", "last_at", "next_attempt_at", "created_at", "delivered_at", "remote_id",
)  # fmt: skip

# A cell that begins so is run by spreadsheets; a number or a phone with its sign is none.
_FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d\s().-]*$)")

Row = Mapping[str, Any]


def delivery_row(record: Row) -> dict[str, Any]:
    """One delivery in the API's shape as a row: attempts counted, the last one told."""
    attempts = record["attempts"]
    last = attempts[-1] if attempts else {}
    return {
        **{name: record[name] for name in DELIVERY_COLUMNS if name in record},
        "attempts": len(attempts),
        "last_status": last.get("status"),
        "last_at": last.get("at"),
    }


@cache
def lead_columns() -> tuple[str, ...]:
    """Every value of a lead under its dotted name, but for the portal's own JSON."""
    return (*_leaves(Lead, ""), "sources", "unrouted", "deliveries")


def _leaves(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _leaves(kind, f"{prefix}{name}.")
        elif prefix or name != "original":
            yield prefix + name


def lead_row(record: Row) -> dict[str, Any]:
    """One lead in the API's shape as a row; its deliveries as ``destination:state``."""
    row = {name: _at(record, name) for name in lead_columns()}
    row["deliveries"] = " ".join(
        f"{item['destination']}:{item['state']}" for item in record["deliveries"]
    )
    return row


def _at(record: Any, name: str) -> Any:
    for step in name.split("."):
        record = record.get(step) if isinstance(record, Mapping) else None
    return record


def json_line(record: Row) -> str:
    """One record on one line."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"


def csv_line(cells: Sequence[Any]) -> str:
    """One line of CSV (RFC 4180), each cell safe to open in a spreadsheet."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow([_cell(value) for value in cells])
    return buffer.getvalue()


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return _safe(" ".join(str(part) for part in value))
        case dict():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return _safe(str(value))


def _safe(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


AUDIT_COLUMNS = ("id", "at", "who", "through", "did", "target", "count")
_Rows = tuple[Sequence[str], Callable[[Row], Row]]
_ROWS: Mapping[str, Callable[[], _Rows]] = {
    "leads": lambda: (lead_columns(), lead_row),
    "deliveries": lambda: (DELIVERY_COLUMNS, delivery_row),
    "audit": lambda: (AUDIT_COLUMNS, lambda record: record),
}


async def lines(records: AsyncIterator[Row], kind: str, form: str) -> AsyncIterator[str]:
    """Records of ``leads``, ``deliveries`` or ``audit`` as text in one of :data:`FORMATS`."""
    columns, row = _ROWS[kind]()
    if form == "csv":
        yield csv_line(columns)
    async for record in records:
        if form == "csv":
            made = row(record)
            yield csv_line([made.get(name) for name in columns])
        else:
            yield json_line(record)
