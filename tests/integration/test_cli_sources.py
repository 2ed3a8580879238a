"""Looking closely at a source, and asking its portal for one lead, from the command line."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.cli.command import Invocation
from gateway.cli.faults import WorkError
from gateway.cli.leads import show as show_lead
from gateway.cli.source_details import erasures, show
from gateway.cli.sources import list_
from gateway.cli.status import status
from gateway.delivery import lead_uid
from gateway.sandbox.portal import Portal, portal_app
from gateway.sandbox.server import serve
from gateway.store import FeedTrouble, Store
from tests.builders import a_lead, a_plan

pytestmark = pytest.mark.anyio

PROGRAM = Path(sys.executable).parent / "lead-gateway"
YAML = """
version: 1
sources:
  seloger:
    kind: gsl
    base_url: {url}
    token_url: {url}/oauth/token
    client_id: sandbox
    client_secret: sandbox
destinations:
  crm: {{kind: webhook, url: "https://crm.example.com/leads"}}
"""
SAID = {
    "type": "https://portal.example/problems/maintenance",
    "title": "Service Unavailable",
    "status": 503,
    "detail": "Maintenance until nine.",
    "instance": "/v2/leads",
    "supportCode": "A-17",
    "trace": {"traceparent": "00-aa-bb-01"},
}


@pytest.fixture
async def portal(tmp_path: Path) -> AsyncIterator[Portal]:
    portal = Portal()
    async with serve(portal_app(portal)) as url:
        (tmp_path / "gateway.yaml").write_text(YAML.format(url=url))
        yield portal


@pytest.fixture
def here(
    store: Store, valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Invocation:
    """A call of any command on this store, in this process."""
    monkeypatch.setenv("REDIS_URL", valkey_url)
    monkeypatch.setenv("LEAD_GATEWAY_NAMESPACE", store.namespace)
    monkeypatch.setenv("LEAD_GATEWAY_DATA_DIR", str(tmp_path / "data"))
    return Invocation(tmp_path / "gateway.yaml")


Shown = pytest.CaptureFixture[str]


async def test_a_problem_is_shown_in_full_with_its_trace(
    store: Store, portal: Portal, here: Invocation, capsys: Shown
) -> None:
    await store.sources.begin("seloger", datetime.now(UTC))
    next_try = datetime.now(UTC) + timedelta(minutes=1)
    await store.sources.failed("seloger", "down", FeedTrouble("the portal is away", next_try, SAID))

    await show(here, "seloger")
    shown = capsys.readouterr().out
    await status(here, as_json=True)
    findings = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    for text in (
        "https://portal.example/problems/maintenance", "Maintenance until nine.", "/v2/leads",
        "A-17", "00-aa-bb-01",
    ):  # fmt: skip
        assert text in shown
    assert SAID in [finding["details"] for finding in findings]


async def test_the_portals_clock_and_what_polls_missed_are_shown(
    store: Store, portal: Portal, here: Invocation, capsys: Shown
) -> None:
    await store.sources.begin("seloger", datetime.now(UTC))
    trouble = {"projects": FeedTrouble("not allowed", datetime.now(UTC) + timedelta(hours=1))}
    await store.sources.succeeded(
        "seloger", datetime.now(UTC), took=0.1, skew=-95.0, troubles=trouble
    )
    await store.sources.noticed("seloger", "missed", 3)
    await store.sources.noticed("seloger", "ended", 1)

    await list_(here)
    listed = capsys.readouterr().out
    await show(here, "seloger")
    shown = capsys.readouterr().out
    await status(here)
    told = capsys.readouterr().out

    assert "-95 s" in listed
    assert "95 s behind ours" in shown
    assert "3 leads, " in shown
    assert "second look found 3 leads that polls had missed" in told
    assert "1 lead had expired by timeToLive" in told
    assert "not allowed" in told


async def test_held_erasures_are_told_listed_and_confirmed(
    store: Store, portal: Portal, here: Invocation, capsys: Shown
) -> None:
    leads = [a_lead(f"lead-{n}") for n in range(6)]
    await store.leads.accept([a_plan(lead) for lead in leads])
    uids = [lead_uid("seloger", lead.id) for lead in leads]
    await store.sources.hold("seloger", uids)

    await status(here)
    told = capsys.readouterr().out
    await erasures(here, "seloger")
    listed = capsys.readouterr().out
    unasked = await erasures(here, "seloger", confirm=True)
    capsys.readouterr()
    done = await erasures(here, "seloger", confirm=True, yes=True)

    assert "shows 6 leads without their person" in told
    assert set(listed.split()) == {f"seloger/lead-{n}" for n in range(6)}
    assert (unasked, done) == (1, 0)
    assert capsys.readouterr().out.splitlines()[-1] == "6 leads erased"
    assert [one.mark for one in await store.leads.lookup(uids) if one] == ["e"] * 6
    assert (await store.sources.get("seloger")).held == frozenset()


async def test_a_lead_is_asked_for_again_and_shown_as_the_portal_has_it_now(
    store: Store, portal: Portal, here: Invocation, capsys: Shown
) -> None:
    (lead,) = portal.add(1, "ESTIMATION")
    await store.leads.accept([a_plan(a_lead(lead.id, category="ESTIMATION"))])

    command = [PROGRAM, "leads", "show", lead.id, "--refresh", "--json"]
    first = await asyncio.to_thread(
        subprocess.run, command, cwd=here.config and here.config.parent, capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip
    await show_lead(here, lead.id, refresh=True)
    again = capsys.readouterr().err

    assert json.loads(first.stdout)["estimation"]["portal_price"]
    assert "seloger: the portal has more or other content: stored" in first.stderr
    assert "seloger: nothing has changed at the portal" in again
    made = (await store.deliveries.page(None, 10)).items
    assert [delivery.state.value for delivery in made] == ["pending"]
    assert portal.calls["token"] == 1  # two processes, one token


async def test_a_lead_that_can_not_be_asked_for_says_why(
    store: Store, portal: Portal, here: Invocation, capsys: Shown
) -> None:
    await store.leads.accept([a_plan(a_lead("unknown-there"))])
    await store.leads.accept([a_plan(a_lead("pushed", source="website", identity="website"))])

    await show_lead(here, "unknown-there", refresh=True)
    assert "does not have it any more" in capsys.readouterr().err
    with pytest.raises(WorkError, match="nobody to ask"):
        await show_lead(here, "website/pushed", refresh=True)
    portal.down = True
    with pytest.raises(WorkError, match="50"):
        await show_lead(here, "unknown-there", refresh=True)


async def test_a_person_that_the_portal_has_erased_is_erased_here_when_asked_for(
    store: Store, portal: Portal, here: Invocation
) -> None:
    (lead,) = portal.add(1, "ESTIMATION")
    await store.leads.accept([a_plan(a_lead(lead.id, category="ESTIMATION"))])
    portal.nullify(lead.id)

    with pytest.raises(WorkError, match="erased here now"):
        await show_lead(here, lead.id, refresh=True)

    (known,) = await store.leads.lookup([lead_uid("seloger", lead.id)])
    assert known is not None
    assert known.mark == "e"
