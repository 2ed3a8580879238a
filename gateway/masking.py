"""Takes personal data and secrets out of free text before it is kept or shown.

Owns the patterns: e-mail addresses, phone numbers, credentials, and the parts of a URL that carry
them. Pure text in, pure text out; it never decides what is kept, and it knows nothing of leads.
Masking twice changes nothing, and the cost grows with the length of the text and no faster.
"""

from __future__ import annotations

import re

EMAIL = "[email]"
PHONE = "[phone]"
SECRET = "[secret]"  # noqa: S105 - the mark that stands where a secret was

# Every repetition is bounded: an answer is the receiver's text, and may be made to be slow.
_URL = re.compile(
    r"""(?P<scheme>\b[a-z][a-z0-9+.-]{1,20}://)
        (?:[^\s/?\#@"'<>]{1,512}@)?
        (?P<place>[^\s?\#"'<>@]{0,2048})
        (?P<query>[?\#][^\s"'<>]{0,4096})?""",
    re.IGNORECASE | re.VERBOSE,
)
# The path of an incoming webhook is its password.
_HOOK = re.compile(r"(?P<host>hooks\.slack(?:-gov)?\.com/\w{1,20}/)[\w/+-]{8,256}", re.IGNORECASE)
_EMAIL = re.compile(
    r"""[^\s@<>()\[\]{},;:"'=/?&\\|]{1,64}(?:@|%40)
        (?:[^\s@<>()\[\]{},;:"'=/?&\\|.]{1,63}\.){0,8}[^\s@<>()\[\]{},;:"'=/?&\\|.]{2,63}""",
    re.VERBOSE | re.IGNORECASE,
)
_SCHEME = re.compile(
    r"\b(?P<scheme>Bearer|Basic|Token|Digest)(?P<gap>\s+)[A-Za-z0-9._~+/=-]{8,4096}",
    re.IGNORECASE,
)
_PREFIXED = re.compile(
    r"""\b(?:whsec_[A-Za-z0-9+/=_-]{8,512}
        |xox[a-z](?:\.[a-z0-9]{1,8})?-[A-Za-z0-9-]{8,512}
        |(?:sk|pk|pat|rk)[_-][A-Za-z0-9_-]{16,512}
        |eyJ[A-Za-z0-9_-]{8,2048}\.[A-Za-z0-9_-]{4,4096}(?:\.[A-Za-z0-9_-]{0,2048})?)""",
    re.VERBOSE,
)
_NAMED = re.compile(
    r"""(?P<name>["']?\b[\w-]{0,40}(?:password|passwd|secret|token|api[_-]?key|authorization)
        [\w-]{0,20}["']?\s{0,4}[:=]\s{0,4})
        (?P<value>"[^"\n]{1,4096}"|'[^'\n]{1,4096}'|[^\s,;&"'}\]\[<>]{4,4096})""",
    re.VERBOSE | re.IGNORECASE,
)
# A phone starts with +, 00 or a trunk 0, or is a French number written as 33…: other long runs of
# digits are ids, and an operator needs those to find the lead at the receiver's.
_PHONE = re.compile(
    r"""(?<![\w.,+-])
        (?:(?:\+|00)[\s.]?[1-9](?:[\s.()/\u00a0\u202f-]{0,3}\d){6,14}
          |\(?0[1-9]\)?(?:[\s.()/\u00a0\u202f-]{0,2}\d){7,10}
          |33[1-9]\d{8})
        (?!\w)""",
    re.VERBOSE,
)


def mask(text: str) -> str:
    """``text`` with e-mail addresses, phone numbers, credentials and URL queries taken out."""
    if not text:
        return text
    if "://" in text:
        text = _URL.sub(_url, text)
    if "hooks.slack" in text:
        text = _HOOK.sub(lambda match: match["host"] + SECRET, text)
    text = _SCHEME.sub(lambda match: match["scheme"] + match["gap"] + SECRET, text)
    text = _PREFIXED.sub(SECRET, text)
    text = _NAMED.sub(_named, text)
    if "@" in text or "%40" in text:
        text = _EMAIL.sub(EMAIL, text)
    return _PHONE.sub(PHONE, text)


def _url(match: re.Match[str]) -> str:
    query = match["query"]
    return match["scheme"] + match["place"] + (f"{query[0]}{SECRET}" if query else "")


def _named(match: re.Match[str]) -> str:
    value = match["value"]
    if value.strip("\"'") == SECRET or value.lower() in ("bearer", "basic", "token", "null"):
        return match[0]
    quote = value[0] if value[0] in "\"'" else ""
    return f"{match['name']}{quote}{SECRET}{quote}"
