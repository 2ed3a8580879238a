"""The command that forgets a lead for good: ``leads erase``."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli import audited, output
from gateway.cli.command import Invocation, YesOption

LeadsArgument = Annotated[
    list[str],
    typer.Argument(metavar="LEAD...", help="SOURCE/ID, or the id alone where it is unique"),
]


async def erase(invocation: Invocation, leads: LeadsArgument, yes: YesOption = False) -> int:
    """Forget leads for good: their content, and what was answered to their deliveries.

    What has not been sent is discarded, and a lead that the portal shows again stays erased. That
    a lead was here, and where it went, is kept without its content.
    """
    from gateway.cli import finding

    config = finding.configuration(invocation)
    async with invocation.store() as store:
        found = {item.uid: item for item in [await finding.lead(store, x, config) for x in leads]}
        names = {uid: f"{item.lead.source}/{item.lead.id}" for uid, item in found.items()}
        made = [
            delivery
            for item in found.values()
            for delivery in await store.deliveries.get_many(item.delivery_ids)
        ]
        waiting = sum(item.state.value in ("pending", "retrying", "dead") for item in made)
        what = next(iter(names.values())) if len(names) == 1 else output.count(len(names), "lead")
        loss = f" and discard {output.count(waiting, 'unsent delivery')}" if waiting else ""
        if not yes and not output.ask(f"erase {what}{loss} for good?"):
            return 1
        for name, result in zip(names.values(), await store.leads.erase(list(names)), strict=True):
            # Somebody else may have been faster: gone is gone.
            await audited.note(store, "leads.erase", name)
            output.line(f"{name}: {'erased' if result == 'erased' else 'was erased already'}")
    return 0
