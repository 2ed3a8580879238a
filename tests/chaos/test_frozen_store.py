"""A store that answers nobody for a while is waited for, never replaced by a second one."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from gateway.embedded import Embedded, EmbeddedError

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


def servers(data_dir: Path) -> list[int]:
    """The servers that run on a data directory."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if any(f"{data_dir}/" in cell for cell in process.info["cmdline"] or ())
    ]


async def test_a_store_that_does_not_answer_gets_no_second_one_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.embedded.START_DEADLINE", 3.0)
    first, second = Embedded(tmp_path), Embedded(tmp_path)
    await first.attach()
    pid = first.pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(EmbeddedError, match="does not answer"):
            await second.attach()
        assert servers(tmp_path) == [pid]
    finally:
        os.kill(pid, signal.SIGCONT)
    await second.attach()
    assert servers(tmp_path) == [pid]
    await second.detach()
    await first.detach()
    assert servers(tmp_path) == []
