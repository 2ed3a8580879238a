"""Dead letters: grouped by destination and reason; one, some or all replayed or discarded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.delivery import Reason, State
from gateway.web import acting, reading
from gateway.web.context import web_of
from gateway.web.dashboard.frame import LIST_ROWS, action, back, frame
from gateway.web.pages import page
from gateway.web.problems import Problem
from gateway.web.security import read_form
from gateway.web.signin import signed_in

ACT_LIMIT = 10_000
"""Letters that one press acts on; who has more presses again."""
PICK = "pick:"


@dataclass(frozen=True, slots=True)
class Group:
    """Letters of one destination that died for one reason; None for those counted under none."""

    destination: str
    reason: str | None
    count: int


@signed_in
async def dead_letters(request: Request, session: str) -> Response:
    """Deliveries that were given up, the latest first, all of them or one group."""
    web = web_of(request)
    health, shared = await frame(web)
    destination, reason = _wanted(request.query_params)
    found = await web.store.deliveries.page(
        request.query_params.get("cursor") or None,
        LIST_ROWS,
        destinations=[destination] if destination else None,
        states=[State.DEAD],
        reason=reason,
    )
    uids = list(dict.fromkeys(item.lead_uid for item in found.items))
    stored = await web.store.leads.get_many(uids)
    dying = {item.name: item.dead for item in health.destinations if item.dead}
    counted = await web.store.counts.dead_reasons(list(dying))
    query = {name: value for name, value in _query(destination, reason).items() if value}
    values = {
        "letters": await reading.whole(web, [item.id for item in found.items]),
        "leads": {uid: lead for uid, lead in zip(uids, stored, strict=True) if lead},
        "groups": groups(dying, counted),
        "destination": destination,
        "reason": reason,
        "here": "/dead-letters" + (f"?{urlencode(query)}" if query else ""),
        "next_cursor": found.next_cursor,
    }
    return page(request, "dead_letters.html", {**shared, **values})


def groups(dying: Mapping[str, int], counted: Mapping[str, Mapping[str, int]]) -> list[Group]:
    """Every group with how many it has, the largest first. Pure."""
    found = []
    for name, total in dying.items():
        found += [Group(name, reason, count) for reason, count in counted[name].items()]
        if rest := total - sum(counted[name].values()):
            found.append(Group(name, None, rest))
    return sorted(found, key=lambda group: (-group.count, group.destination, group.reason or ""))


@signed_in
async def act_on_some(request: Request, session: str) -> Response:
    """Replay or discard the letters that were picked, or all that match."""
    fields = await read_form(request, session)
    web = web_of(request)
    destination, reason = _wanted(fields)
    if fields.get("which") == "picked":
        ids = [name.removeprefix(PICK) for name in fields if name.startswith(PICK)]
    else:
        ids, _ = await reading.dead_ids(web, destination, reason, ACT_LIMIT)
    replays = action(request) == "replay"
    act = acting.replay if replays else acting.discard
    acted = await act(web, ids, dead_only=True)
    return back(fields.get("back", "/dead-letters"), "replayed" if replays else "discarded", acted)


def _wanted(given: Mapping[str, str]) -> tuple[str | None, Reason | None]:
    reason = given.get("reason") or None
    if reason is not None and reason not in set(Reason):
        raise Problem(400, "there is no such reason")
    return given.get("destination") or None, Reason(reason) if reason else None


def _query(destination: str | None, reason: Reason | None) -> dict[str, str | None]:
    return {"destination": destination, "reason": reason.value if reason else None}


ROUTES = (
    Route("/dead-letters", dead_letters),
    Route("/dead-letters/replay", act_on_some, methods=["POST"]),
    Route("/dead-letters/discard", act_on_some, methods=["POST"]),
)
