"""Operating a store with something in it from the command line, as a process."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.delivery import Reason, State, delivery_id
from gateway.store import Claim, Report, Store
from tests.builders import a_lead, a_plan

pytestmark = pytest.mark.anyio

PROGRAM = Path(sys.executable).parent / "lead-gateway"
CRM = delivery_id("seloger", "lead-1", "crm")


@pytest.fixture
def url(valkey_url: str) -> str:
    return valkey_url


async def run(
    store: Store, url: str, folder: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    environ = {"REDIS_URL": url, "LEAD_GATEWAY_NAMESPACE": store.namespace}
    return await asyncio.to_thread(
        subprocess.run,
        [PROGRAM, *arguments],
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )


async def state_of(store: Store, delivery: str) -> State:
    found = await store.deliveries.get(delivery)
    assert found is not None
    return found.state


async def test_erasing_a_lead_asks_first_and_says_what_is_lost(
    store: Store, url: str, tmp_path: Path
) -> None:
    await store.leads.accept([a_plan(destinations=("crm", "team"))])
    unasked = await run(store, url, tmp_path, "leads", "erase", "seloger/lead-1")
    assert unasked.returncode == 1
    assert "erase seloger/lead-1 and discard 2 unsent deliveries for good?" in unasked.stderr
    assert await state_of(store, CRM) is State.PENDING
    done = await run(store, url, tmp_path, "leads", "erase", "seloger/lead-1", "--yes")
    assert (done.returncode, done.stdout) == (0, "seloger/lead-1: erased\n")
    assert await state_of(store, CRM) is State.DISCARDED
    again = await run(store, url, tmp_path, "leads", "erase", "seloger/lead-1", "--yes")
    assert again.returncode == 1
    assert "there is no lead seloger/lead-1" in again.stderr


async def test_nothing_is_erased_when_one_of_several_leads_is_unknown(
    store: Store, url: str, tmp_path: Path
) -> None:
    await store.leads.accept([a_plan(a_lead("lead-1"))])
    done = await run(store, url, tmp_path, "leads", "erase", "lead-1", "lead-2", "--yes")
    assert done.returncode == 1
    assert await state_of(store, CRM) is State.PENDING


async def dead_letters(store: Store, count: int) -> list[str]:
    """So many deliveries that were refused."""
    names = [f"lead-{n}" for n in range(count)]
    await store.leases.start_worker("w1")
    for start in range(0, count, 200):
        some = names[start : start + 200]
        await store.leads.accept([a_plan(a_lead(name)) for name in some])
        ids = [delivery_id("seloger", name, "crm") for name in some]
        (begun,) = await store.deliveries.begin("w1", [Claim("crm", ids, 5.0)])
        reports = [
            Report(work.id, work.number, "refused", Reason.REJECTED, 1) for work in begun.work
        ]
        await store.deliveries.finish("w1", reports)
    return [delivery_id("seloger", name, "crm") for name in names]


CONFIGURED = """version: 1
sources: {website: {kind: push, token: website-token}}
destinations: {crm: {kind: webhook, url: "https://crm.example.com/leads"}}
"""


async def test_thousands_of_dead_letters_are_replayed_by_one_command(
    store: Store, url: str, tmp_path: Path
) -> None:
    (tmp_path / "gateway.yaml").write_text(CONFIGURED)
    await dead_letters(store, 2000)
    replay = ("dead-letters", "replay", "--destination", "crm", "--reason", "rejected")
    unasked = await run(store, url, tmp_path, *replay)
    assert unasked.returncode == 1
    assert "replay 2000 deliveries?" in unasked.stderr
    done = await run(store, url, tmp_path, *replay, "--yes")
    assert (done.returncode, done.stdout) == (0, "2000 replayed\n")
    assert await store.deliveries.waiting(["crm"]) == {"crm": (0, 2000)}
    again = await run(store, url, tmp_path, *replay, "--yes")
    assert (again.returncode, again.stderr) == (0, "Nothing to replay.\n")


async def test_a_replay_that_was_cut_off_is_repeated_without_harm(
    store: Store, url: str, tmp_path: Path
) -> None:
    (tmp_path / "gateway.yaml").write_text(CONFIGURED)
    ids = await dead_letters(store, 300)
    await store.deliveries.replay(ids[:120])
    done = await run(store, url, tmp_path, "dead-letters", "replay", *ids, "--yes")
    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == "180 replayed"
    assert "120 left alone: no dead letter" in done.stdout
    assert await store.deliveries.waiting(["crm"]) == {"crm": (0, 300)}


async def test_replaying_what_waits_means_now_and_what_is_made_wants_force(
    store: Store, url: str, tmp_path: Path
) -> None:
    (tmp_path / "gateway.yaml").write_text(CONFIGURED)
    await store.leads.accept([a_plan(a_lead("waits")), a_plan(a_lead("made"))])
    waits, made = (delivery_id("seloger", name, "crm") for name in ("waits", "made"))
    await store.leases.start_worker("w1")
    await store.deliveries.begin("w1", [Claim("crm", [waits, made], 5.0)])
    await store.deliveries.finish(
        "w1",
        [
            Report(waits, 1, "deferred", Reason.TIMEOUT, 1, wait=3600.0),
            Report(made, 1, "delivered", Reason.ACCEPTED, 1),
        ],
    )
    done = await run(store, url, tmp_path, "deliveries", "replay", waits, made, "--yes")
    assert done.returncode == 1
    assert "1 replayed" in done.stdout
    assert "--force sends it again" in done.stdout
    found = await store.deliveries.get(waits)
    assert found is not None
    assert (found.state, found.attempts_made, found.next_attempt_at) == (State.PENDING, 0, None)
    forced = await run(store, url, tmp_path, "deliveries", "replay", made, "--force")
    assert (forced.returncode, forced.stdout) == (0, "1 replayed\n")
    assert await state_of(store, made) is State.PENDING


async def test_all_destinations_are_paused_and_resumed_at_once(
    store: Store, url: str, tmp_path: Path
) -> None:
    (tmp_path / "gateway.yaml").write_text(CONFIGURED)
    await store.leads.accept([a_plan(destinations=("crm", "gone"))])
    paused = await run(store, url, tmp_path, "destinations", "pause", "--all")
    assert paused.stdout == "crm: paused\ngone: paused\n"
    listed = await run(store, url, tmp_path, "deliveries", "list", "--json")
    assert {json.loads(line)["state"] for line in listed.stdout.splitlines()} == {"held"}
    resumed = await run(store, url, tmp_path, "destinations", "resume", "--all")
    assert resumed.stdout == "crm: resumed\ngone: resumed\n"
    listed = await run(store, url, tmp_path, "deliveries", "list", "--json")
    states = {
        (found["destination"], found["state"])
        for found in map(json.loads, listed.stdout.splitlines())
    }
    assert states == {("crm", "pending"), ("gone", "held")}


async def test_what_waits_for_a_destination_that_moved_is_held_and_status_says_why(
    store: Store, url: str, tmp_path: Path
) -> None:
    (tmp_path / "gateway.yaml").write_text(CONFIGURED)
    await store.destinations.recognise({"crm": "webhook old.example.com"})
    await store.leads.accept([a_plan()])
    await store.destinations.recognise({"crm": "webhook crm.example.com"})
    status = await run(store, url, tmp_path, "status")
    said = " ".join(status.stdout.split())
    assert (
        "it is at webhook crm.example.com now, what waits was meant for webhook old.example.com"
        in said
    )
    listed = await run(store, url, tmp_path, "deliveries", "list", "--json")
    assert json.loads(listed.stdout)["state"] == "held"
