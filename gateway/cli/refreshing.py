"""Asking the portal for one known lead again: what ``leads show --refresh`` does at first."""

from __future__ import annotations

from gateway.cli import output
from gateway.cli.command import Invocation
from gateway.cli.faults import WorkError

_SAID = {
    "changed": "the portal has more or other content: stored",
    "same": "nothing has changed at the portal",
    "held": "the portal shows it without its person, as it does others: see sources erasures",
    "gone": "the portal does not have it any more, or not under this path",
}


async def refreshed(invocation: Invocation, lead: str) -> None:
    """Read one lead anew, and say on stderr what came of it. Delivers nothing.

    Raises WorkError when there is no such lead, nobody to ask, or no answer.
    """
    from gateway.cli import finding
    from gateway.reading import Reader
    from gateway.sources.protocol import SourceProblem

    async with invocation.gateway() as gateway:
        stored = await finding.lead(gateway.store, lead, gateway.config)
        asked = next((name for name in stored.sources if name in gateway.sources), None)
        if asked is None:
            raise WorkError(f"{lead} was pushed, or its source is not configured: nobody to ask")
        reader = Reader(gateway.sources[asked], gateway.store, gateway.pipeline)
        try:
            what = await reader.refresh(stored.lead.id)
        except SourceProblem as problem:
            raise WorkError(problem.text) from problem
    if what == "erased":
        raise WorkError(f"{lead}: the portal has erased its person, and so it is erased here now")
    output.note(f"{asked}: {_SAID[what]}")
