"""What every kind of destination promises, whatever its protocol: one suite over all of them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from gateway.addresses import AddressGuard
from gateway.delivery import (
    ANSWER_LIMIT,
    Deferred,
    Delivered,
    Message,
    Outcome,
    Reason,
    Refused,
    delivery_id,
)
from gateway.destinations import CONFIGS, KINDS
from gateway.destinations.protocol import Destination, Prepared, VerifyError
from gateway.lead import Contact, Lead
from tests import wire
from tests.builders import NOON, a_lead
from tests.conformance.kinds import ROWS, SECRETS, Inbox, Kind, Receiver

pytestmark = pytest.mark.anyio

ID = delivery_id("seloger", "lead-1", "it")

every_kind = pytest.mark.parametrize("kind", ROWS.values(), ids=ROWS)
kinds_with_redirects = pytest.mark.parametrize(
    "kind", [kind for kind in ROWS.values() if kind.redirects], ids=lambda kind: ""
)
kinds_with_retry_after = pytest.mark.parametrize(
    "kind", [kind for kind in ROWS.values() if kind.throttles], ids=lambda kind: ""
)


@dataclass
class Rig:
    """A destination, the receiver it delivers to, and what arrived there."""

    destination: Destination
    server: wire.Server
    inbox: Inbox

    async def deliver(self, lead: Lead | None = None, attempt: int = 1) -> Outcome:
        message = Message(ID, "it", NOON, attempt=attempt)
        prepared = self.destination.render(lead or a_lead(), message)
        assert isinstance(prepared, Prepared)
        async with asyncio.timeout(wire.DEADLINE):
            return await self.destination.send(prepared)


@contextlib.asynccontextmanager
async def rigged(
    kind: Kind,
    receiver: Receiver,
    *,
    guard: AddressGuard | None = None,
    timeout: str = "5s",
    encrypted: bool = False,
) -> AsyncIterator[Rig]:
    inbox = Inbox()
    build = kind.build_tls if encrypted else kind.build
    async with wire.listening(receiver(inbox), tls="localhost" if encrypted else None) as server:
        destination = build(server.port, guard or wire.loopback(), timeout)
        try:
            yield Rig(destination, server, inbox)
        finally:
            await destination.close()


def test_every_registered_kind_is_in_this_suite() -> None:
    assert set(ROWS) == set(KINDS) == set(CONFIGS)


@every_kind
async def test_it_is_a_destination_of_its_kind(kind: Kind) -> None:
    async with rigged(kind, kind.accepts) as rig:
        assert rig.destination.name == "it"
        assert ROWS[rig.destination.kind] is kind


@every_kind
async def test_an_accepted_lead_is_delivered_once(kind: Kind) -> None:
    async with rigged(kind, kind.accepts) as rig:
        outcome = await rig.deliver()
        assert isinstance(outcome, Delivered)
        assert len(rig.inbox.messages) == 1


@every_kind
async def test_rendering_opens_no_connection(kind: Kind) -> None:
    async with rigged(kind, kind.accepts) as rig:
        rig.destination.render(a_lead(), Message(ID, "it", NOON)).preview()
        assert rig.server.connections == 0


@every_kind
async def test_a_receiver_in_trouble_defers(kind: Kind) -> None:
    async with rigged(kind, kind.defers) as rig:
        outcome = await rig.deliver()
    assert isinstance(outcome, Deferred)
    assert outcome.status in (451, 500)


@every_kind
async def test_a_receiver_that_says_never_refuses(kind: Kind) -> None:
    async with rigged(kind, kind.refuses) as rig:
        outcome = await rig.deliver()
    assert isinstance(outcome, Refused)
    assert outcome.pause is False


@kinds_with_redirects
async def test_a_redirect_is_never_followed(kind: Kind) -> None:
    async with wire.answering(wire.answer(200, b"ok")) as elsewhere:
        assert kind.redirects is not None
        redirects = kind.redirects
        async with rigged(kind, lambda inbox: redirects(inbox, elsewhere.url)) as rig:
            outcome = await rig.deliver()
        assert elsewhere.connections == 0
    assert isinstance(outcome, Deferred)
    assert outcome.reason is Reason.REDIRECT


@kinds_with_retry_after
async def test_retry_after_is_honoured_for_the_whole_destination(kind: Kind) -> None:
    assert kind.throttles is not None
    async with rigged(kind, kind.throttles) as rig:
        outcome = await rig.deliver()
    assert isinstance(outcome, Deferred)
    assert (outcome.reason, outcome.retry_after) == (Reason.RATE_LIMITED, 7.0)
    assert outcome.throttle is True


@every_kind
@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_receiver_that_hangs_is_given_up_at_the_timeout(kind: Kind, moment: str) -> None:
    receiver = kind.hangs_before if moment == "before" else kind.hangs_after
    async with rigged(kind, receiver, timeout="500ms") as rig:
        started = time.monotonic()
        outcome = await rig.deliver()
        assert time.monotonic() - started < 2.5
    assert isinstance(outcome, Deferred)
    assert outcome.reason is Reason.TIMEOUT


@every_kind
async def test_a_connection_that_breaks_off_defers(kind: Kind) -> None:
    async with rigged(kind, kind.breaks_off) as rig:
        outcome = await rig.deliver()
    assert isinstance(outcome, Deferred)
    assert outcome.reason is Reason.CONNECTION


@every_kind
async def test_a_receiver_that_speaks_nonsense_defers(kind: Kind) -> None:
    async with rigged(kind, kind.garbles, timeout="1s") as rig:
        outcome = await rig.deliver()
    assert isinstance(outcome, Deferred)
    assert outcome.reason in (Reason.PROTOCOL, Reason.CONNECTION, Reason.SMTP_DEFERRED)


@every_kind
async def test_a_closed_port_defers_and_nothing_can_have_arrived(kind: Kind) -> None:
    destination = kind.build(wire.unused_port(), wire.loopback(), "5s")
    try:
        outcome = await destination.send(destination.render(a_lead(), Message(ID, "it", NOON)))
    finally:
        await destination.close()
    assert isinstance(outcome, Deferred)
    assert (outcome.reason, outcome.uncertain) == (Reason.CONNECTION, False)


@every_kind
async def test_a_blocked_address_is_never_connected_to(kind: Kind) -> None:
    async with rigged(kind, kind.accepts, guard=AddressGuard()) as rig:
        outcome = await rig.deliver()
        with pytest.raises(VerifyError, match=r"network\.allow"):
            await rig.destination.verify()
        assert rig.server.connections == 0
    assert isinstance(outcome, Deferred)
    assert outcome.reason is Reason.BLOCKED_ADDRESS


@every_kind
async def test_a_certificate_nobody_vouches_for_is_not_accepted(kind: Kind) -> None:
    async with rigged(kind, kind.accepts, encrypted=True) as rig:
        outcome = await rig.deliver()
        assert not rig.inbox.messages
    assert isinstance(outcome, Deferred)
    assert outcome.reason is Reason.TLS


@every_kind
async def test_every_attempt_carries_the_same_id(kind: Kind) -> None:
    async with rigged(kind, kind.defers) as rig:
        await rig.deliver(attempt=1)
        await rig.deliver(attempt=2)
        first, second = rig.inbox.messages
    assert kind.identity(first) == kind.identity(second) != b""


@every_kind
async def test_a_preview_shows_the_lead_and_no_secret(kind: Kind) -> None:
    async with rigged(kind, kind.accepts) as rig:
        preview = rig.destination.render(a_lead(), Message(ID, "it", NOON)).preview()
    shown = repr(preview)
    assert preview.title
    assert "Camille Essai" in shown
    assert not [secret for secret in SECRETS if secret in shown]


@every_kind
async def test_an_answer_is_kept_short_and_without_personal_data(kind: Kind) -> None:
    async with rigged(kind, kind.chatters) as rig:
        outcome = await rig.deliver()
    assert "no place for" in outcome.answer
    assert len(outcome.answer) <= ANSWER_LIMIT
    assert "prospect@example.com" not in outcome.answer
    assert not [secret for secret in SECRETS if secret in outcome.answer]


@every_kind
async def test_verify_finds_the_receiver_and_delivers_nothing(kind: Kind) -> None:
    async with rigged(kind, kind.accepts) as rig:
        assert "127.0.0.1" in await rig.destination.verify()
        assert not rig.inbox.messages


@every_kind
async def test_verify_says_what_is_wrong_and_no_secret(kind: Kind) -> None:
    destination = kind.build(wire.unused_port(), wire.loopback(), "5s")
    try:
        with pytest.raises(VerifyError) as caught:
            await destination.verify()
    finally:
        await destination.close()
    assert not [secret for secret in SECRETS if secret in str(caught.value)]


HOSTILE = "</b>\r\nBcc: all@example.com\r\n\r\n<script>{{ 7*7 }}</script> <!channel> \u202e🏡 \x00"


@every_kind
async def test_a_lead_made_to_do_harm_is_delivered_as_text(kind: Kind) -> None:
    lead = a_lead(message=HOSTILE * 500, contact=Contact(full_name=HOSTILE, email="a@example.org"))
    async with rigged(kind, kind.accepts) as rig:
        assert isinstance(await rig.deliver(lead), Delivered)
        (head,) = rig.inbox.heads()
    assert not [line for line in head if line.lower().startswith(b"bcc")]


@every_kind
async def test_a_lead_with_nothing_in_it_is_delivered(kind: Kind) -> None:
    lead = Lead(
        id="bare", source="seloger", identity="seloger", kind="gsl", received_at=NOON, original={}
    )
    async with rigged(kind, kind.accepts) as rig:
        assert isinstance(await rig.deliver(lead), Delivered)
        assert b"None" not in rig.inbox.messages[0]


@every_kind
async def test_many_at_once_all_arrive(kind: Kind) -> None:
    async with rigged(kind, kind.accepts) as rig:
        outcomes = await asyncio.gather(*(rig.deliver() for _ in range(20)))
        assert len(rig.inbox.messages) == 20
    assert all(isinstance(outcome, Delivered) for outcome in outcomes)


@every_kind
async def test_a_cancelled_attempt_leaves_the_destination_usable(kind: Kind) -> None:
    inbox = Inbox()
    scripts = iter([kind.hangs_after(inbox), kind.accepts(inbox)])

    async def first_hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await next(scripts)(reader, writer)

    async with rigged(kind, lambda _: first_hangs) as rig:
        attempt = asyncio.create_task(rig.deliver())
        await asyncio.wait_for(rig.server.connected.wait(), wire.DEADLINE)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        assert isinstance(await rig.deliver(), Delivered)
