"""One row per kind of destination: how to build it, and receivers that treat it well and badly.

A new kind is one row in ``ROWS``. Where a protocol knows no redirect or no Retry-After, the row
has None there, and the suite leaves out that one promise.
"""

from __future__ import annotations

import asyncio
import email
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.addresses import AddressGuard
from gateway.destinations import EmailConfig, SlackConfig, Surroundings, WebhookConfig
from gateway.destinations import build as build_destination
from gateway.destinations.common import DestinationConfig
from gateway.destinations.protocol import Destination
from gateway.oauth import OwnTokens
from gateway.render import Renderer
from tests import wire

SECRETS = ("hush-password", "hush-token", "hush-signing", "hush-path")
"""Every row puts those of them that its kind can hold into its configuration."""


@dataclass
class Inbox:
    """What arrived, message by message, as raw bytes: head, blank line, body."""

    messages: list[bytes] = field(default_factory=list)

    def heads(self) -> list[list[bytes]]:
        """The lines above each body."""
        return [re.split(rb"\r?\n", re.split(rb"\r?\n\r?\n", m)[0]) for m in self.messages]


Build = Callable[[int, AddressGuard, str], Destination]
Receiver = Callable[[Inbox], wire.Script]


@dataclass(frozen=True)
class Kind:
    """One kind of destination under test.

    ``build(port, guard, timeout)`` makes one that delivers to 127.0.0.1 at ``port``, and
    ``build_tls`` one that encrypts. ``identity`` finds in a message what is the same on every
    attempt. The other fields are receivers.
    """

    build: Build
    build_tls: Build
    identity: Callable[[bytes], bytes]
    accepts: Receiver
    defers: Receiver
    refuses: Receiver
    chatters: Receiver
    hangs_before: Receiver
    hangs_after: Receiver
    breaks_off: Receiver
    garbles: Receiver
    redirects: Callable[[Inbox, str], wire.Script] | None = None
    throttles: Receiver | None = None


def _built(config: DestinationConfig, guard: AddressGuard) -> Destination:
    return build_destination("it", config, Surroundings(Renderer(), guard, OwnTokens()))


# HTTP


def _http(status: int, body: bytes = b"", **headers: str) -> Receiver:
    given = {name.replace("_", "-"): value for name, value in headers.items()}

    def receiver(inbox: Inbox) -> wire.Script:
        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                request = await wire.read_request(reader)
                if request.method == "POST":
                    head = "\n".join(f"{name}: {value}" for name, value in request.headers.items())
                    inbox.messages.append(head.encode() + b"\n\n" + request.body)
                writer.write(wire.answer(status, body, given))
                await writer.drain()

        return script

    return receiver


def _any(script: wire.Script) -> Receiver:
    return lambda inbox: script


def _redirecting(inbox: Inbox, elsewhere: str) -> wire.Script:
    return _http(307, location=elsewhere)(inbox)


def _webhook(scheme: str) -> Build:
    def build(port: int, guard: AddressGuard, timeout: str) -> Destination:
        config = WebhookConfig.model_validate(
            {
                "url": f"{scheme}://127.0.0.1:{port}/leads?token=hush-path",
                "headers": {"X-Api-Key": "hush-password"},
                "auth": {"bearer": "hush-token"},
                "sign": {"standard_webhooks": "hush-signing"},
                "timeout": timeout,
            }
        )
        return _built(config, guard)

    return build


def _slack(scheme: str) -> Build:
    def build(port: int, guard: AddressGuard, timeout: str) -> Destination:
        config = SlackConfig.model_validate(
            {"webhook_url": f"{scheme}://127.0.0.1:{port}/services/hush-path", "timeout": timeout}
        )
        return _built(config, guard)

    return build


def _header(name: bytes) -> Callable[[bytes], bytes]:
    def found(message: bytes) -> bytes:
        return str(email.message_from_bytes(message)[name.decode()]).encode()

    return found


# SMTP


def _smtp(rcpt: str = "250 ok", data: str | None = "250 queued") -> Receiver:
    """A mail server that gives these answers; without one to the data, it hangs up after it."""

    def receiver(inbox: Inbox) -> wire.Script:
        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            def say(*lines: str) -> None:
                writer.write("".join(f"{line}\r\n" for line in lines).encode())

            say("220 sink.example ready")
            while line := await reader.readline():
                verb = line.split()[0].upper().decode("ascii", "replace") if line.split() else ""
                match verb:
                    case "EHLO" | "HELO":
                        say("250-sink.example", "250 AUTH PLAIN LOGIN")
                    case "AUTH":
                        say("235 signed in")
                    case "RCPT":
                        say(rcpt)
                    case "DATA":
                        say("354 go on")
                        inbox.messages.append(await reader.readuntil(b"\r\n.\r\n"))
                        if data is None:
                            return
                        if not data:
                            await asyncio.Event().wait()
                        say(data)
                    case "QUIT":
                        say("221 bye")
                        return
                    case _:
                        say("250 ok")

        return script

    return receiver


def _email(scheme: str, options: str) -> Build:
    def build(port: int, guard: AddressGuard, timeout: str) -> Destination:
        config = EmailConfig.model_validate(
            {
                "smtp": f"{scheme}://desk:hush-password@127.0.0.1:{port}{options}",
                "from": "Leads <leads@agency.example>",
                "to": ["desk@agency.example"],
                "timeout": timeout,
            }
        )
        return _built(config, guard)

    return build


ROWS: dict[str, Kind] = {
    "webhook": Kind(
        build=_webhook("http"),
        build_tls=_webhook("https"),
        identity=_header(b"webhook-id"),
        accepts=_http(202, b"stored"),
        defers=_http(500),
        refuses=_http(422),
        chatters=_http(500, b"no place for prospect@example.com, bearer hush-token"),
        hangs_before=_any(wire.hang_before_reading),
        hangs_after=_any(wire.hang),
        breaks_off=_any(wire.close_silently),
        garbles=_any(wire.garbage),
        redirects=_redirecting,
        throttles=_http(429, retry_after="7"),
    ),
    "slack": Kind(
        build=_slack("http"),
        build_tls=_slack("https"),
        identity=lambda message: message.partition(b"\n\n")[2],  # Slack knows no id
        accepts=_http(200, b"ok"),
        defers=_http(500),
        refuses=_http(400, b"invalid_blocks"),
        chatters=_http(500, b"no place for prospect@example.com"),
        hangs_before=_any(wire.hang_before_reading),
        hangs_after=_any(wire.hang),
        breaks_off=_any(wire.close_silently),
        garbles=_any(wire.garbage),
        redirects=_redirecting,
        throttles=_http(429, b"ratelimited", retry_after="7"),
    ),
    "email": Kind(
        build=_email("smtp", "?starttls=never"),
        build_tls=_email("smtps", ""),
        identity=_header(b"message-id"),
        accepts=_smtp(),
        defers=_smtp(data="451 later"),
        refuses=_smtp(rcpt="550 nobody here"),
        chatters=_smtp(data="451 no place for prospect@example.com"),
        hangs_before=_any(wire.hang_before_reading),
        hangs_after=_smtp(data=""),
        breaks_off=_smtp(data=None),
        garbles=_any(wire.garbage_greeting),
    ),
}
