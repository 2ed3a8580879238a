"""What an HTTP answer means for a delivery: the status table of contract §7.

Pure: an answer and the time come in, an outcome goes out. Knows no destination: each says for
itself which answers are a success.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from gateway.backoff import parse_retry_after
from gateway.delivery import ANSWER_LIMIT, Deferred, Delivered, Outcome, Reason, Refused
from gateway.masking import SECRET, mask

REFUSED_AT_ONCE = frozenset({400, 405, 406, 410, 411, 413, 414, 415, 422, 501})
"""Statuses that say: never in this form. Everything else that failed is tried again."""


def classify(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    success: bool,
    now: datetime,
    hide: Sequence[str] = (),
) -> Outcome:
    """The outcome of one answer.

    ``headers`` by lower-case name; ``success`` is what the destination's own rule says of the
    answer; ``now`` turns a Retry-After date into seconds; ``hide`` are secrets of the destination.
    """
    answer = answer_text(body, hide)
    if success:
        return Delivered(status=status, answer=answer)
    if status == 410:
        # Standard Webhooks: the receiver wants no more, so the whole destination stops.
        return Refused(Reason.GONE, status, answer, pause=True)
    if status in REFUSED_AT_ONCE:
        return Refused(Reason.REJECTED, status, answer)
    retry_after = parse_retry_after(headers.get("retry-after"), now)
    return Deferred(
        _reason(status),
        status,
        answer,
        retry_after,
        throttle=status == 429 or (status == 503 and retry_after is not None),
    )


def answer_text(body: bytes, hide: Sequence[str] = ()) -> str:
    """The start of an answer as text, with what looks personal or secret masked.

    ``hide`` are texts that are secret for certain.
    """
    # Masked before it is cut, so that no half of a secret is left at the edge.
    text = body[: 4 * ANSWER_LIMIT].decode("utf-8", "replace").replace("\x00", "")
    for secret in hide:
        text = text.replace(secret, SECRET)
    return mask(text)[:ANSWER_LIMIT]


def _reason(status: int) -> Reason:
    if status in (401, 403):
        return Reason.CREDENTIALS
    if status == 404:
        return Reason.NOT_FOUND
    if status == 429:
        return Reason.RATE_LIMITED
    if status < 300:
        return Reason.UNSUCCESSFUL
    if status < 400:
        return Reason.REDIRECT
    return Reason.CLIENT_ERROR if status < 500 else Reason.SERVER_ERROR
