"""SMTP connections: opened under the address guard, encrypted as asked, kept for the next mail."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from gateway.addresses import AddressGuard, guarded_socket

KEPT = 4
"""Idle connections kept per destination."""
IDLE_FOR = 20.0
"""Seconds after which an idle connection is not trusted any more."""


@dataclass(frozen=True, slots=True)
class SmtpAddress:
    """Where and how to hand in mail. ``encryption``: starttls, implicit or none."""

    host: str
    port: int
    encryption: str
    username: str | None = None
    password: str | None = None

    @classmethod
    def parse(cls, url: str) -> SmtpAddress:
        """``smtp://user:pass@host:587?starttls=required|never`` or ``smtps://…:465``. ValueError."""
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("write it as smtp://user:password@mail.example.com:587")
        starttls = parse_qs(parts.query).get("starttls", ["required"])[0]
        if starttls not in ("required", "never"):
            raise ValueError("starttls is required or never")
        implicit = parts.scheme == "smtps"
        return cls(
            host=parts.hostname,
            port=parts.port or (465 if implicit else 587),
            encryption="implicit" if implicit else "starttls" if starttls == "required" else "none",
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )


class SmtpPool:
    """Connections to one server. At most :data:`KEPT` wait idle; each serves one mail at a time."""

    def __init__(self, address: SmtpAddress, guard: AddressGuard) -> None:
        self.address = address
        self._guard = guard
        self._idle: list[tuple[float, aiosmtplib.SMTP]] = []

    @contextlib.asynccontextmanager
    async def connection(self, timeout: float) -> AsyncIterator[aiosmtplib.SMTP]:
        """A connection that answered just now; given back if the mail went through, else closed."""
        client = await self._reuse() or await self._open(timeout)
        try:
            yield client
        except BaseException:
            client.close()
            raise
        if client.is_connected and len(self._idle) < KEPT:
            self._idle.append((time.monotonic(), client))
        else:
            client.close()

    async def _reuse(self) -> aiosmtplib.SMTP | None:
        while self._idle:
            since, client = self._idle.pop()
            if client.is_connected and time.monotonic() - since < IDLE_FOR:
                with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                    await client.rset(timeout=3.0)
                    return client
            client.close()
        return None

    async def _open(self, timeout: float) -> aiosmtplib.SMTP:
        place = self.address
        connection = await guarded_socket(place.host, place.port, self._guard, timeout)
        tls = ssl.create_default_context()
        tls.minimum_version = ssl.TLSVersion.TLSv1_2
        client = aiosmtplib.SMTP(
            hostname=place.host,
            port=None,
            sock=connection,
            use_tls=place.encryption == "implicit",
            start_tls=place.encryption == "starttls",
            tls_context=tls if place.encryption != "none" else None,
            username=place.username,
            password=place.password,
            timeout=timeout,
        )
        try:
            await client.connect()
        except BaseException:
            client.close()
            connection.close()
            raise
        return client

    async def close(self) -> None:
        """Say goodbye on every idle connection."""
        idle, self._idle = self._idle, []
        for _, client in idle:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                async with asyncio.timeout(2.0):
                    await client.quit()
            client.close()
