"""A real Valkey of a test's own, that it may starve, stop, restart and look into."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from pathlib import Path

from gateway.embedded import find_server

DEADLINE = 20.0


class Server:
    """One server in one folder; what it keeps there outlives it. Ended by its own id."""

    def __init__(self, folder: Path, *, socket: Path | None = None, **settings: str) -> None:
        self.folder = folder
        self.socket = socket or folder / "v.sock"
        self._settings = {"save": "", **{k.replace("_", "-"): v for k, v in settings.items()}}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    async def start(self, **also: str) -> None:
        """Start it and wait until it listens (it may still be loading)."""
        self.socket.unlink(missing_ok=True)
        options = {"port": "0", "unixsocket": str(self.socket), "dir": str(self.folder)}
        options |= self._settings | {k.replace("_", "-"): v for k, v in also.items()}
        arguments = [cell for name, value in options.items() for cell in (f"--{name}", value)]
        self._process = subprocess.Popen([find_server(), *arguments], stdout=subprocess.DEVNULL)
        await listening(self.socket)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    def freeze(self) -> None:
        """Let it stand still: connections stay open and nothing is answered."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGCONT)


async def listening(path: Path) -> None:
    """Wait until somebody listens there: the file alone is there a moment earlier."""
    async with asyncio.timeout(DEADLINE):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_unix_connection(path)
                writer.close()
                return
            await asyncio.sleep(0.01)
