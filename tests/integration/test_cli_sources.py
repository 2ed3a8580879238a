"""Looking closely at a source, and asking its portal for one lead, from the command line."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.delivery import lead_uid
from gateway.sandbox.portal import Portal, portal_app
from gateway.sandbox.server import serve
from gateway.store import FeedTrouble, Store
from tests.builders import a_lead, a_plan

pytestmark = pytest.mark.anyio

PROGRAM = Path(sys.executable).parent / "lead-gateway"
Run = Callable[..., "asyncio.Future[subprocess.CompletedProcess[str]]"]
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
def run(store: Store, valkey_url: str, tmp_path: Path) -> Run:
    environ = {"REDIS_URL": valkey_url, "LEAD_GATEWAY_NAMESPACE": store.namespace}

    def call(*arguments: str) -> asyncio.Future[subprocess.CompletedProcess[str]]:
        return asyncio.ensure_future(
            asyncio.to_thread(
                subprocess.run,
                [PROGRAM, *arguments],
                cwd=tmp_path,
                env={**os.environ, **environ},
                capture_output=True,
                text=True,
                timeout=60,
            )
        )

    return call


async def test_a_problem_is_shown_in_full_with_its_trace(
    store: Store, portal: Portal, run: Run
) -> None:
    await store.sources.begin("seloger", datetime.now(UTC))
    next_try = datetime.now(UTC) + timedelta(minutes=1)
    await store.sources.failed("seloger", "down", FeedTrouble("the portal is away", next_try, SAID))

    shown, status = await asyncio.gather(run("sources", "show", "seloger"), run("status", "--json"))

    for text in (
        "https://portal.example/problems/maintenance", "Maintenance until nine.", "/v2/leads",
        "A-17", "00-aa-bb-01",
    ):  # fmt: skip
        assert text in shown.stdout
    findings = [json.loads(line) for line in status.stdout.splitlines()]
    assert SAID in [finding["details"] for finding in findings]


async def test_the_portals_clock_and_what_polls_missed_are_shown(
    store: Store, portal: Portal, run: Run
) -> None:
    await store.sources.begin("seloger", datetime.now(UTC))
    trouble = {"projects": FeedTrouble("not allowed", datetime.now(UTC) + timedelta(hours=1))}
    await store.sources.succeeded(
        "seloger", datetime.now(UTC), took=0.1, skew=-95.0, troubles=trouble
    )
    await store.sources.noticed("seloger", "missed", 3)

    await store.sources.noticed("seloger", "ended", 1)

    listed, shown, status = await asyncio.gather(
        run("sources", "list"), run("sources", "show", "seloger"), run("status")
    )

    assert "-95 s" in listed.stdout
    assert "95 s behind ours" in shown.stdout
    assert "3 leads, " in shown.stdout
    assert "second look found 3 leads that polls had missed" in status.stdout
    assert "1 lead had expired by timeToLive" in status.stdout
    assert "not allowed" in status.stdout


async def test_held_erasures_are_told_listed_and_confirmed(
    store: Store, portal: Portal, run: Run
) -> None:
    leads = [a_lead(f"lead-{n}") for n in range(6)]
    await store.leads.accept([a_plan(lead) for lead in leads])
    uids = [lead_uid("seloger", lead.id) for lead in leads]
    await store.sources.hold("seloger", uids)

    status = await run("status")
    listed = await run("sources", "erasures", "seloger")
    unasked = await run("sources", "erasures", "seloger", "--confirm")
    done = await run("sources", "erasures", "seloger", "--confirm", "--yes")

    assert "shows 6 leads without their person" in status.stdout
    assert set(listed.stdout.split()) == {f"seloger/lead-{n}" for n in range(6)}
    assert (unasked.returncode, done.returncode) == (1, 0)
    assert done.stdout.splitlines()[-1] == "6 leads erased"
    assert [one.mark for one in await store.leads.lookup(uids) if one] == ["e"] * 6
    assert (await store.sources.get("seloger")).held == frozenset()


async def test_a_lead_is_asked_for_again_and_shown_as_the_portal_has_it_now(
    store: Store, portal: Portal, run: Run
) -> None:
    (lead,) = portal.add(1, "ESTIMATION")
    await store.leads.accept([a_plan(a_lead(lead.id, category="ESTIMATION"))])

    first = await run("leads", "show", lead.id, "--refresh", "--json")
    again = await run("leads", "show", lead.id, "--refresh")

    assert json.loads(first.stdout)["estimation"]["portal_price"]
    assert "seloger: the portal has more or other content: stored" in first.stderr
    assert "seloger: nothing has changed at the portal" in again.stderr
    assert [made.state.value for made in (await store.deliveries.page(None, 10)).items] == [
        "pending"
    ]


async def test_a_lead_that_can_not_be_asked_for_says_why(
    store: Store, portal: Portal, run: Run
) -> None:
    await store.leads.accept([a_plan(a_lead("unknown-there"))])
    await store.leads.accept([a_plan(a_lead("pushed", source="website", identity="website"))])

    gone = await run("leads", "show", "unknown-there", "--refresh")
    pushed = await run("leads", "show", "website/pushed", "--refresh")
    portal.down = True
    down = await run("leads", "show", "unknown-there", "--refresh")

    assert (gone.returncode, "does not have it any more" in gone.stderr) == (0, True)
    assert (pushed.returncode, "nobody to ask" in pushed.stderr) == (1, True)
    assert down.returncode == 1
    assert "500" in down.stderr or "503" in down.stderr


async def test_a_person_that_the_portal_has_erased_is_erased_here_when_asked_for(
    store: Store, portal: Portal, run: Run
) -> None:
    (lead,) = portal.add(1, "ESTIMATION")
    await store.leads.accept([a_plan(a_lead(lead.id, category="ESTIMATION"))])
    portal.nullify(lead.id)

    told = await run("leads", "show", lead.id, "--refresh")

    assert (told.returncode, "erased here now" in told.stderr) == (1, True)
    (known,) = await store.leads.lookup([lead_uid("seloger", lead.id)])
    assert known is not None
    assert known.mark == "e"
