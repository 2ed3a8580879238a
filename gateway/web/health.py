"""Alive, ready, and what is wrong right now: worst first, each with its name and state.

A source or destination in trouble never makes the gateway unready: leads are kept and wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.config.model import GatewayConfig
from gateway.duty import promises
from gateway.polling import MISSED_SHOWN, is_silent, polled
from gateway.store import DestinationState, Process, SourceState, StoreUnavailable
from gateway.web.answers import Alive, Readiness, Warned
from gateway.web.context import Web
from gateway.web.operation import NOBODY, operation
from gateway.web.problems import RETRY_STORE_AFTER
from gateway.web.security import bearer, from_this_machine

TAG = "Health and metrics"

_ORDER = (
    "worker", "poller", "refused", "down", "broken", "configuration", "differs", "feed", "erasures",
    "missed", "unclaimed", "paused", "dead",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong. ``about``: role, source, destination or agents; ``state`` says what.

    ``problem`` is the trouble's own sentence where one is known; only an operator is shown it.
    """

    about: str
    name: str
    state: str
    problem: str | None = None
    next_try_at: datetime | None = None
    count: int = 0


@dataclass(frozen=True, slots=True)
class Health:
    """What the store says about everything configured, read in one go."""

    sources: dict[str, SourceState]
    destinations: list[DestinationState]
    workers: int
    processes: list[Process]
    warnings: list[Trouble]


async def read_health(web: Web) -> Health:
    """Raises StoreUnavailable."""
    names = await web.destination_names()
    destinations = await web.store.destinations.describe(names)
    sources = {name: await web.store.sources.get(name) for name in web.config.sources}
    workers = len(await web.store.leases.workers())
    processes = await web.store.processes.running()
    overdue = 0
    if promises(web.config):
        overdue = (await web.store.ladders.promise(web.store.counts)).overdue
    warnings = find_warnings(
        web.config, sources, destinations, workers, web.clock(), processes=processes,
        overdue=overdue,
    )  # fmt: skip
    return Health(sources, destinations, workers, processes, warnings)


def find_warnings(
    config: GatewayConfig,
    sources: dict[str, SourceState],
    destinations: list[DestinationState],
    workers: int,
    now: datetime,
    *,
    processes: Sequence[Process] = (),
    overdue: int = 0,
) -> list[Trouble]:
    """Everything that is wrong, worst first. Pure."""
    found: list[Trouble] = []
    if not workers and config.destinations:
        found.append(Trouble("role", "worker", "worker"))
    running = {
        name: state
        for name, state in sources.items()
        if polled(config, name) and state.state != "paused"
    }
    if running and all(is_silent(config, state, now) for state in running.values()):
        found.append(Trouble("role", "poller", "poller"))
    found += _of_processes(processes)
    for name, source in sources.items():
        if source.state in ("down", "refused", "paused"):
            problem = None if source.state == "paused" else source.problem
            found.append(Trouble("source", name, source.state, problem, source.next_try_at))
        for feed, text in source.feed_problems.items():
            found.append(Trouble("source", name, "feed", f"{feed}: {text}"))
        if source.held:
            found.append(Trouble("source", name, "erasures", count=len(source.held)))
        if source.missed_at and now - source.missed_at < MISSED_SHOWN:
            found.append(Trouble("source", name, "missed", count=source.missed_leads))
    for destination in destinations:
        if destination.state in ("broken", "paused"):
            found.append(
                Trouble("destination", destination.name, destination.state, destination.reason)
            )
        if destination.dead:
            found.append(Trouble("destination", destination.name, "dead", count=destination.dead))
    if overdue:
        found.append(Trouble("agents", "", "unclaimed", count=overdue))
    return sorted(found, key=lambda warning: _ORDER.index(warning.state))


def _of_processes(processes: Sequence[Process]) -> list[Trouble]:
    """Roles that refused a configuration, or that do not all work by the same one."""
    found = [
        Trouble("role", process.name, "configuration", process.problem)
        for process in processes
        if process.problem
    ]
    if not found and len({process.digest for process in processes}) > 1:
        newest = max(processes, key=lambda process: process.loaded_at)
        found = [
            Trouble("role", process.name, "differs")
            for process in processes
            if process.digest != newest.digest
        ]
    return found


@operation("GET", "/healthz", tag=TAG, who=NOBODY)
async def healthz() -> Alive:
    """Say whether this process answers."""
    return Alive()


@operation(
    "GET", "/readyz", tag=TAG, who=NOBODY, answers={200: Readiness, 503: Readiness}
)  # fmt: skip
async def readyz(request: Request, web: Web) -> Response:
    """Say whether this gateway can take leads, with what is wrong besides.

    503 only when the store or the configuration fails. Details of warnings are for the admin.
    """
    try:
        await web.store.connection.check_writes()
        health = await read_health(web)
    except StoreUnavailable as error:
        return JSONResponse(
            {"status": "unavailable", "store": str(error), "warnings": []},
            503,
            headers={"retry-after": str(RETRY_STORE_AFTER)},
        )
    given = bearer(request)
    operator = from_this_machine(request) or bool(given and web.sessions.tokens.whose(given))
    return JSONResponse(
        {
            "status": "ready",
            "warnings": [_shown(warning, operator) for warning in health.warnings],
        }
    )


def _shown(warning: Trouble, operator: bool) -> dict[str, object]:
    shown = {**asdict(warning), "problem": (warning.problem or "") if operator else ""}
    if warning.state in ("worker", "poller"):
        shown["state"] = "missing"
    return Warned.model_validate(shown).model_dump(mode="json", exclude_defaults=True)


OPERATIONS = (healthz, readyz)
