"""SMTP: connections opened under the address guard and kept, and one mail handed in over one.

Owns what the protocol does: encryption as asked, signing in, who of the recipients was refused. It
writes no mail, and what an answer means for a delivery is for the destination.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from gateway.addresses import AddressGuard, BlockedAddress, guarded_socket

KEPT = 8
"""Idle connections kept per destination."""
IDLE_FOR = 20.0
"""Seconds after which an idle connection is not trusted any more."""
_CHECK = 3.0
"""Seconds that a kept connection has to say that it is alive."""


class Unencrypted(Exception):
    """The server is on the open internet, and the configuration wants no encryption."""


@dataclass(frozen=True, slots=True)
class SmtpAddress:
    """Where and how to hand in mail. ``encryption``: starttls, implicit or none."""

    host: str
    port: int
    encryption: str
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> SmtpAddress:
        """``smtp://user:pass@host:587?starttls=required``, ``smtps://…:465``. Raises ValueError."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError("write the host, and the port as a number: host:587") from None
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("write it as smtp://user:password@mail.example.com:587")
        if parts.path.strip("/") or parts.fragment:
            raise ValueError("in user and password write / as %2F, # as %23 and @ as %40")
        options = parse_qs(parts.query, keep_blank_values=True)
        implicit = parts.scheme == "smtps"
        starttls = options.pop("starttls", ["required"])[-1]
        if options or starttls not in ("required", "never") or (implicit and parts.query):
            raise ValueError("the only option is ?starttls=required or never, and of smtp:// alone")
        return cls(
            host=parts.hostname,
            port=port or (465 if implicit else 587),
            encryption="implicit" if implicit else "starttls" if starttls == "required" else "none",
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a server: its code and its words."""

    code: int
    words: str


@dataclass(frozen=True, slots=True)
class Handed:
    """What the server said to one mail: to each recipient it refused, and to the whole of it.

    ``whole`` is None when nobody was left to send it to.
    """

    refused: dict[str, Answer]
    whole: Answer | None


@dataclass(slots=True)
class Handing:
    """One mail on its way. ``in_full``: the server may have it, whatever happens from here on."""

    sender: str
    recipients: Sequence[str]
    content: bytes
    in_full: bool = False

    async def over(self, client: aiosmtplib.SMTP) -> Handed:
        """Hand the mail in. Raises what aiosmtplib raises when the connection does not hold."""
        try:
            # Without this a server of limited size would only say so after the whole mail.
            sized = client.supports_extension("size")
            options = [f"SIZE={len(self.content)}"] if sized else []
            await client.mail(self.sender, options=options)
            refused = {}
            for recipient in self.recipients:
                try:
                    await client.rcpt(recipient)
                except aiosmtplib.SMTPRecipientRefused as error:
                    refused[recipient] = Answer(error.code, error.message)
                    if error.code == aiosmtplib.SMTPStatus.domain_unavailable:
                        raise
            if len(refused) == len(self.recipients):
                await client.rset()
                return Handed(refused, None)
            self.in_full = True
            response = await client.data(self.content)
            return Handed(refused, Answer(response.code, response.message))
        except aiosmtplib.SMTPResponseException:
            self.in_full = False  # it said no: it does not have the mail
            raise


class SmtpPool:
    """Connections to one server. At most :data:`KEPT` wait idle; each serves one mail at a time."""

    def __init__(self, address: SmtpAddress, guard: AddressGuard) -> None:
        self.address = address
        self._guard = guard
        self._idle: list[tuple[float, aiosmtplib.SMTP]] = []
        self._tls: ssl.SSLContext | None = None

    @contextlib.asynccontextmanager
    async def connection(self, timeout: float) -> AsyncIterator[aiosmtplib.SMTP]:
        """A connection that answered just now; kept if the server still speaks SMTP after it."""
        client = await self._reuse() or await self._open(timeout)
        try:
            yield client
        except aiosmtplib.SMTPResponseException as error:
            # A plain no to a mail leaves the connection as good as it was, once that mail is reset.
            if not 400 <= error.code < 600 or not await _reset(client):
                client.close()
            raise
        except BaseException:
            client.close()
            raise
        finally:
            if client.is_connected and len(self._idle) < KEPT:
                self._idle.append((time.monotonic(), client))
            else:
                client.close()

    async def _reuse(self) -> aiosmtplib.SMTP | None:
        while self._idle:
            since, client = self._idle.pop()
            fresh = client.is_connected and time.monotonic() - since < IDLE_FOR
            if fresh and await _reset(client):
                return client
            client.close()
        return None

    async def _open(self, timeout: float) -> aiosmtplib.SMTP:
        place = self.address
        connection = await guarded_socket(place.host, place.port, self._guard, timeout)
        if place.encryption == "none" and _is_on_the_internet(connection.getpeername()[0]):
            connection.close()
            raise Unencrypted
        client = aiosmtplib.SMTP(
            hostname=place.host,
            port=None,
            sock=connection,
            use_tls=place.encryption == "implicit",
            start_tls=place.encryption == "starttls",
            tls_context=self._context() if place.encryption != "none" else None,
            username=place.username,
            password=place.password,
            timeout=timeout,
        )
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:
                with contextlib.suppress(aiosmtplib.SMTPHeloError):  # then it is asked with HELO
                    await client.ehlo()
        except BaseException:
            client.close()
            connection.close()
            raise
        return client

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:  # reading the authorities takes a moment: once per destination
            self._tls = ssl.create_default_context()
            self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        return self._tls

    async def close(self) -> None:
        """Say goodbye on every idle connection."""
        idle, self._idle = self._idle, []
        for _, client in idle:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                async with asyncio.timeout(2.0):
                    await client.quit()
            client.close()


async def _reset(client: aiosmtplib.SMTP) -> bool:
    try:
        await client.rset(timeout=_CHECK)
    except (aiosmtplib.SMTPException, OSError):
        return False
    except BaseException:
        client.close()
        raise
    return client.is_connected


def _is_on_the_internet(address: str) -> bool:
    try:
        AddressGuard().check(address)
    except BlockedAddress:
        return False
    return True
