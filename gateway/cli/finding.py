"""How commands find what they are told: leads by name, deliveries by id or filter.

Reads the store, changes nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from gateway.cli.command import Invocation
from gateway.cli.faults import UsageError, WorkError
from gateway.delivery import Delivery, Reason, State, lead_uid
from gateway.store import DestinationState, Store, StoredLead

if TYPE_CHECKING:
    from gateway.config import GatewayConfig

W = TypeVar("W", bound=StrEnum)

PAGE = 100
"""Entries read from the store at a time."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which deliveries are meant; nothing set means all."""

    destinations: tuple[str, ...] = ()
    states: tuple[State, ...] = ()
    reason: Reason | None = None
    since: datetime | None = None

    @property
    def is_everything(self) -> bool:
        """Whether no filter narrows it, the states aside."""
        return not self.destinations and self.reason is None and self.since is None

    def has(self, delivery: Delivery) -> bool:
        """Whether one delivery is meant."""
        return (
            (not self.destinations or delivery.destination in self.destinations)
            and (not self.states or delivery.state in self.states)
            and (self.reason is None or delivery.reason is self.reason)
            and (self.since is None or delivery.created_at >= self.since)
        )


def configuration(invocation: Invocation) -> GatewayConfig | None:
    """The configuration if it can be read; operating a broken one must stay possible."""
    from gateway.config import ConfigError, load

    settings = invocation.settings()
    try:
        return load(settings.config_path, settings.environ).config
    except ConfigError:
        return None


def kinds(config: GatewayConfig | None) -> Mapping[str, str] | None:
    """The configuration's destinations with their kinds."""
    if config is None:
        return None
    return {name: kind_of(part) for name, part in config.destinations.items()}


def kind_of(part: object) -> str:
    """The kind of a source or destination of the configuration."""
    return str(getattr(part, "kind", ""))


async def destination_names(store: Store, config: GatewayConfig | None) -> list[str]:
    """Every destination there is: the configuration's in its order, then those only stored."""
    stored = await store.deliveries.destinations()
    return list(dict.fromkeys([*(config.destinations if config else ()), *stored]))


async def destination_states(
    store: Store, config: GatewayConfig | None
) -> dict[str, DestinationState]:
    """How every destination is, by name."""
    names = await destination_names(store, config)
    return {state.name: state for state in await store.destinations.describe(names)}


def check_names(given: Sequence[str], known: Sequence[str], what: str) -> None:
    """Raises :class:`UsageError` for a name nobody knows, with the nearest that is known."""
    import difflib

    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f'did you mean "{near[0]}"?' if near else f"known: {', '.join(known) or 'none'}"
            raise UsageError(f'there is no {what} "{name}"; {hint}')


async def lead(store: Store, name: str, config: GatewayConfig | None) -> StoredLead:
    """The lead named ``SOURCE/ID``, or by a bare id that is unique. Raises :class:`WorkError`."""
    identities = await store.leads.identities()
    source, slash, rest = name.partition("/")
    tries: list[tuple[str, str]] = []
    if slash and rest:
        part = config.sources.get(source) if config else None
        tries.append(((part.identity if part else None) or source, rest))
        # The source may share another's identity, or be gone from the configuration.
        tries += [(identity, rest) for identity in identities if identity != tries[0][0]]
    bare = [(identity, name) for identity in identities]
    found = await _stored(store, tries)
    named = [stored for stored in found if source in (stored.lead.source, *stored.sources)]
    found = named or await _stored(store, bare)
    if not found:
        raise WorkError(f"there is no lead {name}: lead-gateway leads list shows those there are")
    if len(found) > 1:
        names = ", ".join(f"{stored.lead.source}/{stored.lead.id}" for stored in found)
        raise UsageError(f"several sources have a lead {name}: write one of {names}")
    return found[0]


async def _stored(store: Store, tries: Sequence[tuple[str, str]]) -> list[StoredLead]:
    found = await store.leads.get_many([lead_uid(identity, item) for identity, item in tries])
    return [stored for stored in found if stored is not None]


async def unclaimed(store: Store, sources: Sequence[str] = ()) -> AsyncIterator[StoredLead]:
    """Leads that nobody claimed, those first that should have been longest ago."""
    uids = await store.ladders.unclaimed(10_000)
    for start in range(0, len(uids), PAGE):
        for stored in await store.leads.get_many(uids[start : start + PAGE]):
            if stored and (not sources or stored.lead.source in sources):
                yield stored


async def leads(
    store: Store, sources: Sequence[str] = (), *, search: str | None = None, unrouted: bool = False
) -> AsyncIterator[StoredLead]:
    """Leads that are meant, newest first; of these sources when any are named."""
    identities = await store.leads.identities() if search else []
    cursor: str | None = None
    while True:
        if search:
            named = await store.search.text(search, identities, cursor, PAGE)
            some, cursor = await store.leads.get_many(named.items), named.next_cursor
        else:
            page = await store.leads.page(cursor, PAGE, unrouted=unrouted)
            some, cursor = list(page.items), page.next_cursor
        for stored in some:
            if stored is not None and (
                not sources or not set(sources).isdisjoint((stored.lead.source, *stored.sources))
            ):
                yield stored
        if cursor is None:
            return


async def deliveries(store: Store, wanted: Wanted) -> AsyncIterator[Delivery]:
    """Deliveries that are meant, newest first (dead ones by the time they died)."""
    cursor: str | None = None
    by_creation = wanted.states != (State.DEAD,)
    while True:
        page = await store.deliveries.page(
            cursor,
            PAGE,
            destinations=wanted.destinations or None,
            states=wanted.states,
            reason=wanted.reason,
        )
        for delivery in page.items:
            if wanted.since is None or delivery.created_at >= wanted.since:
                yield delivery
            elif by_creation:
                return
        cursor = page.next_cursor
        if cursor is None:
            return


def wanted(
    destinations: Sequence[str] | None,
    reason: str | None,
    since: str | None,
    states: Sequence[str] | None = None,
) -> Wanted:
    """The filters as they were typed. Raises :class:`UsageError`."""
    return Wanted(
        tuple(destinations or ()),
        tuple(_word(State, state, "state") for state in states or ()),
        _word(Reason, reason, "reason") if reason else None,
        moment(since) if since else None,
    )


def _word(words: type[W], text: str, what: str) -> W:
    try:
        return words(text)
    except ValueError:
        raise UsageError(f'"{text}" is no {what}: write one of {", ".join(words)}') from None


def moment(text: str) -> datetime:
    """A time ``T`` of the contract: ISO 8601 or a duration ago. Raises :class:`UsageError`."""
    from gateway.units import parse_when

    try:
        return parse_when(text, datetime.now(UTC))
    except ValueError as error:
        raise UsageError(str(error)) from None
