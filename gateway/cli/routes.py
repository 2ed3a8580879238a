"""The command ``routes test``: where leads would go, whose they would be, and which rule says so.

Decides exactly as the gateway does and changes nothing: nobody's turn is taken.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import output
from gateway.cli.command import Invocation, JsonOption, command, group
from gateway.cli.faults import UsageError, WorkError

if TYPE_CHECKING:
    from gateway.agency import Agency
    from gateway.config import Loaded
    from gateway.lead import Lead
    from gateway.routing import Decision

HEADING = "Try"
FILE_LIMIT = 20_000_000
LEADS_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """One lead, and what the rules say of it. ``agents`` may have it; the first is next in line."""

    label: str
    agency: str
    agents: tuple[str, ...]
    why: str
    decision: Decision

    def record(self) -> dict[str, Any]:
        """As JSON. Rules count from 1; 0 means that there are no routes."""
        return {
            "lead": self.label,
            "agency": self.agency or None,
            "agents": list(self.agents),
            "why": self.why,
            "destinations": dict(zip(self.decision.destinations, self.decision.rules, strict=True)),
            "unrouted": self.decision.unrouted,
            "error": self.decision.error,
        }


async def try_rules(
    invocation: Invocation,
    lead: Annotated[
        str | None, typer.Option("--lead", metavar="LEAD", help="A stored lead: SOURCE/ID")
    ] = None,
    sample: Annotated[
        list[str] | None,
        typer.Option("--sample", metavar="CATEGORY", help="An invented lead (repeatable)"),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="Leads as JSON: one, or a list of them"),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="NAME", help="As if samples or the file came from it"),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="T", help="As if it were then, for hours and absences"),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Print a table of leads and destinations with the rule that decided; change nothing.

    Without --lead, --sample or --file: an invented lead of each category. Exit code 1 when a lead
    would go nowhere.
    """
    from gateway.agency import agencies
    from gateway.cli import finding
    from gateway.config import make_renderer

    if sum(bool(given) for given in (lead, sample, file)) > 1:
        raise UsageError("write one of --lead, --sample and --file")
    settings = invocation.settings()
    loaded = invocation.loaded(settings)
    now = finding.moment(at) if at else datetime.now(UTC)
    if source is not None:
        finding.check_names([source], list(loaded.config.sources), "source")
    if lead:
        async with invocation.store() as store:
            leads = [(await finding.lead(store, lead, loaded.config)).lead]
    elif file:
        leads = _of_file(file, loaded, source)
    else:
        leads = _samples(sample or [], loaded, source)
    rules = agencies(loaded.config, make_renderer(loaded, settings.public_url))
    verdicts = [_verdict(item, rules[item.source], now) for item in leads]
    _show(verdicts, list(loaded.config.destinations), as_json=as_json)
    return 1 if any(verdict.decision.unrouted for verdict in verdicts) else 0


def _verdict(lead: Lead, agency: Agency, now: datetime) -> Verdict:
    choice = agency.roster.choose(lead, now)
    agent = lead.agent
    if agent.name is None and choice.candidates:
        agent = agency.roster.agent(choice.candidates[0])
    decided = agency.decide(lead.model_copy(update={"agent": agent}), now)
    agents = (lead.agent.name,) if lead.agent.name else choice.candidates
    why = "kept" if lead.agent.name else choice.why
    label = f"{lead.category or '?'} {lead.source}/{lead.id}"
    return Verdict(label, agency.name, agents, why, decided)


def _samples(categories: list[str], loaded: Loaded, source: str | None) -> list[Lead]:
    from gateway.sandbox.leads import CATEGORIES, sample
    from gateway.sources.gsl_lead import normalise

    wanted = [category.upper() for category in categories] or list(CATEGORIES)
    if unknown := [category for category in wanted if category not in CATEGORIES]:
        raise UsageError(f'--sample: no category "{unknown[0]}": {", ".join(CATEGORIES)}')
    now = datetime.now(UTC)
    name, identity = _origin(loaded, source)
    return [
        normalise(
            sample(category, now), source=name, identity=identity, received_at=now
        ).model_copy(update={"id": f"sample-{category.lower()}"})
        for category in wanted
    ]


def _of_file(file: Path, loaded: Loaded, source: str | None) -> list[Lead]:
    """Leads in the shape of the contract, as a push takes them."""
    from gateway.lead import RejectedItem
    from gateway.sources.push_lead import parse_push

    try:
        if file.stat().st_size > FILE_LIMIT:
            raise UsageError(f"{file}: is larger than {FILE_LIMIT // 1_000_000} MB")
        content = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{file}: {(error.strerror or 'can not be read').lower()}") from None
    except ValueError:
        raise UsageError(f"{file}: is not JSON: write one lead, or a list of them") from None
    items = content if isinstance(content, list) else [content]
    if len(items) > LEADS_LIMIT:
        raise UsageError(f"{file}: has more than {LEADS_LIMIT} leads")
    now = datetime.now(UTC)
    name, identity = _origin(loaded, source)
    leads = []
    for number, item in enumerate(items, start=1):
        try:
            leads.append(parse_push(item, source=name, identity=identity, received_at=now))
        except RejectedItem as error:
            raise WorkError(f"{file}: lead {number}: {error.reason}") from None
    return leads


def _origin(loaded: Loaded, source: str | None) -> tuple[str, str]:
    name = source or next(iter(loaded.config.sources))
    return name, loaded.config.sources[name].identity or name


def _show(verdicts: list[Verdict], destinations: list[str], *, as_json: bool) -> None:
    column = output.Column[Any]
    agencies = any(verdict.agency for verdict in verdicts)
    columns = [column("lead", lambda row: row.label)]
    if agencies:
        columns.append(column("agency", lambda row: row.agency))
    if any(verdict.agents for verdict in verdicts):
        columns.append(column("agent", _agents))
    chosen = {name for verdict in verdicts for name in verdict.decision.destinations}
    for name in destinations:
        if len(destinations) <= _MOST_COLUMNS or name in chosen:
            columns.append(column(name, _rule_for(name)))
    output.listing(
        verdicts, columns, record=lambda row: row.record(), as_json=as_json, empty="No leads."
    )
    for verdict in verdicts:
        if verdict.decision.unrouted and not as_json:
            reason = verdict.decision.error or "no rule wants it"
            output.note(f"{verdict.label}: unrouted: {reason}")


_MOST_COLUMNS = 8


def _rule_for(name: str) -> Any:
    def cell(verdict: Verdict) -> str:
        rules = dict(zip(verdict.decision.destinations, verdict.decision.rules, strict=True))
        if name not in rules:
            return "–"
        return f"rule {rules[name]}" if rules[name] else "every lead"

    return cell


def _agents(verdict: Verdict) -> str:
    if not verdict.agents:
        return "nobody"
    shown = verdict.agents[0] + (f" +{len(verdict.agents) - 1}" if verdict.agents[1:] else "")
    return f"{shown} ({verdict.why.replace('_', ' ')})"


def add_to(app: typer.Typer) -> None:
    """Add these commands to the program."""
    routes = group("The rules of routes: test.")
    app.add_typer(routes, name="routes", rich_help_panel=HEADING)
    command(
        routes,
        "test",
        examples=[
            "lead-gateway routes test",
            "lead-gateway routes test --sample ESTIMATION --at 2026-11-29T22:00:00Z",
            "lead-gateway routes test --lead seloger/4711",
            "lead-gateway routes test --file leads.json --json",
        ],
    )(try_rules)
