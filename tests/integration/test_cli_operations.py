"""Operating a store with something in it from the command line, as a process."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.delivery import State, delivery_id
from gateway.store import Store
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
