"""A mail ready to go, and what became of it for each of its recipients.

Owns the account of who has it, who is tried again and what is said of each. Hands nothing in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage

from gateway.delivery import ANSWER_LIMIT, Deferred, Delivered, Outcome, Reason, Refused
from gateway.destinations.protocol import Preview
from gateway.destinations.smtp import Answer, Handed, Handing
from gateway.destinations.smtp_trouble import said


@dataclass(frozen=True, slots=True)
class PreparedMail:
    """One mail, complete, and the addresses it still has to reach.

    ``everyone`` are all its recipients, in order; ``settled`` the marks of those that need it no
    more, ``reached`` how many of them have it. ``international`` is the same mail for recipients
    that only SMTPUTF8 reaches, if there are any left.
    """

    message: EmailMessage
    international: EmailMessage | None
    sender: str
    everyone: tuple[str, ...]
    settled: frozenset[str] = frozenset()
    reached: int = 0
    key: str = field(default="", repr=False)

    @property
    def recipients(self) -> tuple[str, ...]:
        """Who still has to get it."""
        return tuple(name for name in self.everyone if _mark(self.key, name) not in self.settled)

    def preview(self) -> Preview:
        whole = self.international or self.message
        # Who gets it stands on the envelope: a bcc is in no header.
        envelope = ("", f"MAIL FROM {self.sender} RCPT TO {', '.join(self.recipients)}")
        head = [envelope, *((name, str(value)) for name, value in whole.items())]
        parts = [
            (part.get_content_type(), part.get_content())
            for part in whole.walk()
            if not part.is_multipart()
        ]
        files = {"eml": whole.as_bytes()}
        if (page := whole.get_body(("html",))) is not None:
            files["html"] = page.get_content().encode()
        return Preview(f"mail to {len(self.recipients)} recipient(s)", head, parts, files)

    def handings(self) -> Iterator[Handing]:
        """The mail as it is handed in: apart for whom only SMTPUTF8 reaches, as it may bounce."""
        for message, names in (
            (self.message, tuple(name for name in self.recipients if name.isascii())),
            (self.international, tuple(name for name in self.recipients if not name.isascii())),
        ):
            if message is not None and names:
                yield Handing(self.sender, names, message.as_bytes(), message is not self.message)

    def outcome(self, handed: Handed) -> Outcome:
        """What became of the mail, from what was said to each recipient."""
        later = {name: answer for name, answer in handed.refused.items() if answer.code < 500}
        reached = self.reached + len(self.recipients) - len(handed.refused)
        report = self._report(handed)
        if later:
            (first, *_) = later.values()
            saved = {"settled": self._settled(later), "reached": reached} if reached else None
            return Deferred(Reason.SMTP_DEFERRED, first.code, report, saved=saved)
        if reached:
            # Somebody has it; that others are refused for good is in the report.
            return Delivered(status=handed.whole.code if handed.whole else None, answer=report)
        (first, *_) = handed.refused.values()
        return Refused(Reason.RECIPIENT_REFUSED, first.code, report)

    def _settled(self, later: Mapping[str, Answer]) -> list[str]:
        done = (_mark(self.key, name) for name in self.recipients if name not in later)
        return sorted({*self.settled, *done})

    def _report(self, handed: Handed) -> str:
        """The server's words, and those to each recipient it refused: by number, not by name."""
        lines = [said(handed.whole)] if handed.whole else []
        for number, name in enumerate(self.everyone, start=1):
            if (answer := handed.refused.get(name)) is not None:
                place = f"recipient {number} of {len(self.everyone)} at {name.rpartition('@')[2]}"
                lines.append(f"{place}: {said(answer)[:300]}")
        return "\n".join(lines)[:ANSWER_LIMIT]


def _mark(key: str, recipient: str) -> str:
    """What stands for a recipient in what is saved: no address, and useless for another lead."""
    return hashlib.sha256(f"{key}\x00{recipient}".encode()).hexdigest()[:16]
