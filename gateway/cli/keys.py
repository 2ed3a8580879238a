"""The commands about encryption keys: ``generate`` and ``rotate``."""

from __future__ import annotations

import typer

from gateway.cli import audited, output
from gateway.cli.command import Invocation, JsonOption, command, group
from gateway.cli.faults import UsageError, WorkError

HEADING = "Set up"


def generate(invocation: Invocation) -> None:
    """Print a new key for LEAD_GATEWAY_ENCRYPTION_KEYS.

    Keep a copy where backups of the store are not: without its key a store can not be read.
    """
    from gateway.store.sealing import make_key

    output.line(make_key())


async def rotate(invocation: Invocation, as_json: JsonOption = False) -> int:
    """Seal everything in the store again with the newest key.

    First put the new key in front of the others and restart every role; afterwards the older keys
    may go. The same command seals a store that was not encrypted before. Interrupted, it goes on
    where it was.
    """
    from gateway.store.resealing import Resealing

    settings = invocation.settings()
    if not settings.encryption_keys:
        raise UsageError(
            "LEAD_GATEWAY_ENCRYPTION_KEYS is not set: make a key with lead-gateway keys generate"
        )
    async with invocation.store() as store:
        newest = store.seal.newest
        behind = [item.name for item in await store.processes.running() if item.key != newest]
        if behind:
            raise WorkError(
                f"{', '.join(behind)} runs without the newest key and would go on sealing with "
                "another: restart or reload it first"
            )
        done = resealed = 0
        steps = Resealing(store.connection, store.seal).walk()
        first = await anext(steps)
        with output.progress(first.total) as advance:
            advance(first.done)
            async for step in steps:
                advance(step.done - max(done, first.done))
                done, resealed = step.done, step.resealed
                if as_json:
                    output.json_line({"done": done, "total": step.total, "resealed": resealed})
        await audited.note(store, "keys.rotate", newest, count=resealed)
    if not as_json:
        what = output.count(resealed, "value") if resealed else "nothing"
        output.line(f"{what} sealed again with the key {newest}")
        if len(settings.encryption_keys) > 1:
            output.note(
                "The older keys may go from LEAD_GATEWAY_ENCRYPTION_KEYS now. Backups of the store "
                "from before still need them."
            )
    return 0


def add_to(app: typer.Typer) -> None:
    """Add these commands to the program."""
    keys = group("The keys that personal data is encrypted with: generate, rotate.")
    app.add_typer(keys, name="keys", rich_help_panel=HEADING)
    command(keys, "generate", examples=["lead-gateway keys generate"])(generate)
    command(
        keys,
        "rotate",
        examples=["lead-gateway keys rotate", "lead-gateway keys rotate --json"],
    )(rotate)
