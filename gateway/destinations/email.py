"""The e-mail: a lead as a mail that an agent reads on a phone, or that software parses.

Owns who gets it and what became of each of them. How the mail is written is for email_message.py,
how it is handed in for smtp.py.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any, Literal

import css_inline
from pydantic import Field, SecretStr, field_validator

from gateway.addresses import AddressGuard
from gateway.delivery import (
    ANSWER_LIMIT,
    Continue,
    Deferred,
    Delivered,
    Message,
    Outcome,
    Reason,
    Refused,
)
from gateway.destinations.common import DestinationConfig
from gateway.destinations.email_message import address, write_mail
from gateway.destinations.protocol import Preview, Surroundings, VerifyError
from gateway.destinations.smtp import Handed, Handing, SmtpAddress, SmtpPool
from gateway.destinations.smtp_trouble import said, trouble
from gateway.lead import Lead
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
        if address(value) is None:
            raise ValueError('write it as "Leads <leads@agency.example>"')
        return value


@dataclass(frozen=True, slots=True)
class PreparedMail:
    """One mail, complete, and the addresses it still has to reach.

    ``settled`` are the marks of those that need it no more, ``reached`` how many of them have it.
    """

    message: EmailMessage
    sender: str
    recipients: tuple[str, ...]
    settled: tuple[str, ...] = ()
    reached: int = 0
    key: str = field(default="", repr=False)

    def preview(self) -> Preview:
        head = [(name, str(value)) for name, value in self.message.items()]
        parts = [
            (part.get_content_type(), part.get_content())
            for part in self.message.walk()
            if not part.is_multipart()
        ]
        return Preview(f"mail to {len(self.recipients)} recipient(s)", head, parts)

    def after(self, handed: Handed) -> dict[str, Any]:
        """What to remember when some have the mail and others are to be tried again."""
        again = {name for name, answer in handed.refused.items() if answer.code < 500}
        settled = [_mark(self.key, name) for name in self.recipients if name not in again]
        reached = self.reached + len(self.recipients) - len(handed.refused)
        return {"settled": [*self.settled, *settled], "reached": reached}


class EmailDestination:
    """Hands leads in as mail at one SMTP server."""

    kind = "email"
    threads = False

    def __init__(
        self, name: str, config: EmailConfig, renderer: Renderer, guard: AddressGuard
    ) -> None:
        self.name = name
        self._config = config
        self._renderer = renderer
        self._pool = SmtpPool(SmtpAddress.parse(config.smtp.get_secret_value()), guard)

    @classmethod
    def build(cls, name: str, config: EmailConfig, around: Surroundings) -> EmailDestination:
        """See :class:`gateway.destinations.protocol.Buildable`."""
        return cls(name, config, around.renderer, around.guard)

    def render(self, lead: Lead, message: Message) -> PreparedMail:
        """Write the mail. Raises TemplateError."""
        context = self._renderer.context(lead, message)
        sender = address(self._config.sender)
        to = self._addresses("to", self._config.to, context)
        cc = self._addresses("cc", self._config.cc, context)
        bcc = self._addresses("bcc", self._config.bcc, context)
        if sender is None or not to:
            raise TemplateError("no recipient is left once they are filled in", f"{self.name}.to")
        folder = f"email/{self._config.template}"
        html = f"{folder}/body.html"
        try:
            mail = write_mail(
                sender=sender,
                to=to,
                cc=cc,
                reply_to=self._reply_to(lead, context),
                subject=self._renderer.file(f"{folder}/subject.txt", context),
                text=self._renderer.file(f"{folder}/body.txt", context),
                html=self._renderer.file(html, context) if self._renderer.has(html) else None,
                message_id=message.id,
                lead_id=lead.id,
                at=message.accepted_at,
            )
        except css_inline.InlineError:
            raise TemplateError("its styles can not be written into its elements", html) from None
        everyone = dict.fromkeys(item.addr_spec for item in (*to, *cc, *bcc))
        settled = tuple(str(mark) for mark in message.saved.get("settled", ()))
        left = tuple(item for item in everyone if _mark(message.id, item) not in settled)
        reached = int(message.saved.get("reached", 0))
        return PreparedMail(mail, sender.addr_spec, left, settled, reached, message.id)

    def _addresses(
        self, key: str, templates: tuple[str, ...], context: Mapping[str, Any]
    ) -> list[Address]:
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
        return found

    def _reply_to(self, lead: Lead, context: Mapping[str, Any]) -> Address | None:
        # Who can not be answered by mail is no reason to keep a lead from the agent.
        text = self._renderer.text(self._config.reply_to, context).strip()
        own = text == (lead.contact.email or "").strip()
        return address(text, name=lead.contact.full_name or "" if own else None)

    async def send(self, prepared: PreparedMail) -> Outcome:
        """Hand the mail in. Recipients refused for now are tried again alone."""
        if not prepared.recipients:
            return Delivered(answer="everybody who is still a recipient has the mail already")
        timeout = self._config.timeout.total_seconds()
        content = prepared.message.as_bytes()
        handing = Handing(prepared.sender, prepared.recipients, content)
        try:
            async with asyncio.timeout(timeout), self._pool.connection(timeout) as client:
                handed = await handing.over(client)
        except Exception as error:
            return trouble(error, in_full=handing.in_full)
        return _outcome(prepared, handed)

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


def _outcome(prepared: PreparedMail, handed: Handed) -> Outcome:
    """What became of the mail, from what was said to each recipient."""
    later = [answer for answer in handed.refused.values() if answer.code < 500]
    report = _report(prepared, handed)
    if handed.whole is not None and later:
        return Continue(prepared.after(handed), later[0].code, report)
    if handed.whole is not None or (prepared.reached and not later):
        # Somebody has it; that others are refused for good is in the report.
        return Delivered(status=handed.whole.code if handed.whole else None, answer=report)
    if later:
        return Deferred(Reason.SMTP_DEFERRED, later[0].code, report)
    (first, *_) = handed.refused.values()
    return Refused(Reason.RECIPIENT_REFUSED, first.code, report)


def _report(prepared: PreparedMail, handed: Handed) -> str:
    """What the server said, with a line for each recipient it refused, by number, not by name."""
    lines = [said(handed.whole)] if handed.whole else []
    for number, name in enumerate(prepared.recipients, start=1):
        if (answer := handed.refused.get(name)) is not None:
            lines.append(f"recipient {number} of {len(prepared.recipients)}: {said(answer)[:300]}")
    return "\n".join(lines)[:ANSWER_LIMIT]


def _mark(key: str, recipient: str) -> str:
    """What stands for a recipient in what is saved: no address, and useless for another lead."""
    return hashlib.sha256(f"{key}\x00{recipient}".encode()).hexdigest()[:16]
