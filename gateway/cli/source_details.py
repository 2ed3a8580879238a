"""The commands that look closely at one source: ``show``, and the erasures that are held."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import audited, output
from gateway.cli.command import Invocation, JsonOption, YesOption

if TYPE_CHECKING:
    from gateway.store import FeedTrouble, SourceState, Store

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="A source")]


async def show(invocation: Invocation, name: NameArgument, as_json: JsonOption = False) -> None:
    """Show one source: each feed, the portal's clock, its last looks, and what it said in full."""
    from gateway.cli import finding, records

    config = finding.configuration(invocation)
    async with invocation.store() as store:
        state = await _state(store, name, config.sources if config else ())
    now = datetime.now(UTC)
    if as_json:
        output.json_line(records.of_source_closely(state, config, now))
        return
    output.fields(_facts(state, now))
    for feed in sorted({*state.checkpoints, *state.troubles}):
        output.line()
        output.fields(_feed(feed, state))
    if state.details:
        output.line("\nThe portal said:")
        output.fields(said(state.details))


async def _state(store: Store, name: str, configured: Any) -> SourceState:
    from gateway.cli import finding

    finding.check_names([name], [*configured, *await store.sources.names()], "source")
    return await store.sources.get(name)


def _facts(state: SourceState, now: datetime) -> list[tuple[str, object]]:
    skew = state.clock_skew
    side = "ahead of" if (skew or 0) > 0 else "behind"
    far = "agrees with ours" if abs(skew or 0) < 2 else f"{abs(skew or 0):.0f} s {side} ours"
    missed = f"{output.count(state.missed_leads, 'lead')}, {output.ago(state.missed_at, now)}"
    facts = [
        ("source", state.name),
        ("state", state.state),
        ("problem", state.problem),
        ("next try", output.clock(state.next_try_at)),
        ("last read", output.ago(state.last_success_at, now)),
        ("starts at", output.clock(state.floor)),
        ("portal's clock", far if skew is not None else None),
        ("reconciled", state.reconciled_at and output.ago(state.reconciled_at, now)),
        ("reviewed", state.reviewed_at and output.ago(state.reviewed_at, now)),
        ("review has come to", state.review_at and output.clock(state.review_at)),
        ("missed by polls", missed if state.missed_at else None),
        ("erasures held", len(state.held) or None),
    ]
    return [(key, value) for key, value in facts if value]


def _feed(feed: str, state: SourceState) -> list[tuple[str, object]]:
    trouble: FeedTrouble | None = state.troubles.get(feed)
    facts: list[tuple[str, object]] = [
        ("feed" if feed in state.checkpoints or feed != "lead" else "single leads", feed),
        ("read up to", output.clock(state.checkpoints.get(feed))),
    ]
    if trouble:
        facts += [("problem", trouble.problem), ("next try", output.clock(trouble.next_try_at))]
        facts += said(trouble.details)
    return [(key, value) for key, value in facts if value]


def said(details: Mapping[str, Any]) -> list[tuple[str, object]]:
    """A problem document, every member of it, one line each."""
    return [
        (f"  {key}", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for key, value in details.items()
        if value not in (None, "", {}, [])
    ]


async def erasures(
    invocation: Invocation,
    name: NameArgument,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Erase these leads here too, for good")
    ] = False,
    yes: YesOption = False,
) -> int:
    """List the leads that the portal shows without their person, and that are held.

    One person who asks the portal to be forgotten is forgotten here by itself. Many at once are
    rather a fault of the portal: they wait until it names them again, or until you confirm.
    """
    from gateway.cli import finding

    config = finding.configuration(invocation)
    async with invocation.store(config) as store:
        state = await _state(store, name, config.sources if config else ())
        uids = sorted(state.held)
        stored = [lead for lead in await store.leads.get_many(uids) if lead is not None]
        for lead in stored:
            output.line(f"{lead.lead.source}/{lead.lead.id}")
        if not stored:
            output.line(f"{name}: no erasure is held.")
        elif confirm:
            what = output.count(len(stored), "lead")
            if not yes and not output.ask(f"Erase {what} for good?"):
                return 1
            await store.leads.erase([lead.uid for lead in stored])
            await audited.note(store, "leads.erase", name, count=len(stored))
            await store.sources.let_go(name, uids)
            output.line(f"{what} erased")
        else:
            output.note(f"Erase them with: lead-gateway sources erasures {name} --confirm")
    return 0
