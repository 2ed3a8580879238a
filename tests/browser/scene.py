"""A day in the life of a gateway, written straight into a store: for screenshots and browser tests.

A day of invented leads with their deliveries; a receiver that is down, one that is paused, dead
letters for several reasons, a source that refuses us. The store's clock is shifted to let it pass.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway import __version__
from gateway.delivery import Reason, lead_uid
from gateway.lead import Lead
from gateway.sandbox.leads import LeadFactory
from gateway.sources.gsl_lead import normalise
from gateway.store import Claim, Report
from gateway.store.processes import Process
from gateway.store.sources import FeedTrouble
from gateway.wiring import Gateway

WORKER = "scene"
TOKEN = "the-admin-token-of-the-scene"
CONFIGURATION = """\
version: 1
language: fr
stale_after: 2d
timezone: Europe/Paris
links: {classified: "https://portal.example/annonces/{{ property.classified_id }}"}
sources:
  seloger:
    kind: gsl
    base_url: https://leads.portal.example
    token_url: https://auth.portal.example/token
    client_id: agence
    client_secret: invented-client-secret
  logic-immo:
    kind: gsl
    base_url: https://leads.portal.example
    token_url: https://auth.portal.example/token
    client_id: agence-2
    client_secret: invented-client-secret-2
  website: {kind: push, token: invented-push-token}
destinations:
  crm:
    kind: webhook
    url: https://crm.example.com/leads
    auth: {bearer: invented-crm-token}
    sign: {standard_webhooks: whsec_c2FuZGJveC1zYW5kYm94LXNhbmRib3gtc2FuZGJveC0=}
    rate_limit: 10/s
  inbox:
    kind: email
    smtp: smtp://desk:invented-mail-password@mail.example.com:587
    from: "Leads <leads@agency.example>"
    to: [desk@agency.example]
  team: {kind: slack, webhook_url: "https://hooks.slack.example/services/T0/B0/invented-hook"}
  hektor: {kind: webhook, url: "https://hektor.example.com/api/contacts"}
  archive: {kind: webhook, url: "https://archive.example.com/in"}
agents:
  - {name: Anne Martin, email: anne@agency.example, hours: "Mon-Sun 08:00-20:00"}
  - {name: Bob Petit, email: bob@agency.example}
  - {name: Chloé Noir, away: [2020-01-01..2099-12-31]}
claim: {within: 5m, target: 0.9, then: [{after: 10m, to: [team]}, {after: 30m, to: [inbox]}]}
routes:
  - {when: lead.category == "ESTIMATION", to: [crm, inbox], stop: true}
  - {when: lead.category == "PROJECT", to: [crm, team, hektor], stop: true}
  - when: lead.category == "CLASSIFIED" and lead.property.price > 1200000
    to: [inbox, team, archive]
    stop: true
  - {when: lead.category != "CALL_TRACKING", to: [crm, inbox, team]}
"""

DOWN_SINCE = 58
"""Minutes since which hektor does not answer."""
_LAST_PROJECTS = ((55.0, "PROJECT"), (38.0, "PROJECT"), (21.0, "PROJECT"))
"""Enough failures in a row to open its breaker."""
_DEAD = {
    "crm": (
        (Reason.REJECTED, 422, '{"error": "phone: is not a valid number", "field": "phone"}'),
        (Reason.REJECTED, 400, '{"error": "source: unknown portal code SL"}'),
        (Reason.TEMPLATE, None, "templates/crm.json.j2:4: lead.property.sqm does not exist"),
    ),
    "inbox": (
        (Reason.RECIPIENT_REFUSED, 550, "5.1.1 <desk@…>: Recipient address rejected"),
    ),
    "team": ((Reason.REJECTED, 400, "invalid_blocks"),),
}  # fmt: skip


async def play(gateway: Gateway, *, seed: int = 7, per_hour: float = 6.0) -> list[str]:
    """Write the day; the leads' ids, oldest first."""
    store, draw, factory = gateway.store, random.Random(seed), LeadFactory(seed)
    await store.destinations.pause("archive")
    ids: list[str] = []
    dead = 0
    planner, clock = gateway.pipeline.planner, gateway.pipeline.planner._clock
    moments = [(minutes, None) for minutes in _moments(draw, per_hour)]
    for minutes, category in sorted([*moments, *_LAST_PROJECTS], reverse=True):
        at = datetime.now(UTC) - timedelta(minutes=minutes)
        planner._clock = lambda at=at: at
        store.connection.clock_shift = -minutes * 60
        made = factory.make(category, at - timedelta(seconds=draw.uniform(0.05, 1.5)))
        lead = normalise(
            made.feeds, source="seloger" if draw.random() < 0.8 else "logic-immo",
            identity="seloger", received_at=at,
        )  # fmt: skip
        (accepted,) = await gateway.pipeline.accept([lead])
        assert not isinstance(accepted, Exception)
        ids.append(made.id)
        for item in accepted.deliveries:
            found = await store.deliveries.get(item)
            assert found is not None
            if found.destination == "archive":
                continue
            ends: Sequence[dict[str, Any]] = [_delivered(draw, found.destination)]
            if found.destination == "hektor" and minutes <= DOWN_SINCE:
                ends = [_down()] * 3
            elif found.destination in _DEAD and draw.random() < 0.03:
                causes = _DEAD[found.destination]
                ends = [_refused(causes[dead % len(causes)])]
                dead += 1
            elif draw.random() < 0.06:
                ends = [_deferred(draw), _delivered(draw, found.destination)]
            await _attempts(gateway, item, found.destination, ends)
        await _claim(gateway, lead, draw, minutes)
    store.connection.clock_shift, planner._clock = 0, clock
    await live(gateway)
    await _sources(gateway)
    return ids


async def _claim(gateway: Gateway, lead: Lead, draw: random.Random, minutes: float) -> None:
    """Somebody takes it, most within the promise; the last ones still wait."""
    took = draw.lognormvariate(4.6, 0.9)
    if took / 60 < minutes and draw.random() < 0.94:
        gateway.store.connection.clock_shift = took - minutes * 60
        stored = await gateway.store.leads.get(lead_uid(lead.identity, lead.id))
        assert stored is not None
        name = stored.lead.agent.name or "Anne Martin"
        # Without word of it to anybody: what is told, other tests tell.
        await gateway.store.ladders.claim(
            stored.uid, name, draw.choice(["email", "slack"]), on_time=timedelta(minutes=5)
        )


def _moments(draw: random.Random, per_hour: float) -> list[float]:
    """Minutes ago: busy by day and in the evening, quiet by night."""
    found = []
    for hour in range(24):
        local = (datetime.now().astimezone() - timedelta(hours=hour)).hour
        busy = 0.15 if local < 7 else 1.6 if 17 <= local < 22 else 1.0
        found += [hour * 60 + draw.uniform(0.05, 59) for _ in range(round(per_hour * busy))]
    return found


async def live(gateway: Gateway) -> None:
    """Let a worker and a poller live for some seconds, as far as the store knows."""
    store, loaded = gateway.store, gateway.loaded
    await store.leases.start_worker(WORKER)
    for pid, role in enumerate(("poller", "web", "worker"), start=4711):
        since = datetime.now(UTC).timestamp() - 86_400
        await store.processes.here(
            Process(f"scene-{role}", role, "agence-1", pid, __version__, loaded.digest, since)
        )


async def _attempts(
    gateway: Gateway, item: str, destination: str, ends: Sequence[dict[str, Any]]
) -> None:
    """Make attempts that end so; a delivery that waits is asked to go on at once."""
    store = gateway.store
    for end in ends:
        store.connection.clock_shift += end["duration_ms"] / 1000
        await store.leases.start_worker(WORKER)
        claim = Claim(destination, [item], timeout=0.0)
        (begun,) = await store.deliveries.begin(WORKER, [claim])
        if not begun.work:
            await gateway.pipeline.replay([item])
            (begun,) = await store.deliveries.begin(WORKER, [claim])
        for work in begun.work:
            await store.deliveries.finish(WORKER, [Report(work.id, work.number, **end)])


def _delivered(draw: random.Random, destination: str) -> dict[str, Any]:
    remote = str(draw.randrange(10_000, 99_999)) if destination in ("crm", "hektor") else ""
    status = {"inbox": 250}.get(destination, 201)
    return {
        "outcome": "delivered", "reason": Reason.ACCEPTED, "status": status, "health": "up",
        "duration_ms": round(draw.lognormvariate(4.4, 0.7)), "remote_id": remote,
        "answer": f'{{"id": "{remote}"}}' if remote else "",
    }  # fmt: skip


def _deferred(draw: random.Random) -> dict[str, Any]:
    return {
        "outcome": "deferred", "reason": Reason.SERVER_ERROR, "status": 503, "wait": 5.0,
        "duration_ms": round(draw.uniform(80, 900)), "answer": "Service Unavailable",
    }  # fmt: skip


def _down() -> dict[str, Any]:
    return {
        "outcome": "deferred", "reason": Reason.CONNECTION, "wait": 900.0, "health": "down",
        "duration_ms": 3004, "answer": "",
    }  # fmt: skip


def _refused(why: tuple[Reason, int | None, str]) -> dict[str, Any]:
    reason, status, answer = why
    return {
        "outcome": "refused", "reason": reason, "status": status, "answer": answer,
        "duration_ms": 131,
    }  # fmt: skip


async def _sources(gateway: Gateway) -> None:
    now = datetime.now(UTC)
    sources, leases = gateway.store.sources, gateway.store.leases
    for name in ("seloger", "logic-immo"):
        await sources.begin(name, now - timedelta(days=3))
        token = await leases.take(f"source:{name}", "scene", 30.0)
        feeds = ("leads", "classifieds", "agencies", "estimations", "projects")
        await sources.move(name, dict.fromkeys(feeds, now - timedelta(seconds=4)), token)
    await sources.succeeded("seloger", now, took=0.21, skew=1.4, troubles={})
    problem = (
        "the token request was answered 401 (invalid_client); look at "
        "sources.logic-immo.client_id and .client_secret"
    )
    trouble = FeedTrouble(
        problem, now + timedelta(minutes=4), {"error": "invalid_client", "trace": {}}
    )
    await sources.failed("logic-immo", "refused", trouble)
    await gateway.store.rejects.keep(
        "seloger", "an item has no leadMetaInfos.leadId", '{"contactRequest": null}'
    )
