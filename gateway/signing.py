"""Signatures: the receiver can prove who sent a request and that it is whole.

Standard Webhooks (its specification's symmetric scheme ``v1``: HMAC-SHA256 over
``id.timestamp.body``), and the plain HMAC of a body that older receivers want. Pure: time comes in,
and no secret ever comes out in a text.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field

PREFIX = "whsec_"


def secret_bytes(secret: str) -> bytes:
    """The key behind a secret: ``whsec_`` and base64 (padded or not), or any other text as it is.

    Raises ValueError for an empty secret and for one whose base64 is broken.
    """
    if not secret.startswith(PREFIX):
        key = secret.encode()
    else:
        coded = secret.removeprefix(PREFIX).rstrip("=")
        try:
            key = base64.b64decode(coded + "=" * (-len(coded) % 4), validate=True)
        except binascii.Error:
            raise ValueError("what follows whsec_ must be base64") from None
    if not key:
        raise ValueError("a signing secret can not be empty")
    return key


def signature_headers(
    keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes
) -> dict[str, str]:
    """``webhook-id``, ``webhook-timestamp`` (Unix seconds) and ``webhook-signature``.

    One signature per key, space-separated: while a secret is rotated, old and new both verify.
    """
    signed = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(
            "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys
        ),
    }


@dataclass(frozen=True, slots=True)
class HmacHeader:
    """A header with the HMAC of the body: ``prefix`` and the digest, in ``hex`` or ``base64``.

    It proves the body and not the moment: who keeps a request can send it again.
    """

    name: str
    key: bytes = field(repr=False)
    algorithm: str = "sha256"
    encoding: str = "hex"
    prefix: str = ""

    def over(self, body: bytes) -> dict[str, str]:
        """The header for this body."""
        digest = hmac.digest(self.key, body, self.algorithm)
        text = digest.hex() if self.encoding == "hex" else base64.b64encode(digest).decode()
        return {self.name: self.prefix + text}
