"""``check --live`` against the simulated portal: what is wrong, and the line to change."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.sandbox.portal import Portal, portal_app
from gateway.sandbox.portal.sheet import Sheet
from gateway.sandbox.server import serve
from tests.integration.test_cli import run

pytestmark = pytest.mark.anyio

YAML = """version: 1
sources:
  seloger:
    kind: gsl
    base_url: {portal}
    token_url: {portal}/oauth/token
    client_id: sandbox
    client_secret: {secret}
    timestamps: {unit}
    feeds: [leads, agencies]
destinations:
  crm: {{kind: webhook, url: "{portal}/health"}}
network: {{allow: [127.0.0.0/8]}}
"""


async def checked(
    folder: Path, portal: Portal, *, given: str = "sandbox", unit: str = "seconds"
) -> tuple[int, str]:
    async with serve(portal_app(portal)) as url:
        (folder / "gateway.yaml").write_text(YAML.format(portal=url, secret=given, unit=unit))
        done = await asyncio.to_thread(run, folder, "check", "--live")
    return done.returncode, done.stdout


async def test_a_wrong_secret_is_told_with_its_line(tmp_path: Path) -> None:
    code, shown = await checked(tmp_path, Portal(seed=1), given="wrong-secret")
    assert code == 1
    assert "sources.seloger.client_id and .client_secret" in shown
    assert "(gateway.yaml:7)" in shown
    assert "wrong-secret" not in shown
    assert "append-only file on, appendfsync always" in shown


async def test_a_wrong_unit_is_told_by_counting_both(tmp_path: Path) -> None:
    portal = Portal(seed=1)
    portal.add(20, at=datetime.now(UTC) - timedelta(days=2))
    code, shown = await checked(tmp_path, portal, unit="milliseconds")
    assert code == 1
    assert "0 in milliseconds, 20 in seconds" in shown
    assert "write sources.seloger.timestamps: seconds (gateway.yaml:9)" in shown


async def test_a_feed_that_is_not_allowed_leaves_the_others_good(tmp_path: Path) -> None:
    portal = Portal(seed=1)
    forbid = {"faults": [{"fault": "403", "on": "agencies"}]}
    portal.apply(Sheet.model_validate(forbid))
    code, shown = await checked(tmp_path, portal)
    assert code == 0
    assert "feed leads: readable" in shown
    assert "feed agencies: not allowed (403)" in shown
    assert "(gateway.yaml:10)" in shown
