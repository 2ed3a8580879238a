"""Where Slack says that somebody pressed the button that takes a lead.

Claims at once, as Slack waits for three seconds, and then tells whoever pressed what became of it.
Answers nobody but Slack: each request is signed with an app's secret, is young, and counts once.
"""

from __future__ import annotations

from math import ceil
from typing import Any

import structlog
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.claims import LinkError
from gateway.delivery import Delivery, Message, Taken
from gateway.destinations import SlackConfig, SlackDestination
from gateway.destinations.slack_actions import TOLERANCE, Pressed, is_from_slack, read_pressed
from gateway.plain_text import one_line
from gateway.render import TemplateError
from gateway.slack_text import slack, slack_link
from gateway.store import Claimed, StoredLead
from gateway.web.claim import rules_of
from gateway.web.context import Web, web_of
from gateway.web.problems import Problem
from gateway.web.security import came_from, read_body

PLACE = "/slack/actions"
BODY_CAP = 300_000
"""A pressed button brings the whole message along."""
ASKING = 1.5
"""Seconds to ask Slack for a member's address: the claim itself has to fit into the three too."""
ANSWERING = 10.0

log = structlog.get_logger()


async def pressed(request: Request) -> Response:
    """Claim for whoever pressed. 200 within three seconds, or 401 where it is not Slack's."""
    web = web_of(request)
    secrets = {
        name: part.signing_secret.get_secret_value()
        for name, part in web.config.destinations.items()
        if isinstance(part, SlackConfig) and part.signing_secret
    }
    if not secrets:
        raise Problem(404, "no destination of kind slack has a signing_secret here")
    source = came_from(request)
    if wait := web.throttles.slack.wait(source):
        raise Problem(429, "too many wrong signatures", headers={"retry-after": str(ceil(wait))})
    body = await read_body(request, BODY_CAP)
    stamp = request.headers.get("x-slack-request-timestamp", "")
    signature = request.headers.get("x-slack-signature", "")
    now = web.clock().timestamp()
    theirs = {
        name
        for name, secret in secrets.items()
        if is_from_slack(secret, stamp, signature, body, now)
    }
    if not theirs:
        web.throttles.slack.wrong(source)
        raise Problem(401, "not signed with the signing_secret of any destination, or too old")
    found = read_pressed(body)
    # Twice the tolerance: as long as it could still be taken for a new one.
    if found is None or not await web.store.signins.use(f"slack {signature}", 2 * TOLERANCE):
        return Response(status_code=200)
    answer = await _claim(web, found, theirs)
    return Response(status_code=200, background=BackgroundTask(_tell, found, *answer))


Answer = tuple[SlackDestination | None, dict[str, Any] | None]


async def _claim(web: Web, found: Pressed, theirs: set[str]) -> Answer:
    """Claim; who answers in Slack, and what."""
    try:
        name = web.store.threads.claim_links.read(found.token, web.clock())
    except LinkError as error:
        return _destination(web, min(theirs)), _said(web, error.what)
    delivery = await web.store.deliveries.get(name)
    stored = await web.store.leads.get(delivery.lead_uid) if delivery else None
    if delivery is None or stored is None:
        return _destination(web, min(theirs)), _said(web, "gone")
    to = _destination(web, delivery.destination)
    if delivery.destination not in theirs or to is None:
        # Another workspace's secret, or a destination that is of another kind by now.
        return _destination(web, min(theirs)), _said(web, "unknown")
    agent = await _agent(web, to, stored, found)
    if agent is None:
        link = f"{web.gateway.settings.public_url or ''}/claim/{found.token}"
        return to, _said(web, "stranger", link=link)
    claimed = await web.gateway.pipeline.claim(stored, agent, "slack")
    log.info("claimed in slack", destination=to.name, what=claimed.what)
    return to, _answer(web, to, delivery, stored, agent, claimed)


def _answer(
    web: Web,
    to: SlackDestination,
    delivery: Delivery,
    stored: StoredLead,
    agent: str,
    claimed: Claimed,
) -> dict[str, Any] | None:
    """What Slack shows: the message with who has it, where nothing else will change it."""
    if claimed.what == "gone":
        return _said(web, "gone")
    if to.threads and claimed.agent == agent:
        return None  # the delivery that tells who has it changes the message
    if to.threads or claimed.at is None:
        return _said(web, "other", name=claimed.agent)
    taken = Taken(claimed.agent, claimed.at, claimed.took.total_seconds())
    message = Message(delivery.id, to.name, delivery.created_at, delivery.occasion, taken=taken)
    try:
        return {"replace_original": True, **to.payload(stored.lead, message)}
    except TemplateError:
        return _said(web, "other", name=claimed.agent)


async def _agent(web: Web, to: SlackDestination, stored: StoredLead, found: Pressed) -> str | None:
    """Who pressed: the agent with this Slack id, else with this address; anybody without agents."""
    agents = rules_of(web, stored.lead.source).agents
    if not agents:
        return found.name[:100]
    for agent in agents:
        if agent.slack == found.member:
            return agent.name
    address = await to.email_of(found.member, ASKING)
    for agent in agents if address else ():
        if agent.email and agent.email.lower() == str(address).lower():
            return agent.name
    return None


def _destination(web: Web, name: str) -> SlackDestination | None:
    destination = web.gateway.destinations.get(name)
    return destination if isinstance(destination, SlackDestination) else None


_WORDS = {
    "expired": "claim_expired",
    "unknown": "claim_expired",
    "gone": "claim_gone",
    "other": "claim_other",
    "stranger": "claim_unknown",
}


def _said(web: Web, what: str, *, name: str = "", link: str = "") -> dict[str, Any]:
    """A line that only whoever pressed sees."""
    words = web.gateway.renderer.words
    text = str(words[_WORDS[what]]).replace("{name}", slack(one_line(name), 100))
    if link:
        text += f"{words['colon']}{slack_link(link)}"
    return {"response_type": "ephemeral", "replace_original": False, "text": text}


async def _tell(
    found: Pressed, to: SlackDestination | None, payload: dict[str, Any] | None
) -> None:
    if to is None or payload is None or not found.answer_to.startswith(("http://", "https://")):
        return
    if not await to.respond(found.answer_to, payload, ANSWERING):
        # The claim is stored: only the word of it did not arrive.
        log.warning("slack did not take the answer to a button", destination=to.name)


ROUTES = [Route(PLACE, pressed, methods=["POST"])]
