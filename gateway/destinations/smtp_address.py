"""Where and how mail is handed in, read from one URL. Opens nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

import idna


@dataclass(frozen=True, slots=True)
class SmtpAddress:
    """Where and how to hand in mail. ``encryption``: starttls, implicit or none.

    ``host`` is in ASCII: a name in other letters stands in its IDNA form, as certificates have it.
    """

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
            host=_in_ascii(parts.hostname),
            port=port or (465 if implicit else 587),
            encryption="implicit" if implicit else "starttls" if starttls == "required" else "none",
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )


def _in_ascii(host: str) -> str:
    if host.isascii():
        return host
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except UnicodeError:
        raise ValueError("the host is not a name that exists: check its letters") from None
