"""Persons that the portal has nulled: erased here too, unless too many are at once.

A portal that answers a whole poll without names is ill, and obeying it would empty the store. More
than a few at once are held and shown instead, and so is what follows while any are held: until the
portal names them again, or an operator erases them (contract §7).
"""

from __future__ import annotations

from collections.abc import Collection

import structlog

from gateway.store import Store

MOST, SHARE = 5, 0.05
"""How many persons one look may erase: the larger of a number and a share of the leads it read."""

log = structlog.get_logger()


def too_many(nulled: int, read: int) -> bool:
    """Whether so many nulled persons among the leads of one look are rather the portal's fault."""
    return nulled > max(MOST, SHARE * read)


async def settle(
    store: Store,
    source: str,
    *,
    nulled: Collection[str],
    named: Collection[str],
    held: Collection[str],
    read: int,
) -> None:
    """Erase the ``nulled`` leads of one look, or hold them; let go of the ``named`` ones.

    ``held`` are those of earlier looks; ``read`` is how many leads this look read.
    """
    if not nulled and not held:
        return
    await store.sources.let_go(source, named)
    still = await _not_erased(store, set(held) - set(named))
    await store.sources.let_go(source, set(held) - still)
    if still or too_many(len(nulled), read):
        fresh = set(nulled) - set(held)
        await store.sources.hold(source, fresh)
        if fresh:
            log.error(
                "erasures held", source=source, leads=len(fresh | still), read=read,
                problem="the portal gives these leads without their person",
            )  # fmt: skip
        return
    if not nulled:
        return
    results = await store.leads.erase(sorted(nulled))
    log.info("erased upstream", source=source, leads=results.count("erased"))


async def _not_erased(store: Store, uids: Collection[str]) -> set[str]:
    """Those of which there still is something to erase."""
    ordered = sorted(uids)
    known = await store.leads.lookup(ordered) if ordered else []
    return {uid for uid, one in zip(ordered, known, strict=True) if one and one.digest}
