"""Keys made, put in front of others, and everything sealed again, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.delivery import Reason
from gateway.lookup import wanted
from gateway.store import Claim, KeyMissing, Process, Report, Seal, Store
from gateway.store.resealing import BATCH, Resealing
from gateway.store.sealing import key_name, make_key
from tests.builders import a_lead, a_plan
from tests.store_dump import everything

pytestmark = pytest.mark.anyio

PROGRAM = Path(sys.executable).parent / "lead-gateway"
OLD, NEW = make_key(), make_key()


async def opened(store: Store, *keys: str) -> Store:
    """The same store with these keys."""
    other = Store(store.connection.redis, store.namespace, seal=Seal(keys))
    await other.open()
    return other


async def filled(store: Store, leads: int = 3) -> list[str]:
    """Leads with a dead delivery each, an answer and a saved step; their deliveries."""
    plans = [a_plan(a_lead(f"lead-{number}")) for number in range(leads)]
    await store.leads.accept(plans)
    ids = [plan.deliveries[0][0] for plan in plans]
    await store.leases.start_worker("w1")
    (begun,) = await store.deliveries.begin("w1", [Claim("crm", ids, 5.0)])
    reports = [
        Report(
            work.id, work.number, "continue", Reason.ACCEPTED, 1, answer="Camille, step one",
            saved={"one": {"id": "Camille-1"}},
        )
        for work in begun.work
    ]  # fmt: skip
    await store.deliveries.finish("w1", reports)
    await store.rejects.keep("seloger", "no id", "Camille")
    return ids


async def rotated(store: Store) -> int:
    resealed = 0
    async for step in Resealing(store.connection, store.seal).walk():
        resealed = step.resealed
    return resealed


async def test_after_a_rotation_the_new_key_alone_reads_everything(store: Store) -> None:
    ids = await filled(await opened(store, OLD))
    both = await opened(store, NEW, OLD)
    assert await rotated(both) == 3 * len(ids) + 1
    new = await opened(store, NEW)
    page = await new.leads.page()
    assert {item.lead.contact.full_name for item in page.items} == {"Camille Essai"}
    for item in ids:
        found = await new.deliveries.get(item)
        assert found is not None
        assert [attempt.answer for attempt in found.attempts] == ["Camille, step one"]
    (begun,) = await new.deliveries.begin("w1", [Claim("crm", ids, 5.0)])
    assert [work.saved for work in begun.work] == [{"one": {"id": "Camille-1"}}] * 3
    assert [item.raw for item in (await new.rejects.page()).items] == ["Camille"]
    assert len(await new.index.find(wanted("Camille"))) == 3


async def test_the_old_key_is_needed_until_the_rotation_ended(store: Store) -> None:
    await filled(await opened(store, OLD), leads=BATCH + 5)
    both = await opened(store, NEW, OLD)
    walk = Resealing(both.connection, both.seal).walk()
    await anext(walk)
    await anext(walk)
    await walk.aclose()
    with pytest.raises(KeyMissing, match=key_name(OLD)):
        await opened(store, NEW)


async def test_an_interrupted_rotation_goes_on_where_it_was(store: Store) -> None:
    await filled(await opened(store, OLD), leads=3 * BATCH)
    both = await opened(store, NEW, OLD)
    walk = Resealing(both.connection, both.seal).walk()
    steps = [await anext(walk) for _ in range(3)]
    await walk.aclose()
    assert (steps[-1].done, steps[-1].resealed) == (2 * BATCH, 2 * BATCH)
    again = Resealing(both.connection, both.seal).walk()
    first = await anext(again)
    assert (first.done, first.resealed) == (2 * BATCH, 0)
    resealed = 0
    async for step in again:
        resealed = step.resealed
    # A third of the bodies, the one rejected item, and of each delivery a step and an answer.
    assert resealed == BATCH + 1 + 2 * 3 * BATCH
    await opened(store, NEW)


async def test_a_second_rotation_finds_nothing_to_do(store: Store) -> None:
    await filled(await opened(store, OLD))
    both = await opened(store, NEW, OLD)
    await rotated(both)
    assert await rotated(both) == 0


async def test_what_was_written_meanwhile_is_not_overwritten(store: Store) -> None:
    old = await opened(store, OLD)
    (delivery,) = await filled(old, leads=1)
    before = await old.deliveries.get(delivery)
    assert before is not None
    both = await opened(store, NEW, OLD)
    rotation = Resealing(both.connection, both.seal)
    await both.connection.command(
        "HSET", both.connection.key("lead", before.lead_uid), "body", b"written meanwhile"
    )
    changed = await rotation._swap(
        [(f"lead:{before.lead_uid}", [("body", b"as it was read", b"sealed again")])]
    )
    assert changed == 0
    kept = await both.connection.command(
        "HGET", both.connection.key("lead", before.lead_uid), "body"
    )
    assert kept == b"written meanwhile"


async def test_a_store_in_the_open_is_sealed_by_the_same_walk(store: Store) -> None:
    await filled(store)
    assert b"Camille" in await everything(store)
    sealed = await opened(store, NEW)
    await rotated(sealed)
    assert b"Camille" not in await everything(store)
    assert await store.connection.command("HGET", store.connection.key("meta"), "rewrite_wanted")


async def run(
    store: Store, url: str, folder: Path, *arguments: str, keys: str = ""
) -> subprocess.CompletedProcess[str]:
    environ = {
        "REDIS_URL": url,
        "LEAD_GATEWAY_NAMESPACE": store.namespace,
        "LEAD_GATEWAY_ENCRYPTION_KEYS": keys,
    }
    return await asyncio.to_thread(
        subprocess.run,
        [PROGRAM, *arguments],
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )


async def test_from_the_command_line(store: Store, valkey_url: str, tmp_path: Path) -> None:
    made = (await run(store, valkey_url, tmp_path, "keys", "generate")).stdout.strip()
    await filled(await opened(store, OLD))
    none = await run(store, valkey_url, tmp_path, "keys", "rotate")
    assert (none.returncode, "keys generate" in none.stderr) == (2, True)
    shut = await run(store, valkey_url, tmp_path, "keys", "rotate", keys=made)
    assert (shut.returncode, key_name(OLD) in shut.stderr) == (2, True)
    done = await run(store, valkey_url, tmp_path, "keys", "rotate", keys=f"{made},{OLD}")
    assert (done.returncode, done.stdout) == (
        0,
        f"10 values sealed again with the key {key_name(made)}\n",
    )
    again = await run(store, valkey_url, tmp_path, "keys", "rotate", "--json", keys=made)
    assert json.loads(again.stdout.splitlines()[-1])["resealed"] == 0
    for text in (done.stdout, done.stderr, shut.stderr, none.stderr, again.stderr):
        assert made not in text
        assert OLD not in text


async def test_a_role_that_still_seals_with_another_key_stops_the_rotation(
    store: Store, valkey_url: str, tmp_path: Path
) -> None:
    both = await opened(store, NEW, OLD)
    role = Process("p1", "worker", "host-1", 7, "1", "d", 0.0, key=key_name(OLD))
    await both.processes.here(role)
    refused = await run(store, valkey_url, tmp_path, "keys", "rotate", keys=f"{NEW},{OLD}")
    assert refused.returncode == 1
    assert "worker on host-1 (7)" in refused.stderr
