"""Many dead letters replayed on a terminal, cut off by Ctrl-C in the middle, and replayed again."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import signal
import subprocess
import sys
import termios
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.delivery import Reason, delivery_id
from gateway.sandbox.server import serve
from gateway.sandbox.sinks import CrmSink
from gateway.store import Claim, Report, Store
from tests.builders import a_lead, a_plan

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

PROGRAM = Path(sys.executable).parent / "lead-gateway"
MANY = 2000
PART = 114
"""Requests to the store within which half of it is done: 94 look for them, 40 replay them."""
YAML = """version: 1
sources: {{website: {{kind: push, token: website-token}}}}
destinations: {{crm: {{kind: webhook, url: "{url}/leads", concurrency: 100}}}}
network: {{allow: [127.0.0.0/8]}}
"""
REPLAY = ("dead-letters", "replay", "--destination", "crm", "--yes")
CTRL_C = b"\x03"
MOVING = re.compile(rb"\b[1-9]\d?%")


async def dead_letters(store: Store, count: int) -> None:
    """So many deliveries that were refused."""
    await store.leases.start_worker("w1")
    for start in range(0, count, 200):
        names = [f"lead-{n}" for n in range(start, min(start + 200, count))]
        await store.leads.accept([a_plan(a_lead(name)) for name in names])
        ids = [delivery_id("seloger", name, "crm") for name in names]
        (begun,) = await store.deliveries.begin("w1", [Claim("crm", ids, 5.0)])
        await store.deliveries.finish(
            "w1",
            [Report(work.id, work.number, "refused", Reason.REJECTED, 1) for work in begun.work],
        )


def environ(store: Store, url: str) -> dict[str, str]:
    return {
        **os.environ,
        "REDIS_URL": url,
        "LEAD_GATEWAY_NAMESPACE": store.namespace,
        "LEAD_GATEWAY_LOG_LEVEL": "warning",
        "TERM": "xterm",
    }


def at_a_terminal() -> None:
    """As a shell that somebody sits at starts a command, however these tests were started: what is
    run in the background hands on that Ctrl-C means nothing.
    """
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Midway:
    """A way to the store that lets so many requests through, and the others once it is opened."""

    def __init__(self, url: str, requests: int) -> None:
        self._socket, self._left = urlsplit(url).path, requests
        self._loop, self._open = asyncio.get_running_loop(), asyncio.Event()
        self._ways: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Let everything through; from any thread."""
        self._loop.call_soon_threadsafe(self._open.set)

    @asynccontextmanager
    async def at(self, socket: Path) -> AsyncIterator[str]:
        async with await asyncio.start_unix_server(self._lead, socket):
            yield f"unix://{socket}"
            self._open.set()
            await asyncio.gather(*self._ways)

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (way := asyncio.current_task()) is not None:
            self._ways.add(way)
        to = await asyncio.open_unix_connection(self._socket)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry(reader, to[1], held=True))
                both.create_task(self._carry(to[0], writer, held=False))
        except* ConnectionError:
            pass  # the command hung up
        finally:
            writer.close()
            to[1].close()

    async def _carry(
        self, here: asyncio.StreamReader, there: asyncio.StreamWriter, *, held: bool
    ) -> None:
        while piece := await here.read(2**20):
            self._left -= held
            if held and self._left < 0:
                await self._open.wait()
            there.write(piece)
            await there.drain()
        there.close()


def interrupted(folder: Path, variables: dict[str, str], way: Midway) -> tuple[int, str]:
    """Ctrl-C on the command's terminal once its bar moves; the exit code and all that was seen."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, *REPLAY], cwd=folder, env=variables, stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True, preexec_fn=at_a_terminal,
    )  # fmt: skip
    os.close(theirs)
    seen, pressed = b"", False
    try:
        while piece := os.read(ours, 4096):
            seen += piece
            if not pressed and MOVING.search(seen):
                os.write(ours, CTRL_C)
                pressed = True
                way.open()
    except OSError:
        pass  # Linux's way to say that the other end is closed
    os.close(ours)
    return process.wait(30), seen.decode()


async def test_a_great_replay_cut_off_and_repeated_sends_each_lead_once(
    store: Store, valkey_url: str, tmp_path: Path
) -> None:
    variables, crm = environ(store, valkey_url), CrmSink()
    await dead_letters(store, MANY)
    async with serve(crm.app()) as url:
        (tmp_path / "gateway.yaml").write_text(YAML.format(url=url))
        worker = subprocess.Popen([PROGRAM, "worker"], cwd=tmp_path, env=variables)
        try:
            way = Midway(valkey_url, PART)
            async with way.at(tmp_path / "way.sock") as led:
                there = {**variables, "REDIS_URL": led}
                code, seen = await asyncio.to_thread(interrupted, tmp_path, there, way)
            done = re.search(rf"Interrupted after (\d+) of {MANY}: the same command", seen)
            assert done, seen[-500:]
            assert (code, 0 < int(done[1]) < MANY) == (130, True)
            again = await asyncio.to_thread(
                subprocess.run, [PROGRAM, *REPLAY],
                cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=60,
            )  # fmt: skip
            assert again.returncode == 0
            await crm.got.wait_for(MANY, 60)
            async with asyncio.timeout(30):
                while (await store.destinations.describe(["crm"]))[0].delivering:
                    await asyncio.sleep(0.05)
        finally:
            worker.terminate()
            await asyncio.to_thread(worker.wait, 20)
    (state,) = await store.destinations.describe(["crm"])
    assert (state.delivered, state.pending, state.retrying, state.dead) == (MANY, 0, 0, 0)
    assert Counter(crm.got.by_id.values()) == {1: MANY}
    entries = (await store.audit.page()).items
    assert [entry.did for entry in entries] == ["dead-letters.replay"] * 2
    # What the command was cut off in the middle of may have been done without being counted.
    assert MANY - 100 <= sum(entry.count or 0 for entry in entries) <= MANY
