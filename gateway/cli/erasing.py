"""The command that forgets a lead for good: ``leads erase``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli import audited, output
from gateway.cli.command import Invocation, YesOption
from gateway.cli.faults import UsageError

if TYPE_CHECKING:
    from gateway.config import GatewayConfig

LeadsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[LEAD]...", help="SOURCE/ID, or the id alone where it is unique"),
]


EmailOption = Annotated[
    str | None, typer.Option("--email", metavar="ADDRESS", help="All of this person, by e-mail")
]
PhoneOption = Annotated[
    str | None, typer.Option("--phone", metavar="NUMBER", help="All of this person, by phone")
]


async def erase(
    invocation: Invocation,
    leads: LeadsArgument = None,
    email: EmailOption = None,
    phone: PhoneOption = None,
    yes: YesOption = False,
) -> int:
    """Forget leads for good: their content, and what was answered to their deliveries.

    By name; or all of one person, from every source, with --email or --phone. What has not been
    sent is discarded, and a lead that the portal shows again stays erased. That a lead was here,
    and where it went, is kept without its content. Who is named in on_erasure is told.
    """
    from gateway.cli import finding

    config = finding.configuration(invocation)
    if not leads or email is not None or phone is not None:
        if leads:
            raise UsageError("write leads, or a person with --email or --phone, not both")
        return await _erase_person(invocation, config, email, phone, yes)
    async with invocation.store(config) as store:
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


async def _erase_person(
    invocation: Invocation,
    config: GatewayConfig | None,
    email: str | None,
    phone: str | None,
    yes: bool,
) -> int:
    from gateway import persons

    try:
        who = persons.person(email=email, phone=phone)
    except ValueError as error:
        raise UsageError(str(error)) from None
    async with invocation.store(config) as store:
        leads = await persons.leads_of(store, who)
        rejected = await persons.rejected_of(store, who)
        if not leads and not rejected:
            output.note("Nothing of this person is here.")
            return 0
        what = output.count(len(leads), "lead")
        if rejected:
            what += f" and {output.count(len(rejected), 'rejected item')}"
        if not yes and not output.ask(f"erase {what} of this person for good?"):
            return 1
        erased = await persons.erase(store, who)
        await audited.note(store, "leads.erase", count=len(erased.leads))
        for name in erased.leads:
            output.line(f"{name}: erased")
        if erased.rejected:
            output.line(f"{output.count(erased.rejected, 'rejected item')} erased")
    return 0
