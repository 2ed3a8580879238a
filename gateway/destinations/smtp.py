"""SMTP: connections opened under the address guard and kept, and one mail handed in over one.

Owns what the protocol does: encryption as asked, signing in, who of the recipients was refused,
when a connection is used again and when it is let go. It writes no mail, and what an answer means
for a delivery is for the destination.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiosmtplib

from gateway.addresses import AddressGuard, BlockedAddress, guarded_socket
from gateway.destinations.smtp_address import SmtpAddress
from gateway.trust import trusting

KEPT = 8
"""Idle connections kept per destination."""
IDLE_FOR = 20.0
"""Seconds after which an idle connection is let go: servers let go of theirs not much later."""
MAILS = 100
"""Mails over one connection: many servers end it at some number of their own."""
_CHECK = 3.0
"""Seconds that a kept connection has to say that it is alive."""

NOT_TAKEN = "5.6.7 this server takes no address with letters outside of ASCII (SMTPUTF8)"


class Unencrypted(Exception):
    """The server is on the open internet, and the configuration wants no encryption."""


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
    """One mail on its way. ``in_full``: the server may have it, whatever happens from here on.

    ``international``: it can go only to a server that speaks SMTPUTF8 (RFC 6531).
    """

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    international: bool = False
    in_full: bool = False

    async def over(self, client: aiosmtplib.SMTP) -> Handed:
        """Hand the mail in. Raises what aiosmtplib raises when the connection does not hold."""
        if self.international and not client.supports_extension("smtputf8"):
            answer = Answer(553, NOT_TAKEN)
            return Handed(dict.fromkeys(self.recipients, answer), None)
        encoding = "utf-8" if self.international else "ascii"
        try:
            await client.mail(self.sender, options=self._options(client), encoding=encoding)
            refused = {}
            for recipient in self.recipients:
                try:
                    await client.rcpt(recipient, encoding=encoding)
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

    def _options(self, client: aiosmtplib.SMTP) -> list[str]:
        # Without the size a server of limited size would only say so after the whole mail.
        sized = client.supports_extension("size")
        return [f"SIZE={len(self.content)}"] * sized + ["SMTPUTF8"] * self.international


@dataclass(slots=True)
class _Idle:
    """A connection that waits for its next mail. ``since`` is of the loop's clock."""

    client: aiosmtplib.SMTP
    mails: int
    since: float = 0.0


@dataclass(slots=True)
class SmtpPool:
    """Connections to one server. At most :data:`KEPT` wait idle; each serves one mail at a time."""

    address: SmtpAddress
    guard: AddressGuard = field(repr=False)
    ca_file: Path | None = None
    """Authorities besides the system's; read at the first connection."""
    _idle: list[_Idle] = field(default_factory=list)
    _timer: asyncio.TimerHandle | None = None
    _tls: ssl.SSLContext | None = None

    async def hand_in(self, handing: Handing, timeout: float) -> Handed:
        """Hand one mail in over a kept connection or a new one.

        A kept one may have ended since it was last heard: as long as the server can not have the
        mail, it is handed in again over a new one. Raises as :meth:`Handing.over` does.
        """
        try:
            async with self._kept() as client:
                if client is not None:
                    return await handing.over(client)
        except (aiosmtplib.SMTPResponseException, aiosmtplib.SMTPServerDisconnected) as error:
            if handing.in_full or getattr(error, "code", 421) != 421:
                raise
        async with self.connection(timeout) as client:
            return await handing.over(client)

    @contextlib.asynccontextmanager
    async def connection(self, timeout: float) -> AsyncIterator[aiosmtplib.SMTP]:
        """A new connection; kept if the server still speaks SMTP after it."""
        async with self._used(_Idle(await self._open(timeout), 0)) as client:
            yield client

    @contextlib.asynccontextmanager
    async def _kept(self) -> AsyncIterator[aiosmtplib.SMTP | None]:
        """A kept connection that answered just now, or None."""
        idle = await self._reuse()
        if idle is None:
            yield None
        else:
            async with self._used(idle) as client:
                yield client

    @contextlib.asynccontextmanager
    async def _used(self, idle: _Idle) -> AsyncIterator[aiosmtplib.SMTP]:
        client = idle.client
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
            self._keep(client, idle.mails + 1)

    def _keep(self, client: aiosmtplib.SMTP, mails: int) -> None:
        if not client.is_connected or len(self._idle) >= KEPT or mails >= MAILS:
            _leave(client)
            return
        loop = asyncio.get_running_loop()
        self._idle.append(_Idle(client, mails, loop.time()))
        if self._timer is None:
            self._timer = loop.call_later(IDLE_FOR, self._let_go)

    def _let_go(self) -> None:
        """End what has been idle for too long, and come back for the rest."""
        loop = asyncio.get_running_loop()
        old, self._timer = loop.time() - IDLE_FOR, None
        for idle in [item for item in self._idle if item.since <= old]:
            self._idle.remove(idle)
            _leave(idle.client)
        if self._idle:
            self._timer = loop.call_at(self._idle[0].since + IDLE_FOR, self._let_go)

    async def _reuse(self) -> _Idle | None:
        while self._idle:
            idle = self._idle.pop()
            if idle.client.is_connected and await _reset(idle.client):
                return idle
            idle.client.close()
        return None

    async def _open(self, timeout: float) -> aiosmtplib.SMTP:
        place = self.address
        connection = await guarded_socket(place.host, place.port, self.guard, timeout)
        if place.encryption == "none" and _is_on_the_internet(connection.getpeername()[0]):
            connection.close()
            raise Unencrypted
        client = aiosmtplib.SMTP(
            hostname=place.host,
            port=None,
            local_hostname=_our_name(connection),
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
            self._tls = trusting(self.ca_file)
        return self._tls

    async def close(self) -> None:
        """Say goodbye on every idle connection."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        idle, self._idle = self._idle, []
        for one in idle:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                async with asyncio.timeout(2.0):
                    await one.client.quit()
            one.client.close()


def _our_name(connection: socket.socket) -> str:
    """What to say in EHLO, without asking a name server, which may take long to answer.

    The machine's name if it is a whole one, else the address that the server sees (RFC 5321
    §4.1.3).
    """
    name = socket.gethostname()
    if "." in name and name.isascii() and not name.endswith(".local"):
        return name
    address = str(connection.getsockname()[0]).partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _leave(client: aiosmtplib.SMTP) -> None:
    """Say goodbye and do not wait for the answer."""
    if client.is_connected and isinstance(client.transport, asyncio.WriteTransport):
        client.transport.write(b"QUIT\r\n")
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
