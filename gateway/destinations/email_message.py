"""The mail itself: headers that nothing can be smuggled into, a text part and an HTML part.

Pure: what comes out depends on what goes in and on nothing else, so that every attempt hands in the
same mail. Hands nothing in.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses

import css_inline

from gateway import __version__
from gateway.contact import normal_email
from gateway.plain_text import one_line, visible

# 7bit: not every server takes 8 bits, and aiosmtplib does not ask whether this one does.
_POLICY = SMTP.clone(cte_type="7bit")
_INLINER = css_inline.CSSInliner(keep_style_tags=True, load_remote_stylesheets=False)
_SUBJECT = 200
_NAME = 100
_SPECIAL = str.maketrans(dict.fromkeys('",;:<>()[]\\@', " "))


def address(text: str, *, name: str | None = None) -> Address | None:
    """One mailbox from ``Anne <anne@agency.example>`` or a bare address; None if it is not one.

    A domain in other letters is put into its ASCII form. Letters outside of ASCII before the @ need
    SMTPUTF8, which few servers offer, and are not taken. ``name`` goes in the place of the one in
    the text.
    """
    found = getaddresses([one_line(text)])
    if len(found) != 1:
        return None
    shown, spec = found[0]
    normal = normal_email(spec)
    if normal is None:
        return None
    local, _, domain = normal.rpartition("@")
    try:
        spec = f"{local}@{domain.encode('idna').decode('ascii')}"
        # Some readers take "a, b" <c@d> apart at the comma once it is encoded.
        label = one_line((shown if name is None else name).translate(_SPECIAL))[:_NAME]
        made = Address(display_name=label, addr_spec=spec)
    except (UnicodeError, ValueError, IndexError, HeaderParseError):
        return None
    return made if made.addr_spec.isascii() else None


def write_mail(
    *,
    sender: Address,
    to: Iterable[Address],
    cc: Iterable[Address],
    reply_to: Address | None,
    subject: str,
    text: str,
    html: str | None,
    message_id: str,
    lead_id: str,
    at: datetime,
) -> EmailMessage:
    """The mail. ``message_id`` is the part before the @; raises css_inline.InlineError."""
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = sender
    mail["To"] = tuple(to)
    if copies := tuple(cc):
        mail["Cc"] = copies
    mail["Subject"] = one_line(subject)[:_SUBJECT]
    if reply_to is not None:
        mail["Reply-To"] = reply_to
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{message_id}@{sender.domain}>"
    # RFC 3834: nobody's out-of-office note is to answer this.
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Lead-Id"] = one_line(lead_id)[:_SUBJECT]
    mail["X-Mailer"] = f"lead-gateway/{__version__}"
    mail.set_content(visible(text).strip() + "\n")
    if html is not None:
        mail.add_alternative(_INLINER.inline(visible(html).strip()) + "\n", subtype="html")
    return mail
