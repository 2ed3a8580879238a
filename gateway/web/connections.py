"""Connections that may be slow on purpose: every wait of the server for a client has an end.

Owns how long a client may take to say what it wants and to take what it is answered, and how many
may be silent at once: who has waited longest makes room, so that a thousand connections that drip
keep nobody out. How long a body may take is asked where it is read (``security.read_body``).
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
from collections import OrderedDict
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_WITHIN = 10.0
"""Seconds for the head of a request, from its first byte or from the connection's beginning."""
TAKE_WITHIN = 30.0
"""Seconds for taking an answer that is larger than the buffers between us."""
REST_WITHIN = 2.0
"""Seconds for the rest of a body that nobody wants: closing at once could cost the client its
answer."""
FLUSH_WITHIN = 5.0
"""Seconds for what is still to be written when a connection is closed."""
SILENT = 512
"""Connections without a whole request at a time; the longest silent one makes room."""
SILENT_EACH = 256
"""The same of one address."""
AT_ONCE = 1024
"""Connections at a time, with requests in progress among them."""
FILES = 8192
"""Open files that are asked for: each connection is one."""

_DONE = (h11.DONE, h11.MUST_CLOSE, h11.CLOSED)


class Silent:
    """The connections that have no request in progress, in the order they fell silent."""

    def __init__(self, most: int = SILENT, each: int = SILENT_EACH) -> None:
        self._most = most
        self._each = each
        self._all: OrderedDict[Any, str] = OrderedDict()
        self._by_address: dict[str, OrderedDict[Any, None]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def add(self, connection: Any, address: str) -> list[Any]:
        """Note one; those that have to make room for it, at most one of all and one of its own."""
        self.drop(connection)
        self._all[connection] = address
        mine = self._by_address.setdefault(address, OrderedDict())
        mine[connection] = None
        crowded = []
        if len(mine) > self._each:
            crowded.append(next(iter(mine)))
        elif len(self._all) > self._most:
            crowded.append(next(iter(self._all)))
        for item in crowded:
            self.drop(item)
        return crowded

    def drop(self, connection: Any) -> None:
        """Forget one: it speaks, or it is gone."""
        address = self._all.pop(connection, None)
        if address is not None:
            mine = self._by_address[address]
            mine.pop(connection, None)
            if not mine:
                del self._by_address[address]


class PatientProtocol(H11Protocol):
    """Uvicorn's protocol, with an end to every wait. A server's connections share ``silent``."""

    silent: Silent

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head: asyncio.TimerHandle | None = None
        self._taking: asyncio.TimerHandle | None = None
        self._ending: asyncio.TimerHandle | None = None
        self._falls_silent()
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self.silent.drop(self)
        for timer in (self._head, self._taking, self._ending):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_busy():
            self._stop_waiting_for_head()
            self.silent.drop(self)
        elif self._head is None and self._ending is None:
            self._wait_for_head()

    def on_response_complete(self) -> None:
        unread = self.conn.their_state not in _DONE
        super().on_response_complete()
        if self.transport.is_closing() or self._is_busy():
            return
        self._falls_silent()
        if unread:
            self._end(REST_WITHIN)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._taking is None:
            self._taking = self.loop.call_later(TAKE_WITHIN, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._end(0.0)

    def give_up(self) -> None:
        """Close now; what can not be written soon is lost."""
        if self._head is not None:
            self._head.cancel()
            self._head = None
        self._end(0.0)

    def _is_busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _falls_silent(self) -> None:
        address = str(self.client[0]) if self.client else ""
        for crowded in self.silent.add(self, address):
            crowded.give_up()

    def _wait_for_head(self) -> None:
        self._head = self.loop.call_later(HEAD_WITHIN, self.give_up)

    def _stop_waiting_for_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _end(self, seconds: float) -> None:
        if self._ending is not None:
            self._ending.cancel()
        if seconds:
            self._ending = self.loop.call_later(seconds, self._end, 0.0)
            return
        self.transport.close()
        self._ending = self.loop.call_later(FLUSH_WITHIN, self.transport.abort)


def patient_protocol() -> type[PatientProtocol]:
    """The protocol of one server: its connections share what they know of each other."""
    return type("ServerProtocol", (PatientProtocol,), {"silent": Silent()})


def allow_files() -> None:
    """Let this process have as many files open as it may: the usual 1,024 are few connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
