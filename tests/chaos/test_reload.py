"""A new configuration is taken over between deliveries; a bad one changes nothing and says why."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from gateway.sandbox.server import serve
from gateway.sandbox.sinks import CrmSink
from gateway.store import Process, Store
from gateway.wiring import open_store
from tests.chaos.conftest import PROGRAM, SECRET, Town

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

SECOND = """
  second:
    kind: webhook
    url: {url}/leads
    sign: {{standard_webhooks: "{secret}"}}
network:"""


@dataclass
class Running:
    """A town whose gateway runs as one program, every role in a process of its own."""

    town: Town
    store: Store
    web: str

    async def processes(self, ready: Callable[[list[Process]], bool]) -> list[Process]:
        """The roles, once they are as they are wanted."""
        async with asyncio.timeout(30):
            while True:
                found = await self.store.processes.running()
                if len(found) == 3 and ready(found):
                    return found
                await asyncio.sleep(0.05)

    async def readyz(self) -> Any:
        async with httpx.AsyncClient() as client:
            return (await client.get(f"{self.web}/readyz")).json()

    async def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(
            subprocess.run,
            [PROGRAM, *words, "--config", str(self.town.config)],
            env=self.town.environ, capture_output=True, text=True, timeout=60,
        )  # fmt: skip


@pytest.fixture
async def running(town: Town) -> AsyncIterator[Running]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    town.start("run", options=("--port", str(port)))
    async with open_store(town.settings) as (store, _):
        made = Running(town, store, f"http://127.0.0.1:{port}")
        await made.processes(lambda found: all(item.digest for item in found))
        yield made


async def test_a_hangup_brings_a_destination_that_gets_the_next_lead(running: Running) -> None:
    town, second = running.town, CrmSink(SECRET)
    async with serve(second.app()) as url:
        town.portal.add(1)
        await town.all_arrived(1, 30)
        before = await running.processes(lambda found: True)
        added = SECOND.format(url=url, secret=SECRET)
        town.config.write_text(town.config.read_text().replace("\nnetwork:", added))
        town.roles["run"].send_signal(signal.SIGHUP)
        digest = before[0].digest
        after = await running.processes(lambda found: all(p.digest != digest for p in found))
        town.portal.add(1)
        await second.got.wait_for(1, 30)
        await town.all_arrived(2, 30)
    # The same processes, another configuration: nothing was started anew.
    assert {item.id for item in after} == {item.id for item in before}
    assert len(town.crm.got.by_id) == 2
    assert len(second.got.by_id) == 1


async def test_a_bad_file_keeps_the_old_configuration_and_says_why_everywhere(
    running: Running,
) -> None:
    town, good = running.town, running.town.config.read_text()
    town.config.write_text(good.replace("kind: webhook", "kind: webhok"))
    asked = await running.command("reload")
    town.roles["run"].send_signal(signal.SIGHUP)
    await running.processes(lambda found: all("webhook" in item.problem for item in found))
    ready, status = await running.readyz(), await running.command("status", "--json")
    town.portal.add(1)
    await town.all_arrived(1, 30)
    town.config.write_text(good)
    mended = await running.command("reload", "--json")
    well = await running.readyz()
    assert asked.returncode == 2
    assert "gateway.yaml:14" in asked.stderr
    warned = {item["state"] for item in ready["warnings"]}
    assert "configuration" in warned
    assert "webhook" in status.stdout
    log = (town.config.parent / "run.log").read_text()
    assert "the old one stays" in log
    answers = [json.loads(line) for line in mended.stdout.splitlines()]
    assert (mended.returncode, len(answers)) == (0, 3), mended.stdout + mended.stderr
    assert {item["problem"] for item in answers} == {None}
    assert "configuration" not in {item["state"] for item in well["warnings"]}


@pytest.mark.chaos
async def test_a_delivery_in_flight_ends_by_the_configuration_it_began_with(
    running: Running,
) -> None:
    town = running.town
    town.crm.delay = 2.0
    town.portal.add(3)
    await _in_flight(running, 3)
    text = town.config.read_text()
    town.config.write_text(text.replace("timeout: 5s", "timeout: 6s"))
    done = await running.command("reload")
    await town.all_arrived(3, 30)
    assert done.returncode == 0, done.stdout + done.stderr
    assert town.crm.got.repeated == 0


async def _in_flight(running: Running, count: int) -> None:
    async with asyncio.timeout(20):
        while True:
            page = await running.store.deliveries.page()
            if sum(item.state == "delivering" for item in page.items) == count:
                return
            await asyncio.sleep(0.02)
