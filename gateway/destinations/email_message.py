"""The mail itself: headers that nothing can be smuggled into, a text part and an HTML part.

Pure: what comes out depends on what goes in and on nothing else, so that every attempt hands in the
same mail. Hands nothing in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, getaddresses

import css_inline
import idna

from gateway import __version__
from gateway.contact import normal_email
from gateway.plain_text import one_line, visible

# 7bit: not every server takes 8 bits, and aiosmtplib does not ask whether this one does.
_POLICY = SMTP.clone(cte_type="7bit")
_INTERNATIONAL = SMTPUTF8.clone(cte_type="7bit")
_INLINER = css_inline.CSSInliner(keep_style_tags=True, load_remote_stylesheets=False)
_SUBJECT = 200
_NAME = 100
_SPECIAL = str.maketrans(dict.fromkeys('",;:<>()[]\\@', " "))


def address(text: str, *, name: str | None = None) -> Address | None:
    """One mailbox from ``Anne <anne@agency.example>`` or a bare address; None if it is not one.

    A domain in other letters is put into its ASCII form (IDNA 2008), which every server takes.
    Letters outside of ASCII before the @ stay: see :func:`is_international`. ``name`` goes in the
    place of the one in the text.
    """
    found = getaddresses([one_line(text)])
    if len(found) != 1:
        return None
    shown, spec = found[0]
    normal = normal_email(spec)
    if normal is None:
        return None
    local, _, domain = normal.rpartition("@")
    # Some readers take "a, b" <c@d> apart at the comma once it is encoded.
    label = one_line((shown if name is None else name).translate(_SPECIAL))[:_NAME]
    try:
        if not domain.isascii():
            domain = idna.encode(domain, uts46=True).decode("ascii")
        return Address(display_name=label, username=local, domain=domain)
    except (UnicodeError, ValueError, IndexError, HeaderParseError):
        return None


def is_international(mailbox: Address) -> bool:
    """Whether only a server with SMTPUTF8 can take it (RFC 6531)."""
    return not mailbox.addr_spec.isascii()


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail says, and to whom. ``message_id`` and ``thread`` are the parts before the @.

    ``lead_id`` is empty in a mail that is about no lead. ``thread`` is the same in every mail about
    one person, so that readers show them together, and empty when nobody knows who it is.
    """

    sender: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    reply_to: Address | None
    subject: str
    text: str
    html: str | None
    message_id: str
    lead_id: str
    at: datetime
    language: str
    thread: str = ""

    def mail(self, *, international: bool = False) -> EmailMessage:
        """The mail. Raises css_inline.InlineError.

        ``international``: with the addresses that SMTPUTF8 is needed for, and so for servers that
        speak it; else without those in any header.
        """
        mail = EmailMessage(policy=_INTERNATIONAL if international else _POLICY)
        shown = [
            tuple(one for one in group if international or not is_international(one))
            for group in (self.to, self.cc)
        ]
        mail["From"] = self.sender
        # RFC 5322 wants one recipient header, and RFC 6857 this where none can be shown.
        mail["To"] = shown[0] or "undisclosed-recipients:;"
        if shown[1]:
            mail["Cc"] = shown[1]
        mail["Subject"] = one_line(self.subject)[:_SUBJECT]
        # A reply can wait for somebody to type the address; the mail must not bounce for its sake.
        if self.reply_to is not None and not is_international(self.reply_to):
            mail["Reply-To"] = self.reply_to
        mail["Date"] = format_datetime(self.at)
        mail["Message-ID"] = f"<{self.message_id}@{self.sender.domain}>"
        if self.thread:
            mail["References"] = f"<{self.thread}@{self.sender.domain}>"
        # Nobody's out-of-office note is to answer this: RFC 3834, and Exchange's own way.
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Auto-Response-Suppress"] = "All"
        if self.lead_id:
            mail["X-Lead-Id"] = one_line(self.lead_id)[:_SUBJECT]
        mail["X-Mailer"] = f"lead-gateway/{__version__}"
        # Software that reads mailboxes may not know base64: never take it.
        mail.set_content(visible(self.text).strip() + "\n", cte="quoted-printable")
        if self.html is not None:
            page = _INLINER.inline(visible(self.html).strip()) + "\n"
            mail.add_alternative(page, subtype="html", cte="quoted-printable")
            _bound(mail, f"=_{self.message_id}")
        # Last: making it multipart moves what is said of the content into the first part.
        mail["Content-Language"] = self.language
        return mail


def _bound(mail: EmailMessage, boundary: str) -> None:
    """Part it at the same mark on every attempt; the library's own is drawn at random."""
    if not any(boundary in part.as_string() for part in mail.iter_parts()):
        mail.set_boundary(boundary)
