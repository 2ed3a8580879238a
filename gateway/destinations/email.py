"""The e-mail: a lead as a mail that an agent reads on a phone, or that software parses.

Owns who gets it, and the order in which it is handed in. How the mail is written is for
email_message.py, how it is handed in for smtp.py, who of its recipients has it for
email_recipients.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from email.headerregistry import Address
from pathlib import Path
from typing import Annotated, Any, Literal

import css_inline
from pydantic import Field, SecretStr, field_validator

from gateway.addresses import AddressGuard
from gateway.delivery import (
    Deferred,
    Delivered,
    Message,
    Outcome,
    Reason,
    Refused,
)
from gateway.destinations.announcing import as_page
from gateway.destinations.common import DestinationConfig
from gateway.destinations.email_message import Letter, address, is_international
from gateway.destinations.email_recipients import PreparedMail
from gateway.destinations.protocol import Surroundings, VerifyError
from gateway.destinations.smtp import Answer, Handed, Handing, SmtpPool
from gateway.destinations.smtp_address import SmtpAddress
from gateway.destinations.smtp_trouble import trouble
from gateway.lead import Lead
from gateway.notice import Notice
from gateway.render import Renderer, TemplateError


class EmailConfig(DestinationConfig):
    """``kind: email`` in gateway.yaml."""

    kind: Literal["email"] = "email"
    smtp: SecretStr
    sender: str = Field(alias="from")
    to: tuple[str, ...] = Field(min_length=1, max_length=20)
    cc: tuple[str, ...] = Field(default=(), max_length=20)
    bcc: tuple[str, ...] = Field(default=(), max_length=20)
    reply_to: str = "{{ contact.email }}"
    template: str = Field(default="new-lead", pattern=r"^[A-Za-z0-9_-]+$")
    ca_file: Annotated[str, Field(min_length=1)] | None = None
    """Certificate authorities besides the system's: a PEM file, relative to this file."""
    # A mail server takes a handful of connections from one client, seldom more.
    concurrency: int = Field(default=8, ge=1, le=1000)

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
        if (sender := address(value)) is None or is_international(sender):
            raise ValueError('write it as "Leads <leads@agency.example>", in ASCII before the @')
        return value


class EmailDestination:
    """Hands leads in as mail at one SMTP server."""

    kind = "email"
    threads = False

    def __init__(
        self,
        name: str,
        config: EmailConfig,
        renderer: Renderer,
        guard: AddressGuard,
        folder: Path = Path(),
    ) -> None:
        self.name = name
        self._config = config
        self._renderer = renderer
        ca_file = folder / config.ca_file if config.ca_file else None
        self._pool = SmtpPool(SmtpAddress.parse(config.smtp.get_secret_value()), guard, ca_file)

    @classmethod
    def build(cls, name: str, config: EmailConfig, around: Surroundings) -> EmailDestination:
        """See :class:`gateway.destinations.protocol.Buildable`."""
        return cls(name, config, around.renderer, around.guard, around.folder)

    def render(self, lead: Lead, message: Message) -> PreparedMail:
        """Write the mail. Raises TemplateError."""
        context = self._renderer.context(lead, message)
        letter, bcc = self._letter(lead, message, context)
        addresses = (*letter.to, *letter.cc, *bcc)
        try:
            mail = letter.mail()
            other = (
                letter.mail(international=True) if any(map(is_international, addresses)) else None
            )
        except css_inline.InlineError:
            page = f"email/{self._config.template}/body.html"
            raise TemplateError("its styles can not be written into its elements", page) from None
        return PreparedMail(
            mail,
            other,
            letter.sender.addr_spec,
            tuple(dict.fromkeys(item.addr_spec for item in addresses)),
            frozenset(map(str, message.saved.get("settled", ()))),
            int(message.saved.get("reached", 0)),
            message.id,
        )

    def _letter(
        self, lead: Lead, message: Message, context: Mapping[str, Any]
    ) -> tuple[Letter, tuple[Address, ...]]:
        sender = address(self._config.sender)
        to = self._addresses("to", self._config.to, context)
        if sender is None or not to:
            raise TemplateError("no recipient is left once they are filled in", f"{self.name}.to")
        folder = f"email/{self._config.template}"
        page = f"{folder}/body.html"
        letter = Letter(
            sender=sender,
            to=to,
            cc=self._addresses("cc", self._config.cc, context),
            reply_to=self._reply_to(lead, context),
            subject=self._renderer.file(f"{folder}/subject.txt", context),
            text=self._renderer.file(f"{folder}/body.txt", context),
            html=self._renderer.file(page, context) if self._renderer.has(page) else None,
            message_id=message.id,
            lead_id=lead.id,
            at=message.accepted_at,
            language=self._renderer.language,
            thread=f"person.{message.person}" if message.person else "",
        )
        return letter, self._addresses("bcc", self._config.bcc, context)

    def _addresses(
        self, key: str, templates: tuple[str, ...], context: Mapping[str, Any]
    ) -> tuple[Address, ...]:
        """The mailboxes; a template that comes out empty names nobody."""
        found = []
        for number, source in enumerate(templates, start=1):
            text = self._renderer.text(source, context).strip()
            if text:
                one = address(text)
                if one is None:
                    place = f"{self.name}.{key}[{number}]"
                    raise TemplateError("does not come out as one e-mail address", place)
                found.append(one)
        return tuple(found)

    def _reply_to(self, lead: Lead, context: Mapping[str, Any]) -> Address | None:
        # Who can not be answered by mail is no reason to keep a lead from the agent.
        text = self._renderer.text(self._config.reply_to, context).strip()
        own = text == (lead.contact.email or "").strip()
        return address(text, name=lead.contact.full_name or "" if own else None)

    async def send(self, prepared: PreparedMail) -> Outcome:
        """Hand the mail in. Recipients refused for now are tried again alone."""
        if not prepared.recipients:
            return Delivered(answer="everybody who is still a recipient has the mail already")
        until = asyncio.get_running_loop().time() + self._config.timeout.total_seconds()
        refused: dict[str, Answer] = {}
        whole: Answer | None = None
        for handing in prepared.handings():
            result = await self._hand_in(handing, until)
            if isinstance(result, Handed):
                refused |= result.refused
                whole = whole or result.whole
            elif whole is None:
                return result
            else:
                # Some have it: what stopped the others becomes the answer to each of them.
                code = result.status if isinstance(result, Refused) else None
                answer = Answer(code or 451, result.answer)
                refused |= dict.fromkeys(handing.recipients, answer)
        return prepared.outcome(Handed(refused, whole))

    async def _hand_in(self, handing: Handing, until: float) -> Handed | Deferred | Refused:
        try:
            async with asyncio.timeout_at(until):
                return await self._pool.hand_in(handing, self._config.timeout.total_seconds())
        except Exception as error:
            return trouble(error, in_full=handing.in_full)

    async def announce(self, notice: Notice) -> Outcome:
        """See :class:`gateway.destinations.protocol.Destination`: to those who get leads."""
        message = Message(notice.id, self.name, notice.at)
        try:
            context = self._renderer.context(notice.nobody, message)
            to = self._addresses("to", self._config.to, context)
        except TemplateError as error:
            return Refused(Reason.TEMPLATE, answer=str(error))
        sender = address(self._config.sender)
        if sender is None or not to:
            return Refused(Reason.TEMPLATE, answer="no recipient is left without a lead")
        letter = Letter(
            sender=sender, to=to, cc=(), reply_to=None, subject=notice.title, text=notice.text,
            html=as_page(notice), message_id=notice.id, lead_id="", at=notice.at,
            language=notice.language,
        )  # fmt: skip
        recipients = tuple(dict.fromkeys(item.addr_spec for item in to))
        return await self.send(
            PreparedMail(
                letter.mail(), None, sender.addr_spec, recipients, frozenset(), 0, notice.id
            )
        )

    async def verify(self) -> str:
        """Connect, encrypt and sign in; hand nothing in. Raises VerifyError."""
        place = self._pool.address
        try:
            async with asyncio.timeout(10.0), self._pool.connection(10.0):
                pass
        except Exception as error:
            outcome = trouble(error)
            raise VerifyError(f"{self.name}: {outcome.answer} ({outcome.reason})") from error
        return f"{place.host}:{place.port} takes mail ({_ENCRYPTION[place.encryption]})"

    async def close(self) -> None:
        """Give back connections."""
        await self._pool.close()


_ENCRYPTION = {"starttls": "STARTTLS", "implicit": "TLS", "none": "unencrypted"}
