"""The API's page in the documentation names every operation, and none that is not there."""

from __future__ import annotations

import re
from pathlib import Path

from gateway.web.api import OPERATIONS

DOCS = Path(__file__).parents[2] / "docs"
OPERATION = re.compile(r"`(GET|POST|DELETE|PUT|PATCH) (/[^`\s]*)`")


def test_the_api_page_names_every_operation() -> None:
    page = (DOCS / "api.md").read_text("utf-8")
    there = {(item.method, re.sub(r":\w+", "", item.path)) for item in OPERATIONS}
    assert {(method, path) for method, path in OPERATION.findall(page)} == there


def test_no_page_names_an_operation_that_is_not_there() -> None:
    there = {re.sub(r"{.*?}", "*", re.sub(r":\w+", "", item.path)) for item in OPERATIONS}
    for page in (page for page in DOCS.rglob("*.md") if page.parent.name != "presets"):
        for _, path in OPERATION.findall(page.read_text("utf-8")):
            if path.startswith("/v1/"):
                assert re.sub(r"{.*?}", "*", path.partition("?")[0]) in there, (
                    f"{page.name}: {path}"
                )
