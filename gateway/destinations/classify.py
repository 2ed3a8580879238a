"""What an HTTP answer means for a delivery: the status table of contract §7. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from gateway.backoff import parse_retry_after
from gateway.delivery import ANSWER_LIMIT, Deferred, Delivered, Outcome, Reason, Refused
from gateway.masking import mask

REFUSED_AT_ONCE = frozenset({400, 405, 406, 410, 411, 413, 414, 415, 422, 501})


def answer_text(body: bytes) -> str:
    """The start of an answer as text, with what looks personal or secret masked."""
    # Masked before it is cut, so that no half of a secret stays at the edge.
    text = body[: 4 * ANSWER_LIMIT].decode("utf-8", "replace").replace("\x00", "")
    return mask(text)[:ANSWER_LIMIT]


def classify(
    status: int, headers: Mapping[str, str], body: bytes, *, success: bool, now: datetime
) -> Outcome:
    """The outcome of one answer. ``success``: what the destination's own rule says of it."""
    answer = answer_text(body)
    if success:
        return Delivered(status=status, answer=answer)
    retry_after = parse_retry_after(headers.get("retry-after"), now)
    if status in REFUSED_AT_ONCE:
        reason = {410: Reason.GONE}.get(status, Reason.REJECTED)
        return Refused(reason, status, answer, pause=status == 410)
    if status == 429:
        return Deferred(
            Reason.RATE_LIMITED, status, answer, retry_after, throttle=retry_after is not None
        )
    if status >= 500:
        throttle = status == 503 and retry_after is not None
        return Deferred(Reason.SERVER_ERROR, status, answer, retry_after, throttle=throttle)
    return Deferred(_reason(status), status, answer, retry_after)


def _reason(status: int) -> Reason:
    if status in (401, 403):
        return Reason.CREDENTIALS
    if status == 404:
        return Reason.NOT_FOUND
    if 300 <= status < 400:
        return Reason.REDIRECT
    return Reason.UNSUCCESSFUL if status < 300 else Reason.CLIENT_ERROR
