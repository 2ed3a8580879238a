"""The httpx face: the same guard and words, a deadline over the whole call, a cap on the answer."""

from __future__ import annotations

import gzip
import time
import zlib
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from gateway.addresses import AddressGuard
from gateway.delivery import Reason
from gateway.http import ConversationError, HttpClient, WireError
from tests import wire

pytestmark = pytest.mark.anyio

ANSWER = b'{"items": []}' * 1000


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    opened = HttpClient(wire.loopback(), connections=4, user_agent="lead-gateway/test")
    yield opened
    await opened.close()


async def fails(client: HttpClient, url: str, timeout: float = 5.0) -> ConversationError:
    started = time.monotonic()
    with pytest.raises(ConversationError) as caught:
        await client.conversation().post(url, content=b"{}", timeout=timeout)
    assert time.monotonic() - started < timeout + 2.0
    return caught.value


async def test_a_call_is_answered_over_a_kept_connection(client: HttpClient) -> None:
    talk = client.conversation()
    async with wire.answering(wire.answer(200, ANSWER, {"date": "today"})) as server:
        for _ in range(3):
            response = await talk.post(server.url + "/v2/leads", json={"Limit": 100})
            assert (response.content, response.headers["date"]) == (ANSWER, "today")
    assert server.connections == 1
    assert server.requests[0].headers["user-agent"] == "lead-gateway/test"
    assert server.requests[0].body == b'{"Limit":100}'


async def test_a_redirect_is_not_followed(client: HttpClient) -> None:
    moved = wire.answer(302, headers={"location": "http://127.0.0.1:1/"})
    async with wire.answering(moved) as server:
        assert (await client.conversation().get(server.url)).status_code == 302


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(ANSWER)),
        ("deflate", zlib.compress(ANSWER)),
        ("GZip", gzip.compress(ANSWER)),
        ("identity", ANSWER),
    ],
    ids=["gzip", "deflate", "in capitals", "not packed"],
)
async def test_a_packed_answer_is_unpacked(client: HttpClient, coding: str, packed: bytes) -> None:
    async with wire.answering(wire.answer(200, packed, {"content-encoding": coding})) as server:
        assert (await client.conversation().get(server.url)).content == ANSWER
    assert server.requests[0].headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize(
    ("coding", "make", "reason"),
    [
        ("gzip", lambda: gzip.compress(bytes(60_000_000)), Reason.TOO_LARGE),
        ("identity", lambda: bytes(20_000_001), Reason.TOO_LARGE),
        ("gzip", lambda: b"not packed at all", Reason.PROTOCOL),
        ("gzip", lambda: gzip.compress(ANSWER)[:-20], Reason.CONNECTION),
        ("br", lambda: b"\x0b\x02\x80", Reason.PROTOCOL),
    ],
    ids=["a bomb", "large", "not packed", "cut off", "unknown"],
)
async def test_an_answer_that_can_not_be_unpacked_within_bounds_is_an_error(
    client: HttpClient, coding: str, make: Callable[[], bytes], reason: Reason
) -> None:
    packed = wire.answer(200, make(), {"content-encoding": coding})
    async with wire.answering(packed) as server:
        assert (await fails(client, server.url)).reason is reason


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (wire.hang, Reason.TIMEOUT),
        (wire.slow_drip, Reason.TIMEOUT),
        (wire.close_silently, Reason.CONNECTION),
        (wire.reset, Reason.CONNECTION),
        (wire.half_an_answer, Reason.CONNECTION),
        (wire.garbage, Reason.PROTOCOL),
        (wire.broken_chunks, Reason.PROTOCOL),
        (wire.endless_head, Reason.TOO_LARGE),
    ],
)
async def test_a_portal_that_fails_is_named_and_bounded(
    client: HttpClient, script: wire.Script, reason: Reason
) -> None:
    async with wire.listening(script) as server:
        error = await fails(client, server.url, timeout=0.5)
    assert error.reason is reason


async def test_an_endless_answer_ends(client: HttpClient) -> None:
    async with wire.listening(wire.endless_body) as server:
        assert (await fails(client, server.url, timeout=20.0)).reason is Reason.TOO_LARGE


async def test_what_goes_wrong_before_the_request_is_certain(client: HttpClient) -> None:
    refused = await fails(client, f"http://127.0.0.1:{wire.unused_port()}/")
    unnamed = await fails(client, "http://nobody.invalid/", timeout=20.0)
    async with wire.answering(wire.answer(200), tls="localhost") as server:
        unvouched = await fails(client, server.url)
    assert (refused.reason, unnamed.reason) == (Reason.CONNECTION, Reason.DNS)
    assert unvouched.reason is Reason.TLS
    assert not any(error.uncertain for error in (refused, unnamed, unvouched))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254"])
async def test_a_closed_address_surfaces_as_blocked(host: str) -> None:
    client = HttpClient(AddressGuard())
    async with wire.listening(wire.hang) as server:
        error = await fails(client, f"http://{host}:{server.port}/")
        assert server.connections == 0
    await client.close()
    assert (error.reason, error.uncertain) == (Reason.BLOCKED_ADDRESS, False)


async def test_the_error_is_known_to_both_kinds_of_caller(client: HttpClient) -> None:
    error = await fails(client, f"http://127.0.0.1:{wire.unused_port()}/hush?key=hush")
    assert isinstance(error, WireError)
    assert isinstance(error, httpx.TransportError)
    assert error.request.method == "POST"
    assert "hush" not in str(error)


async def test_closing_a_conversation_leaves_the_client_open(client: HttpClient) -> None:
    async with wire.answering(wire.answer(200)) as server:
        async with client.conversation() as talk:
            await talk.get(server.url)
        assert (await client.conversation().get(server.url)).status_code == 200
    assert server.connections == 1


async def test_a_streamed_answer_can_be_left_early(client: HttpClient) -> None:
    async with wire.listening(wire.endless_body) as server:
        async with client.conversation().stream("GET", server.url) as response:
            async for _ in response.aiter_bytes():
                break
        assert response.is_closed


async def test_a_bomb_is_unpacked_in_small_pieces(client: HttpClient) -> None:
    packed = wire.answer(200, gzip.compress(bytes(10_000_000)), {"content-encoding": "gzip"})
    async with (
        wire.answering(packed) as server,
        client.conversation().stream("GET", server.url) as response,
    ):
        sizes = [len(piece) async for piece in response.aiter_bytes()]
    assert sum(sizes) == 10_000_000
    assert max(sizes) <= 256 * 1024
