"""What a destination is: the two small protocols every kind fills in.

``render`` is pure and is what ``preview`` prints; ``send`` is the only thing that touches the wire.
Neither raises for the world's faults: a bad template or a refused connection is an outcome.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from gateway.addresses import AddressGuard
from gateway.delivery import Message, Outcome
from gateway.lead import Lead
from gateway.notice import Notice
from gateway.oauth import TokenStore
from gateway.render import Renderer


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a destination may use of the house it is built in.

    ``guard`` says where it may connect, ``tokens`` keeps what it signed in with, and relative paths
    of its configuration begin at ``folder``.
    """

    renderer: Renderer
    guard: AddressGuard
    tokens: TokenStore
    folder: Path = Path()


@dataclass(frozen=True, slots=True)
class Preview:
    """Exactly what would go over the wire, with secrets masked, for people to read.

    ``head`` are the lines above the body in order (method and URL, headers; or mail headers);
    ``parts`` are the bodies by media type, in the order they are sent. ``files`` are the same for
    other programs to open, by extension: a mail as ``eml``, what a person will see as ``html``.
    ``others`` are the calls before and after this one, where there are several: what each is for,
    and itself.
    """

    title: str
    head: list[tuple[str, str]]
    parts: list[tuple[str, str]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict, repr=False)
    others: list[tuple[str, Preview]] = field(default_factory=list)


@runtime_checkable
class Prepared(Protocol):
    """One step, rendered and ready to send."""

    def preview(self) -> Preview: ...


class Destination(Protocol):
    """One configured receiver. Built once per process by ``gateway.wiring``."""

    name: str
    kind: str
    threads: bool
    """Whether it attaches the later leads of a person to the first: ``Message.thread``."""

    def render(self, lead: Lead, message: Message) -> Prepared:
        """Prepare one step. Raises :class:`gateway.render.TemplateError` and nothing else."""
        ...

    async def send(self, prepared: Any) -> Outcome:
        """Send one prepared step within the destination's total timeout. Never raises."""
        ...

    async def announce(self, notice: Notice) -> Outcome:
        """Send a notice of the gateway's own, once. Never raises."""
        ...

    async def verify(self) -> str:
        """Open a connection and send no lead; one line of what was found. Raises VerifyError."""
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...


class Buildable(Destination, Protocol):
    """A destination's class as the registry sees it."""

    @classmethod
    def build(cls, name: str, config: Any, around: Surroundings) -> Destination:
        """One destination of this kind, from its own part of gateway.yaml. Opens nothing yet."""
        ...


class VerifyError(Exception):
    """A destination or source can not be reached as configured; the text says what to change."""
