"""Standard Webhooks signatures: the receiver can prove that we sent it and that nobody changed it.

Source: the Standard Webhooks specification, symmetric scheme ``v1``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence


def secret_bytes(secret: str) -> bytes:
    """The key of a ``whsec_…`` secret (base64), or of any other text as it is."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ValueError("after whsec_ the secret must be base64") from None


def signature_headers(
    secrets: Sequence[bytes], message_id: str, timestamp: int, body: bytes
) -> dict[str, str]:
    """``webhook-id``, ``webhook-timestamp`` (Unix seconds) and ``webhook-signature``.

    One signature per secret, space-separated, so that a secret can be rotated without a gap.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = [
        "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        for key in secrets
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }
