"""What every preset promises as a destination, whatever its CRM: one suite over all of them."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from gateway.addresses import AddressGuard
from gateway.delivery import Continue, Deferred, Delivered, Message, Outcome, Reason, Refused
from gateway.destinations import Surroundings, build
from gateway.destinations.protocol import Destination, VerifyError
from gateway.lead import Lead
from gateway.oauth import OwnTokens
from tests import wire
from tests.builders import NOON, complete, hostile
from tests.doubles.kinds import DOUBLES
from tests.presets import CASES, SECRET, SHELF, config, renderer

pytestmark = pytest.mark.anyio

TOKEN = json.dumps({"access_token": "token-of-the-crm", "expires_in": 3600}).encode()
every_preset = pytest.mark.parametrize("case", [case for case in CASES if "-by-" not in case])


@dataclass
class Crm:
    """Answers every call with one answer, or as its samples say; tokens it always gives."""

    case: str
    answer: bytes | None = None
    requests: list[wire.Received] = field(default_factory=list)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request = await wire.read_request(reader)
            if "token" in request.target:
                writer.write(wire.answer(200, TOKEN))
            else:
                self.requests.append(request)
                writer.write(self.answer or self._sample(request))
            await writer.drain()

    def _sample(self, request: wire.Received) -> bytes:
        if request.method in ("GET", "OPTIONS"):
            return wire.answer(200, b'{"success": true, "data": []}')
        steps = SHELF.preset(CASES[self.case][0]).steps
        fixed = {step.path.partition("{{")[0]: step.sample for step in steps}
        path = max((path for path in fixed if path in request.target), key=len)
        return wire.answer(fixed[path].status, json.dumps(fixed[path].body).encode())

    @property
    def writes(self) -> list[wire.Received]:
        """What was asked for but questions."""
        return [one for one in self.requests if one.method not in ("GET", "OPTIONS")]


def made(case: str, port: int, guard: AddressGuard | None = None, **keys: str) -> Destination:
    scheme = keys.pop("scheme", "http")
    part = config(case, DOUBLES[case][1](f"{scheme}://127.0.0.1:{port}"), **keys)
    around = Surroundings(renderer(), guard or wire.loopback(), OwnTokens())
    return build("crm", part, around)


@contextlib.asynccontextmanager
async def to(case: str, script: wire.Script, **keys: str) -> AsyncIterator[Destination]:
    tls = "localhost" if keys.get("scheme") == "https" else None
    async with wire.listening(script, tls=tls) as server:
        destination = made(case, server.port, **keys)
        try:
            yield destination
        finally:
            await destination.close()


async def attempt(destination: Destination, lead: Lead | None = None, number: int = 1) -> Outcome:
    message = Message("dlv_0123", "crm", NOON, attempt=number)
    async with asyncio.timeout(wire.DEADLINE):
        return await destination.send(destination.render(lead or complete(), message))


async def deliver(destination: Destination, lead: Lead | None = None) -> Outcome:
    message = Message("dlv_0123", "crm", NOON)
    for number in range(2, 12):
        outcome = await destination.send(destination.render(lead or complete(), message))
        if not isinstance(outcome, Continue):
            return outcome
        message = dataclasses.replace(message, saved=outcome.saved, attempt=number)
    raise AssertionError("it never came to an end")


@every_preset
async def test_each_call_is_made_once_and_the_lead_is_delivered(case: str) -> None:
    crm = Crm(case)
    async with to(case, crm) as destination:
        assert isinstance(await deliver(destination), Delivered)
    assert len(crm.writes) == len({(one.method, one.target) for one in crm.writes})


@every_preset
async def test_a_lead_made_to_do_harm_is_delivered_as_text(case: str) -> None:
    crm = Crm(case)
    async with to(case, crm) as destination:
        assert isinstance(await deliver(destination, hostile()), Delivered)
    for one in crm.requests:
        assert "bcc" not in one.headers
        assert len(one.body) < 200_000


@every_preset
@pytest.mark.parametrize(("status", "kind"), [(500, Deferred), (422, Refused), (401, Deferred)])
async def test_a_crm_in_trouble_defers_and_one_that_says_never_refuses(
    case: str, status: int, kind: type[Outcome]
) -> None:
    shown = "token-of-the-crm" if case in ("salesforce-lead", "zoho-lead") else SECRET
    answer = f'{{"no": "prospect@example.com, {shown}"}}'
    crm = Crm(case, wire.answer(status, answer.encode()))
    async with to(case, crm) as destination:
        outcome = await attempt(destination)
    if crm.writes:  # a question that is refused is no reason to refuse the lead
        assert isinstance(outcome, kind)
    assert "prospect@example.com" not in outcome.answer
    assert shown not in outcome.answer


@every_preset
async def test_a_limit_closes_the_destination_for_as_long_as_the_crm_says(case: str) -> None:
    crm = Crm(case, wire.answer(429, b"{}", {"retry-after": "700"}))
    async with to(case, crm) as destination:
        outcome = await attempt(destination)
    assert isinstance(outcome, Deferred)
    assert (outcome.reason, outcome.retry_after) == (Reason.RATE_LIMITED, 700.0)
    assert outcome.throttle is True


@every_preset
async def test_a_redirect_is_never_followed(case: str) -> None:
    async with wire.answering(wire.answer(200, b"{}")) as elsewhere:
        crm = Crm(case, wire.answer(307, b"", {"location": elsewhere.url}))
        async with to(case, crm) as destination:
            outcome = await attempt(destination)
        assert elsewhere.connections == 0
    assert isinstance(outcome, Deferred)
    assert outcome.reason is Reason.REDIRECT


@every_preset
async def test_a_crm_that_hangs_is_given_up_at_the_timeout(case: str) -> None:
    async with to(case, wire.hang, timeout="300ms") as destination:
        started = time.monotonic()
        outcome = await attempt(destination)
    assert time.monotonic() - started < 2.5
    assert isinstance(outcome, Deferred)
    assert outcome.reason is Reason.TIMEOUT


@every_preset
async def test_what_can_not_be_reached_is_told_apart(case: str) -> None:
    closed = made(case, wire.unused_port())
    refused = await attempt(closed)
    await closed.close()
    async with to(case, Crm(case), scheme="https") as destination:
        unknown = await attempt(destination)
    assert isinstance(refused, Deferred)
    assert isinstance(unknown, Deferred)
    assert (refused.reason, refused.uncertain) == (Reason.CONNECTION, False)
    assert unknown.reason is Reason.TLS


@every_preset
async def test_a_blocked_address_is_never_connected_to(case: str) -> None:
    async with wire.listening(Crm(case)) as server:
        destination = made(case, server.port, AddressGuard())
        outcome = await attempt(destination)
        with pytest.raises(VerifyError, match=r"network\.allow"):
            await destination.verify()
        await destination.close()
        assert server.connections == 0
    assert isinstance(outcome, Deferred)
    assert outcome.reason is Reason.BLOCKED_ADDRESS


@every_preset
async def test_every_attempt_has_the_same_bytes_and_the_same_ids(case: str) -> None:
    crm = Crm(case)
    async with to(case, crm) as destination:
        for number in (1, 2):
            await attempt(destination, number=number)
    first, second = crm.writes[:2]
    assert first.body == second.body
    for name in ("webhook-id", "idempotency-key"):
        assert first.headers[name] == second.headers[name]


@every_preset
async def test_a_preview_shows_the_lead_and_no_secret_and_connects_to_nobody(case: str) -> None:
    async with wire.listening(Crm(case)) as server:
        destination = made(case, server.port)
        shown = repr(destination.render(complete(), Message("dlv_0123", "crm", NOON)).preview())
        await destination.close()
        assert server.connections == 0
    assert "Tourfictive" in shown
    assert SECRET not in shown


@every_preset
async def test_verify_finds_the_crm_and_delivers_nothing(case: str) -> None:
    crm = Crm(case)
    async with to(case, crm) as destination:
        assert "127.0.0.1" in await destination.verify()
    assert crm.writes == []


@every_preset
async def test_many_at_once_all_arrive(case: str) -> None:
    crm = Crm(case)
    async with to(case, crm) as destination:
        outcomes = await asyncio.gather(*(deliver(destination) for _ in range(10)))
    assert all(isinstance(outcome, Delivered) for outcome in outcomes)
