"""A simulated GSL portal: all seven operations, tokens, real paging by key, and faults
on request.
"""

from __future__ import annotations

import base64
import bisect
import json
import random
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from gateway.sandbox.leads import LeadFactory, PortalLead

SCOPE = "laas:leads:get"
KEPT = 200_000
FAULTS = ("500", "429", "html", "truncated", "slow", "drop", "401")


@dataclass(slots=True)
class Portal:
    """The portal's state. Leads by the time they became visible, oldest first."""

    client_id: str = "sandbox"
    client_secret: str = "sandbox"
    token_lifetime: int = 3600
    milliseconds: bool = False
    clock_skew: float = 0.0
    errors: float = 0.0
    """The share of calls that fail, in any of the ways of :data:`FAULTS`."""
    forbidden_feeds: frozenset[str] = frozenset()
    down: bool = False
    seed: int = 1
    calls: Counter[str] = field(default_factory=Counter)
    next_faults: list[str] = field(default_factory=list)
    """Faults for the next calls, in order, before any by chance."""
    _factory: LeadFactory = field(init=False)
    _random: random.Random = field(init=False)
    _order: list[tuple[int, str]] = field(default_factory=list)
    _leads: dict[str, tuple[PortalLead, dict[str, bytes]]] = field(default_factory=dict)
    _tokens: dict[str, tuple[float, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._factory = LeadFactory(self.seed)
        self._random = random.Random(self.seed ^ 0x5EED)

    @property
    def created(self) -> list[str]:
        """The ids of all leads, by time."""
        return [lead_id for _, lead_id in self._order]

    def lead(self, lead_id: str) -> PortalLead | None:
        """One lead."""
        found = self._leads.get(lead_id)
        return found[0] if found else None

    def add(
        self, count: int = 1, category: str | None = None, at: datetime | None = None
    ) -> list[PortalLead]:
        """Make leads. ``at`` their creation (now)."""
        return [self.put(self._factory.make(category, at)) for _ in range(count)]

    def put(self, lead: PortalLead) -> PortalLead:
        """Add one lead, or replace it."""
        bodies = {
            feed: json.dumps(item, ensure_ascii=False).encode() for feed, item in lead.feeds.items()
        }
        if lead.id not in self._leads:
            bisect.insort(self._order, (_ms(lead.created_at), lead.id))
        self._leads[lead.id] = (lead, bodies)
        while len(self._order) > KEPT:
            _, oldest = self._order.pop(0)
            del self._leads[oldest]
        return lead

    def put_raw(self, feed: str, item: Any, at: datetime | None = None) -> None:
        """Add any JSON value to a feed as it is: what a faulty portal would send."""
        meta = item.get("leadMetaInfos") if isinstance(item, dict) else None
        name = meta.get("leadId") if isinstance(meta, dict) else None
        lead_id = str(name) if name else f"raw-{len(self._order)}"
        moment = at or datetime.now(UTC)
        lead = PortalLead(lead_id, "CLASSIFIED", moment, {feed: item}, item, None)
        self.put(lead)

    def nullify(self, lead_id: str) -> None:
        """Erase a person as the portal does: name, e-mail and phone come back null."""
        lead, _ = self._leads[lead_id]
        text = json.dumps(dict(lead.feeds))
        feeds = json.loads(text)
        for item in feeds.values():
            request = item["contactRequest"]
            person = request.get("personContact", request)
            for key in ("fullName", "email", "phoneNumber"):
                person[key] = None
        self.put(
            PortalLead(
                lead.id, lead.category, lead.created_at, feeds, feeds["leads"], lead.classified_id
            )
        )

    def page(
        self, feed: str, start: int, end: int, key: str | None, limit: int, ascending: bool
    ) -> tuple[list[bytes], str | None]:
        """Items of a feed between two moments (ms, both included), after a key; and the
        next key.
        """
        low = bisect.bisect_left(self._order, (start, ""))
        high = bisect.bisect_right(self._order, (end, "\uffff"))
        if key is not None:
            mark = _place(key)
            if ascending:
                low = max(low, bisect.bisect_right(self._order, mark))
            else:
                high = min(high, bisect.bisect_left(self._order, mark))
        items: list[bytes] = []
        last: tuple[int, str] | None = None
        for index in range(low, high) if ascending else range(high - 1, low - 1, -1):
            body = self._leads[self._order[index][1]][1].get(feed)
            if body is None:
                continue
            if len(items) == limit:
                return items, _key(*last) if last else None
            items.append(body)
            last = self._order[index]
        return items, None

    def classified(self, classified_id: int) -> list[bytes]:
        """The leads of one classified, oldest first."""
        return [
            self._leads[lead_id][1]["classifieds"]
            for _, lead_id in self._order
            if self._leads[lead_id][0].classified_id == classified_id
            and "classifieds" in self._leads[lead_id][1]
        ]

    def issue(self, scope: str) -> dict[str, Any]:
        """A token."""
        token = secrets.token_urlsafe(24)
        self._tokens[token] = (time.time() + self.token_lifetime, scope)
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": self.token_lifetime,
            "scope": scope,
        }

    def revoke_all(self) -> None:
        """Forget every token."""
        self._tokens.clear()

    def allows(self, token: str) -> tuple[int, str] | None:
        """None if the token may read; else the status and what is wrong."""
        known = self._tokens.get(token)
        if known is None or known[0] < time.time():
            return 401, "The access token is missing, expired or unknown."
        if SCOPE not in known[1].split():
            return 403, f"The access token lacks the scope {SCOPE}."
        return None

    def fault(self) -> str | None:
        """The fault that the next call meets, if any."""
        if self.next_faults:
            return self.next_faults.pop(0)
        if self.errors and self._random.random() < self.errors:
            return self._random.choice(FAULTS)
        return None


def portal_app(portal: Portal) -> Starlette:
    """The portal's HTTP face."""
    face = _Face(portal)
    searches = {
        "leads": "/v2/leads",
        "classifieds": "/v2/leads/classifieds",
        "agencies": "/v2/leads/agencies",
        "estimations": "/v2/leads/estimations",
        "projects": "/v2/leads/projects",
    }
    routes = [Route("/oauth/token", face.token, methods=["POST"])]
    for feed, path in searches.items():
        routes.append(Route(path, face.search(feed), methods=["POST"]))
    routes += [
        Route("/v2/leads/classifieds/{classified_id:int}", face.classified, methods=["POST"]),
        Route("/v2/leads/{lead_id}", face.lead, methods=["GET"]),
        Route("/__sandbox__/faults", face.set_faults, methods=["POST"]),
        Route("/__sandbox__/leads", face.add_leads, methods=["POST"]),
        Route("/__sandbox__/state", face.state, methods=["GET"]),
        Route("/", face.index, methods=["GET"]),
    ]
    return Starlette(routes=routes)


class _Face:
    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    async def index(self, request: Request) -> Response:
        base = str(request.base_url).rstrip("/")
        return Response(
            "A simulated GSL portal. In gateway.yaml:\n\n"
            f"  kind: gsl\n  base_url: {base}\n  token_url: {base}/oauth/token\n"
            "  client_id: sandbox\n  client_secret: sandbox\n",
            media_type="text/plain",
        )

    async def token(self, request: Request) -> Response:
        portal = self._portal
        portal.calls["token"] += 1
        if portal.down:
            return self._problem(503, "Service Unavailable", "The portal is down.")
        body = await request.body()
        try:
            if "json" in request.headers.get("content-type", ""):
                fields = dict(json.loads(body))
            else:
                fields = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        except (ValueError, TypeError):
            return JSONResponse({"error": "invalid_request"}, 400)
        authorization = request.headers.get("authorization", "")
        if authorization.startswith("Basic "):
            couple = base64.b64decode(authorization[6:]).decode().partition(":")
            fields |= {"client_id": couple[0], "client_secret": couple[2]}
        if fields.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        given = (fields.get("client_id"), fields.get("client_secret"))
        if given != (portal.client_id, portal.client_secret):
            return JSONResponse({"error": "invalid_client"}, 401)
        scope = str(fields.get("scope", SCOPE))
        if scope != SCOPE:
            return JSONResponse({"error": "invalid_scope"}, 400)
        return JSONResponse(portal.issue(scope), headers=self._headers())

    def search(self, feed: str) -> Any:
        async def answer(request: Request) -> Response:
            early = await self._gate(request, feed)
            if early is not None:
                return early
            try:
                body = json.loads(await request.body())
                criteria, paging = body["SearchCriteria"], body.get("Pagination") or {}
                start, end = int(criteria["StartDate"]), int(criteria["EndDate"])
                limit, key = int(paging.get("Limit", 100)), paging.get("LastItemKey")
                order = paging.get("Order", "asc")
            except (ValueError, KeyError, TypeError):
                return self._invalid(
                    "SearchCriteria", "StartDate and EndDate are required integers."
                )
            if not 1 <= limit <= 100:
                return self._invalid("Limit", "Limit must be between 1 and 100.")
            scale = 1 if self._portal.milliseconds else 1000
            # A search names whole seconds: the last one is in it to its end.
            items, following = self._portal.page(
                feed, start * scale, end * scale + scale - 1, key, limit, order != "desc"
            )
            return self._page(items, following)

        return answer

    async def classified(self, request: Request) -> Response:
        early = await self._gate(request, "classified")
        if early is not None:
            return early
        items = self._portal.classified(request.path_params["classified_id"])
        return self._page(items, None)

    async def lead(self, request: Request) -> Response:
        early = await self._gate(request, "lead")
        if early is not None:
            return early
        found = self._portal.lead(request.path_params["lead_id"])
        if found is None:
            return self._problem(404, "Not Found", "There is no such lead.")
        return JSONResponse(found.single, headers=self._headers())

    async def _gate(self, request: Request, operation: str) -> Response | None:
        """What stands before an operation: faults, then the token, then the plan."""
        portal = self._portal
        portal.calls[operation] += 1
        fault = "500" if portal.down else portal.fault()
        if fault is not None:
            portal.calls[f"fault:{fault}"] += 1
            response = await self._fault(fault, request)
            if response is not None:
                return response
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if refused := portal.allows(token):
            return self._problem(refused[0], "Unauthorized", refused[1])
        if operation in portal.forbidden_feeds:
            return self._problem(
                403, "Forbidden", "Your usage plan does not include this resource."
            )
        return None

    async def _fault(self, fault: str, request: Request) -> Response | None:
        if fault == "500":
            return self._problem(500, "Internal Server Error", "Something went wrong on our side.")
        if fault == "429":
            answer = self._problem(429, "Too Many Requests", "Your usage plan is exhausted.")
            answer.headers["retry-after"] = "2"
            return answer
        if fault == "401":
            self._portal.revoke_all()
            return None
        if fault == "html":
            return HTMLResponse("<html><body><h1>Maintenance</h1></body></html>", 200)
        if fault == "truncated":
            return Response(b'{"Data": {"Items": [{"leadMe', media_type="application/json")
        if fault == "slow":
            import asyncio

            await asyncio.sleep(1.0)
            return None
        return Response(b"", 502)

    def _page(self, items: list[bytes], key: str | None) -> Response:
        tail = b"" if key is None else b', "LastItemKey": ' + json.dumps(key).encode()
        body = b'{"Data": {"Items": [' + b", ".join(items) + b"]" + tail + b'}, "Count": '
        return Response(
            body + str(len(items)).encode() + b"}",
            media_type="application/json",
            headers=self._headers(),
        )

    def _invalid(self, title: str, message: str) -> Response:
        return self._problem(
            400, "Bad Request", "The request is not valid.",
            errors=[{"title": title, "message": message}], errorSource="REQUEST_BODY",
        )  # fmt: skip

    def _problem(self, status: int, title: str, detail: str, **more: Any) -> Response:
        document = {
            "type": "about:blank",
            "title": title,
            "status": status,
            "detail": detail,
            **more,
        }
        return JSONResponse(
            document, status, headers=self._headers(), media_type="application/problem+json"
        )

    def _headers(self) -> dict[str, str]:
        moment = datetime.fromtimestamp(time.time() + self._portal.clock_skew, UTC)
        return {
            "date": format_datetime(moment, usegmt=True),
            "traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01",
        }

    async def set_faults(self, request: Request) -> Response:
        wanted = await request.json()
        portal = self._portal
        portal.down = bool(wanted.get("down", portal.down))
        portal.errors = float(wanted.get("errors", portal.errors))
        portal.next_faults += [str(item) for item in wanted.get("next", [])][:1000]
        if "client_secret" in wanted:
            portal.client_secret = str(wanted["client_secret"])
            portal.revoke_all()
        return JSONResponse({"ok": True})

    async def add_leads(self, request: Request) -> Response:
        wanted = await request.json()
        if "raw" in wanted:
            self._portal.put_raw(wanted.get("feed", "leads"), wanted["raw"])
            return JSONResponse({"added": 1})
        count = min(int(wanted.get("count", 1)), 10_000)
        added = self._portal.add(count, wanted.get("category"))
        return JSONResponse({"added": len(added), "ids": [lead.id for lead in added]})

    async def state(self, request: Request) -> Response:
        return JSONResponse({"leads": len(self._portal.created), "calls": dict(self._portal.calls)})


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _key(at: int, lead_id: str) -> str:
    return base64.urlsafe_b64encode(f"{at}|{lead_id}".encode()).decode()


def _place(key: str) -> tuple[int, str]:
    at, _, lead_id = base64.urlsafe_b64decode(key.encode()).decode().partition("|")
    return int(at), lead_id
