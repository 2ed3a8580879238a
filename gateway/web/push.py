"""Leads that a website or a partner pushes: stored before the answer, so that a yes is a promise.

Owns the endpoint's manners (contract §8); what a lead looks like is ``gateway.sources.push_lead``.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pydantic_core
import structlog
from starlette.requests import Request
from starlette.responses import Response

from gateway.lead import Lead, RejectedItem
from gateway.sources import PushConfig
from gateway.sources.push_lead import parse_push
from gateway.store import Accepted, StoreUnavailable
from gateway.web.answers import Pushed, Verdict
from gateway.web.context import Web
from gateway.web.operation import PUSH, operation
from gateway.web.problems import Problem
from gateway.web.security import bearer, came_from, not_too_often, read_body

BODY_CAP = 2_000_000
ITEMS_CAP = 1000

_PUSHED = {
    "type": "object",
    "description": "A lead in the shape that GET /v1/leads answers; what is left out is null.",
    "required": ["id"],
    "properties": {"id": {"type": ["string", "integer"], "examples": ["order-4711"]}},
    "additionalProperties": True,
}
PUSHED = {
    "oneOf": [_PUSHED, {"type": "array", "items": _PUSHED, "minItems": 1, "maxItems": ITEMS_CAP}]
}

log = structlog.get_logger()


@operation(
    "POST",
    "/v1/sources/{name}/leads",
    tag="Push",
    who=PUSH,
    sends=PUSHED,
    answers={200: Pushed, 202: Pushed, 422: Pushed},
    problems={
        400: "not JSON, or an empty list",
        413: f"more than {ITEMS_CAP} leads, or {BODY_CAP // 1_000_000} MB",
    },
)
async def push(request: Request, web: Web, name: str) -> Response:
    """Push one lead or a list of them; each is stored before the answer.

    The token is the source's own. 202 if any was accepted, 200 if all were known, 422 if all were
    bad; what became of each stands in the answer in the order they were sent.
    """
    throttle = web.throttles.push
    not_too_often(throttle, request)
    config = web.config.sources.get(name)
    given = bearer(request)
    # The same answer for a name that is not there: who asks without a token learns no names.
    wanted = config.token.get_secret_value() if isinstance(config, PushConfig) else None
    if given is None or not same(given, wanted):
        if given is not None:
            throttle.wrong(came_from(request))
        raise Problem(
            401,
            "there is no source of kind push with this name and token: send its own, as "
            "Authorization: Bearer …",
            headers={"www-authenticate": 'Bearer realm="lead-gateway push"'},
        )
    if web.pushes.locked():
        raise Problem(429, "too many pushes at once: try again", headers={"retry-after": "1"})
    async with web.pushes:
        items = _items(await read_body(request, BODY_CAP))
        verdicts = await _accept(web, name, getattr(config, "identity", None) or name, items)
    statuses = {verdict.status for verdict in verdicts}
    status = 202 if "accepted" in statuses else 200 if "known" in statuses else 422
    answer = Pushed(items=verdicts).model_dump_json()
    return Response(answer, status, media_type="application/json")


def same(given: str, wanted: str | None) -> bool:
    """Equal, in a time that does not depend on where or in length they differ."""
    digests = [hashlib.sha256(text.encode()).digest() for text in (given, wanted or "")]
    return hmac.compare_digest(*digests) and wanted is not None


def _items(body: bytes) -> list[Any]:
    try:
        # Strict: no NaN, no half of a surrogate pair, nothing that could not be stored.
        content = pydantic_core.from_json(body, allow_inf_nan=False)
    except ValueError:
        raise Problem(400, "not JSON: send one lead as an object, or a list of them") from None
    items = content if isinstance(content, list) else [content]
    if not items:
        raise Problem(400, "the list is empty: send at least one lead")
    if len(items) > ITEMS_CAP:
        raise Problem(413, f"at most {ITEMS_CAP} leads at once: send several lists")
    return items


async def _accept(web: Web, source: str, identity: str, items: list[Any]) -> list[Verdict]:
    now = web.clock()
    verdicts: list[Verdict] = []
    leads: list[tuple[Lead, Verdict]] = []
    for item in items:
        verdict = Verdict(id=_id_of(item), status="accepted")
        verdicts.append(verdict)
        try:
            lead = parse_push(item, source=source, identity=identity, received_at=now)
        except RejectedItem as rejected:
            verdict.status, verdict.reason = "rejected", rejected.reason
            await web.store.rejects.keep(source, rejected.reason, item)
        else:
            leads.append((lead, verdict))
    results = await web.gateway.pipeline.accept([lead for lead, _ in leads]) if leads else []
    for (_, verdict), result in zip(leads, results, strict=True):
        if isinstance(result, StoreUnavailable):
            raise result
        if isinstance(result, Accepted):
            verdict.status = "accepted" if result.what in ("new", "added") else "known"
        else:
            log.error("pushed lead not stored", source=source, error=type(result).__name__)
            verdict.status, verdict.reason = "rejected", "the gateway could not store it"
    return verdicts


def _id_of(item: Any) -> str | None:
    """The id as it was sent, to tell items of one list apart."""
    value = item.get("id") if isinstance(item, dict) else None
    named = isinstance(value, (str, int)) and not isinstance(value, bool)
    return str(value)[:256] if named else None


OPERATIONS = (push,)
