"""What went wrong with a mail, in the contract's words.

Owns the translation of what aiosmtplib, ssl and the system raise, and of a server's codes, into
outcomes (RFC 5321 §4.2, RFC 4954 §6). The server's own words are kept, masked: they may name the
recipient.
"""

from __future__ import annotations

import socket
import ssl

import aiosmtplib

from gateway.addresses import BlockedAddress
from gateway.delivery import ANSWER_LIMIT, Deferred, Reason, Refused
from gateway.destinations.smtp import Answer, Unencrypted
from gateway.masking import mask

_SIGN_IN = frozenset({530, 534, 535, 538})


def said(answer: Answer) -> str:
    """Code and words of a server, masked and short."""
    # surrogateescape is how aiosmtplib keeps bytes that are no UTF-8.
    words = answer.words.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return mask(f"{answer.code} {words}")[:ANSWER_LIMIT]


def trouble(error: Exception, *, in_full: bool = False) -> Deferred | Refused:
    """Name ``error``. ``in_full``: the server may have the mail all the same."""
    match error:
        case BlockedAddress():
            return Deferred(Reason.BLOCKED_ADDRESS, answer=str(error))
        case Unencrypted():
            return Deferred(
                Reason.CONFIGURATION,
                answer="unencrypted mail is only for servers at private addresses: "
                "leave out starttls=never",
            )
        case aiosmtplib.SMTPResponseException():
            return _of_code(error)
        case TimeoutError():
            words = "the mail server did not answer in time"
            return Deferred(Reason.TIMEOUT, answer=words, uncertain=in_full)
        case socket.gaierror():
            return Deferred(Reason.DNS, answer="the mail server's name has no address")
    if (inner := _tls_within(error)) is not None:
        return Deferred(Reason.TLS, answer=_tls_words(inner))
    match error:
        case aiosmtplib.SMTPException() if "auth" in str(error).lower():
            words = "the mail server offers no way to sign in that we speak"
            return Deferred(Reason.CREDENTIALS, answer=words)
        case aiosmtplib.SMTPException() if "STARTTLS" in str(error):
            words = "the mail server offers no STARTTLS: is smtps:// its way?"
            return Deferred(Reason.TLS, answer=words)
        case OSError():
            words = "the connection to the mail server failed"
            return Deferred(Reason.CONNECTION, answer=words, uncertain=in_full)
        case _:
            words = f"the mail server does not speak SMTP as expected ({type(error).__name__})"
            return Deferred(Reason.PROTOCOL, answer=words, uncertain=in_full)


def _of_code(error: aiosmtplib.SMTPResponseException) -> Deferred | Refused:
    answer = Answer(error.code, error.message)
    if not 400 <= error.code < 600:
        return Deferred(Reason.PROTOCOL, answer="the mail server does not speak SMTP")
    if error.code in _SIGN_IN or (
        isinstance(error, aiosmtplib.SMTPAuthenticationError) and error.code >= 500
    ):
        return Deferred(Reason.CREDENTIALS, error.code, said(answer))
    about_the_mail = isinstance(
        error,
        aiosmtplib.SMTPSenderRefused | aiosmtplib.SMTPRecipientRefused | aiosmtplib.SMTPDataError,
    )
    if error.code >= 500 and about_the_mail:
        return Refused(Reason.SMTP_REFUSED, error.code, said(answer))
    # A server that turns us away at the door says nothing about this mail, whatever the code.
    return Deferred(Reason.SMTP_DEFERRED, error.code, said(answer))


def _tls_within(error: BaseException | None) -> ssl.SSLError | ssl.CertificateError | None:
    for _ in range(10):
        if error is None:
            return None
        if isinstance(error, ssl.SSLError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _tls_words(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        # OpenSSL's own words, such as "self-signed certificate": nothing of the peer's.
        return f"the mail server's certificate is not accepted: {error.verify_message}"
    return "the TLS handshake with the mail server failed: is this port really TLS?"
