"""What ``check --live`` asks of a GSL account, and what it says about each answer.

Changes nothing but the token. Tells apart a wrong host, path, secret or scope, a clock that is off,
a wrong unit of time and a feed that is not allowed.
"""

from __future__ import annotations

from contextlib import aclosing
from datetime import timedelta

from gateway.sources.gsl_client import GslClient, Unit
from gateway.sources.gsl_config import Feed, GslConfig
from gateway.sources.portal import Portal
from gateway.sources.protocol import SourceProblem
from gateway.sources.window import slices

LOOKED_BACK = timedelta(days=30)
CLOCK_OFF = 30.0
"""Seconds between the clocks that are worth a word: the windows allow for them all the same."""


async def check(portal: Portal, client: GslClient, config: GslConfig) -> list[str]:
    """Lines for the operator, the good ones too. Raises :class:`SourceProblem` as ``verify``."""
    await portal.sign_in()
    lines = [f"signed in at the token URL as {portal.where}.client_id"]
    problems: list[SourceProblem] = []
    readable: list[Feed] = []
    for feed in config.feed_names:
        try:
            await _count(portal, client, feed, timedelta(hours=1), config.timestamps)
        except SourceProblem as problem:
            if problem.kind in ("down", "rate_limited"):
                raise
            problems.append(problem)
            lines.append(_of_feed(feed, problem, portal.where))
        else:
            readable.append(feed)
            lines.append(f"feed {feed}: readable")
    if not readable:
        raise problems[0]
    lines.append(_of_clock(portal))
    lines.append(await _of_unit(portal, client, readable[0], config))
    return lines


def _of_feed(feed: Feed, problem: SourceProblem, where: str) -> str:
    if problem.status in (401, 403):
        return (
            f"feed {feed}: not allowed ({problem.status}); take it out of {where}.feeds, or ask "
            "the portal's support for it"
        )
    if problem.status == 404:
        return (
            f"feed {feed}: nothing is there (404); correct {where}.paths.{feed}, or take it out of "
            f"{where}.feeds"
        )
    return f"feed {feed}: {problem.text}"


def _of_clock(portal: Portal) -> str:
    skew = portal.clock.skew
    if skew is None:
        return "clock: the portal does not say its time (no Date header); ours is used"
    seconds = skew.total_seconds()
    if abs(seconds) < CLOCK_OFF:
        return "clock: agrees with the portal's"
    side = "behind" if seconds > 0 else "ahead of"
    return (
        f"clock: this machine is {abs(seconds):.0f} s {side} the portal; windows follow the "
        "portal's clock, but set this one right (NTP): tokens and reports use it"
    )


async def _of_unit(portal: Portal, client: GslClient, feed: Feed, config: GslConfig) -> str:
    """A wrong unit brings an empty answer and no error, so only counting tells."""
    other: Unit = "seconds" if config.timestamps == "milliseconds" else "milliseconds"
    mine = await _count(portal, client, feed, LOOKED_BACK, config.timestamps)
    try:
        theirs = await _count(portal, client, feed, LOOKED_BACK, other)
    except SourceProblem as problem:
        if problem.kind in ("down", "rate_limited"):
            raise
        theirs = 0  # a portal that refuses the other unit says that it is the other one
    counts = (
        f"feed {feed}, {LOOKED_BACK.days} days: {mine} in {config.timestamps}, {theirs} in {other}"
    )
    if mine or not theirs:
        doubt = "" if mine else "; without a lead the unit can not be told"
        return f"timestamps: {counts}{doubt}"
    raise SourceProblem(
        "protocol", f"timestamps: {counts}; write {portal.where}.timestamps: {other}"
    )


async def _count(portal: Portal, client: GslClient, feed: Feed, back: timedelta, unit: Unit) -> int:
    """Leads on the first page of each week, newest week first, until one has any."""
    now = portal.clock.now()
    for week in reversed(slices(now - back, timedelta(0), now)):
        async with aclosing(client.search(feed, week, unit=unit, limit=100)) as pages:
            page = await anext(pages)
        if page.items:
            return len(page.items)
    return 0
