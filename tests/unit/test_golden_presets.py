"""What each CRM gets of a lead, for every category: as golden files, read by a person."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from gateway.delivery import Delivered, Refused
from tests import goldens
from tests.builders import LEADS
from tests.presets import CASES, SECRET, Call, calls

pytestmark = pytest.mark.anyio

CATEGORIES = ("CLASSIFIED", "AGENCY", "ESTIMATION", "PROJECT")
ALL = [(case, category, lead) for case in CASES for category in CATEGORIES for lead in LEADS]
_DULL = frozenset({"accept", "user-agent", "webhook-id", "content-type"})


def name_of(case: str, category: str, lead: str) -> str:
    return f"presets/{case}/{category.lower()}-{lead}.txt"


def written(call: Call) -> str:
    """One call as the golden file shows it."""
    preview = call.prepared.preview()
    lines = [
        f"{name}: {value}" if name else value for name, value in preview.head if name not in _DULL
    ]
    for _, body in preview.parts:
        lines += ["", json.dumps(json.loads(body), ensure_ascii=False, indent=2)]
    return "\n".join(lines)


@pytest.mark.parametrize(("case", "category", "lead"), ALL)
async def test_a_request_is_what_was_read(case: str, category: str, lead: str) -> None:
    made = [call async for call in calls(case, LEADS[lead](category))]

    text = "\n\n---\n\n".join(written(call) for call in made) + "\n"
    assert SECRET not in text
    goldens.matches(name_of(case, category, lead), text)
    assert isinstance(made[-1].outcome, Delivered | Refused)
    for call in made:
        if call.prepared.request.body:
            for value in texts(call.body):
                assert not re.search(r"\bNone\b|\bnull\b|\bundefined\b", value), value
                assert len(value) <= 40_000 or case == "generic"


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [found for item in value.values() for found in texts(item)]
    if isinstance(value, list):
        return [found for item in value for found in texts(item)]
    return [value] if isinstance(value, str) else []


def test_no_golden_file_is_left_over() -> None:
    goldens.nothing_else("presets", {name_of(*one) for one in ALL})
