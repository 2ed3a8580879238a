"""The e-mail: a lead as a mail that an agent reads on a phone, or that software parses."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses, parseaddr
from typing import Any, Literal

import aiosmtplib
import css_inline
from pydantic import Field, SecretStr, field_validator

from gateway import __version__
from gateway.addresses import AddressGuard, BlockedAddress
from gateway.contact import normal_email
from gateway.delivery import Continue, Deferred, Delivered, Message, Outcome, Reason, Refused
from gateway.destinations.common import DestinationConfig
from gateway.destinations.protocol import Preview, VerifyError
from gateway.destinations.smtp import SmtpAddress, SmtpPool
from gateway.formats import one_line
from gateway.lead import Lead
from gateway.masking import mask
from gateway.render import Renderer, TemplateError

_INLINER = css_inline.CSSInliner(
    keep_style_tags=True, load_remote_stylesheets=False, inline_style_tags=True
)


class EmailConfig(DestinationConfig):
    """``kind: email`` in gateway.yaml."""

    kind: Literal["email"] = "email"
    smtp: SecretStr
    sender: str = Field(alias="from")
    to: tuple[str, ...] = Field(min_length=1, max_length=20)
    cc: tuple[str, ...] = Field(default=(), max_length=20)
    bcc: tuple[str, ...] = Field(default=(), max_length=20)
    template: str = Field(default="new-lead", pattern=r"^[A-Za-z0-9_-]+$")

    @property
    def host(self) -> tuple[str, str]:
        """See :class:`DestinationConfig`."""
        return "smtp", SmtpAddress.parse(self.smtp.get_secret_value()).host

    @property
    def template_files(self) -> tuple[tuple[str, str, bool], ...]:
        """See :class:`DestinationConfig`."""
        parts = (("subject.txt", True), ("body.txt", True), ("body.html", False))
        return tuple(("template", f"email/{self.template}/{name}", must) for name, must in parts)

    @field_validator("smtp")
    @classmethod
    def _usable(cls, value: SecretStr) -> SecretStr:
        SmtpAddress.parse(value.get_secret_value())
        return value

    @field_validator("sender")
    @classmethod
    def _an_address(cls, value: str) -> str:
        if normal_email(parseaddr(value)[1]) is None:
            raise ValueError('write it as "Leads <leads@agency.example>"')
        return value


@dataclass(frozen=True, slots=True)
class PreparedMail:
    """One mail, complete, and the addresses it still has to reach."""

    message: EmailMessage
    sender: str
    recipients: tuple[str, ...]

    def preview(self) -> Preview:
        head = [(name, str(value)) for name, value in self.message.items()]
        parts = [
            (part.get_content_type(), part.get_content())
            for part in self.message.walk()
            if not part.is_multipart()
        ]
        return Preview(f"mail to {len(self.recipients)} recipient(s)", head, parts)


class EmailDestination:
    """Hands leads in as mail at one SMTP server."""

    kind = "email"

    def __init__(
        self, name: str, config: EmailConfig, renderer: Renderer, guard: AddressGuard
    ) -> None:
        self.name = name
        self._config = config
        self._renderer = renderer
        self._pool = SmtpPool(SmtpAddress.parse(config.smtp.get_secret_value()), guard)
        self._has_html = renderer.has(f"email/{config.template}/body.html")

    def render(self, lead: Lead, message: Message) -> PreparedMail:
        """Write the mail. Raises TemplateError."""
        context = self._renderer.context(lead, message)
        folder = f"email/{self._config.template}"
        sender_name, sender = parseaddr(self._config.sender)
        mail = EmailMessage(policy=SMTP)
        mail["From"] = Address(display_name=sender_name, addr_spec=sender)
        to = self._addresses(self._config.to, context)
        cc = self._addresses(self._config.cc, context)
        bcc = self._addresses(self._config.bcc, context)
        if not to:
            raise TemplateError("no recipient is left after filling the addresses", f"{self.name}.to")
        mail["To"] = to
        if cc:
            mail["Cc"] = cc
        mail["Subject"] = one_line(self._renderer.file(f"{folder}/subject.txt", context))[:250]
        if reply_to := _reply_to(lead):
            mail["Reply-To"] = reply_to
        mail["Date"] = format_datetime(message.accepted_at)
        mail["Message-ID"] = f"<{message.id}@{sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Lead-Id"] = one_line(lead.id)
        mail["X-Mailer"] = f"lead-gateway/{__version__}"
        mail.set_content(self._renderer.file(f"{folder}/body.txt", context).strip() + "\n")
        if self._has_html:
            html = self._renderer.file(f"{folder}/body.html", context)
            mail.add_alternative(_INLINER.inline(html), subtype="html")
        everyone = tuple(dict.fromkeys(item.addr_spec for item in (*to, *cc, *bcc)))
        pending = message.saved.get("pending")
        left = everyone if pending is None else tuple(everyone[i] for i in pending if i < len(everyone))
        return PreparedMail(mail, sender, left or everyone)

    def _addresses(self, templates: tuple[str, ...], context: Any) -> list[Address]:
        found = []
        for source in templates:
            text = one_line(self._renderer.text(source, context))
            for name, spec in getaddresses([text]):
                address = normal_email(spec)
                if address is None or not address.isascii():
                    raise TemplateError("does not give an e-mail address", f"{self.name}: {source}")
                found.append(Address(display_name=name, addr_spec=address))
        return found

    async def send(self, prepared: PreparedMail) -> Outcome:
        """Hand the mail in. Recipients refused for now are tried again alone."""
        timeout = self._config.timeout.total_seconds()
        try:
            async with asyncio.timeout(timeout), self._pool.connection(timeout) as client:
                return await self._hand_in(client, prepared)
        except Exception as error:  # noqa: BLE001 - every fault of the way has its reason
            return _outcome(error)

    async def _hand_in(self, client: aiosmtplib.SMTP, prepared: PreparedMail) -> Outcome:
        try:
            refused, answer = await client.sendmail(
                prepared.sender, list(prepared.recipients), prepared.message.as_bytes()
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [item.code for item in error.recipients]
            words = _words(codes[0], error.recipients[0].message)
            if any(400 <= code < 500 for code in codes):
                return Deferred(Reason.SMTP_DEFERRED, codes[0], words)
            return Refused(Reason.RECIPIENT_REFUSED, codes[0], words)
        later = [
            index
            for index, address in enumerate(prepared.recipients)
            if address in refused and 400 <= refused[address].code < 500
        ]
        if later:
            first = refused[prepared.recipients[later[0]]]
            return Continue({"pending": later}, first.code, _words(first.code, first.message))
        said = mask(answer)
        if refused:
            said = f"{len(refused)} of {len(prepared.recipients)} recipients refused for good; {said}"
        return Delivered(status=250, answer=said)

    async def verify(self) -> str:
        """Connect, encrypt and sign in; hand nothing in. Raises VerifyError."""
        place = self._pool.address
        try:
            async with asyncio.timeout(10.0), self._pool.connection(10.0):
                pass
        except Exception as error:
            outcome = _outcome(error)
            raise VerifyError(f"{self.name}: {outcome.answer} ({outcome.reason})") from error
        return f"{place.host}:{place.port} takes mail ({place.encryption})"

    async def close(self) -> None:
        """Give back connections."""
        await self._pool.close()


def _reply_to(lead: Lead) -> Address | None:
    address = normal_email(lead.contact.email)
    if address is None or not address.isascii():
        return None
    return Address(display_name=one_line(lead.contact.full_name)[:100], addr_spec=address)


def _outcome(error: Exception) -> Deferred | Refused:
    if isinstance(error, BlockedAddress):
        return Deferred(Reason.BLOCKED_ADDRESS, answer=str(error))
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return Deferred(Reason.CREDENTIALS, error.code, _words(error.code, error.message))
    if isinstance(error, aiosmtplib.SMTPResponseException):
        words = _words(error.code, error.message)
        if 500 <= error.code < 600:
            return Refused(Reason.SMTP_REFUSED, error.code, words)
        return Deferred(Reason.SMTP_DEFERRED, error.code, words)
    if isinstance(error, TimeoutError | aiosmtplib.SMTPTimeoutError):
        return Deferred(Reason.TIMEOUT, answer="the mail server did not answer in time")
    if isinstance(error, socket.gaierror):
        return Deferred(Reason.DNS, answer="the mail server's name has no address")
    if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
        return Deferred(Reason.TLS, answer="the mail server's certificate or encryption failed")
    if isinstance(error, aiosmtplib.SMTPException) and "STARTTLS" in str(error):
        return Deferred(Reason.TLS, answer="the mail server offers no STARTTLS")
    if isinstance(error, OSError | aiosmtplib.SMTPConnectError | aiosmtplib.SMTPServerDisconnected):
        return Deferred(Reason.CONNECTION, answer="no connection to the mail server")
    return Deferred(Reason.PROTOCOL, answer=f"the mail server surprised us ({type(error).__name__})")


def _words(code: int, text: str) -> str:
    return f"{code} {mask(text)}"
