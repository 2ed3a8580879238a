"""The one-shot exchange against real servers, good and bad: each failure has its own reason."""

from __future__ import annotations

import asyncio
import socket
import time
import zlib
from collections.abc import AsyncIterator

import pytest

from gateway.addresses import AddressGuard
from gateway.delivery import Reason
from gateway.http import HttpClient, Request, WireError
from tests import wire

pytestmark = pytest.mark.anyio

BODY = b'{"lead": 1}'


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    opened = HttpClient(wire.loopback(), connections=4, answer_limit=10_000)
    yield opened
    await opened.close()


def post(url: str, **headers: str) -> Request:
    return Request("POST", url, headers, BODY)


async def fails(client: HttpClient, request: Request, timeout: float = 5.0) -> WireError:
    """The error of an exchange that has to fail, and within its deadline."""
    started = time.monotonic()
    with pytest.raises(WireError) as caught:
        await client.exchange(request, timeout)
    assert time.monotonic() - started < timeout + 2.0
    return caught.value


async def test_an_answer_comes_back_whole(client: HttpClient) -> None:
    async with wire.answering(wire.answer(201, b"made", {"X-Id": "7"})) as server:
        exchange = await client.exchange(post(server.url + "/leads?a=1", X_A="b"), 5.0)
    assert (exchange.status, exchange.body, exchange.truncated) == (201, b"made", False)
    assert exchange.headers["x-id"] == "7"
    (request,) = server.requests
    assert (request.method, request.target, request.body) == ("POST", "/leads?a=1", BODY)
    assert request.headers["user-agent"].startswith("lead-gateway/")
    assert "cookie" not in request.headers


async def test_connections_are_reused_and_cookies_are_not_kept(client: HttpClient) -> None:
    async with wire.answering(wire.answer(200, b"ok", {"set-cookie": "a=b"})) as server:
        url = server.url.replace("127.0.0.1", "localhost")  # an address keeps no cookie anyway
        for _ in range(3):
            await client.exchange(post(url), 5.0)
            await client.conversation().get(url)
    assert server.connections == 1
    assert all("cookie" not in request.headers for request in server.requests)


async def test_a_redirect_is_an_answer_and_is_not_followed(client: HttpClient) -> None:
    async with wire.answering(wire.answer(200)) as elsewhere:
        moved = wire.answer(307, headers={"location": elsewhere.url})
        async with wire.answering(moved) as server:
            assert (await client.exchange(post(server.url), 5.0)).status == 307
    assert elsewhere.connections == 0


async def test_proxies_of_the_environment_are_ignored(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        wire.answering(wire.answer(500)) as proxy,
        wire.answering(wire.answer(200)) as server,
    ):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert (await client.exchange(post(server.url), 5.0)).status == 200
        assert (await client.conversation().get(server.url)).status_code == 200
    assert proxy.connections == 0


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (wire.hang, Reason.TIMEOUT),
        (wire.slow_drip, Reason.TIMEOUT),
        (wire.close_silently, Reason.CONNECTION),
        (wire.reset, Reason.CONNECTION),
        (wire.half_an_answer, Reason.CONNECTION),
        (wire.half_a_head, Reason.CONNECTION),
        (wire.garbage, Reason.PROTOCOL),
        (wire.broken_chunks, Reason.PROTOCOL),
        (wire.endless_head, Reason.TOO_LARGE),
    ],
)
async def test_a_receiver_that_fails_after_the_request_leaves_it_uncertain(
    client: HttpClient, script: wire.Script, reason: Reason
) -> None:
    async with wire.listening(script) as server:
        error = await fails(client, post(server.url), timeout=0.5)
    assert (error.reason, error.uncertain) == (reason, True)


async def test_a_post_is_never_written_twice_behind_our_back(client: HttpClient) -> None:
    async with wire.listening(wire.close_silently) as server:
        await fails(client, post(server.url))
        assert server.connections == 1


async def test_an_endless_body_is_cut_at_the_limit(client: HttpClient) -> None:
    async with wire.listening(wire.endless_body) as server:
        exchange = await client.exchange(post(server.url), 5.0)
    assert (exchange.status, exchange.truncated, len(exchange.body)) == (200, True, 10_000)


async def test_an_answer_of_just_the_limit_is_not_cut(client: HttpClient) -> None:
    async with wire.answering(wire.answer(200, b"x" * 10_000)) as server:
        exchange = await client.exchange(post(server.url), 5.0)
    assert (exchange.truncated, len(exchange.body)) == (False, 10_000)


async def test_a_small_packed_answer_can_not_fill_the_memory(client: HttpClient) -> None:
    packed = zlib.compress(bytes(50_000_000))
    async with wire.answering(wire.answer(200, packed, {"content-encoding": "deflate"})) as server:
        exchange = await client.exchange(post(server.url), 10.0)
    assert (exchange.truncated, len(exchange.body)) == (True, 10_000)


async def test_a_refused_connection_is_certain(client: HttpClient) -> None:
    error = await fails(client, post(f"http://127.0.0.1:{wire.unused_port()}"))
    assert (error.reason, error.uncertain) == (Reason.CONNECTION, False)
    assert "refused" in error.text


async def test_a_name_without_address_is_a_dns_error(client: HttpClient) -> None:
    error = await fails(client, post("http://nobody.invalid/leads"), timeout=20.0)
    assert (error.reason, error.uncertain) == (Reason.DNS, False)


async def test_a_host_that_never_accepts_is_a_timeout_and_certain(client: HttpClient) -> None:
    # A full backlog: the kernel answers no more connections, as a dead host behind a firewall.
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", port))
            error = await fails(client, post(f"http://127.0.0.1:{port}"), timeout=0.5)
        finally:
            for filler in fillers:
                filler.close()
    assert (error.reason, error.uncertain) == (Reason.TIMEOUT, False)


async def test_a_large_request_that_is_not_taken_is_certain(client: HttpClient) -> None:
    async with wire.listening(wire.hang_before_reading) as server:
        large = Request("POST", server.url, {}, b"x" * 50_000_000)
        error = await fails(client, large, timeout=1.0)
    assert (error.reason, error.uncertain) == (Reason.TIMEOUT, False)


async def test_a_certificate_nobody_vouches_for_is_a_tls_error(client: HttpClient) -> None:
    async with wire.answering(wire.answer(200), tls="localhost") as server:
        error = await fails(client, post(server.url))
    assert (error.reason, error.uncertain) == (Reason.TLS, False)
    assert not server.requests


async def test_plain_http_where_tls_is_expected_is_a_tls_error(client: HttpClient) -> None:
    async with wire.listening(wire.garbage_greeting) as server:
        error = await fails(client, post(server.url.replace("http:", "https:")))
    assert error.reason is Reason.TLS


async def test_an_authority_of_ones_own_is_trusted_beside_the_systems() -> None:
    client = HttpClient(wire.loopback(), ca_file=wire.AUTHORITY)
    async with wire.answering(wire.answer(200), tls="localhost") as server:
        try:
            assert (await client.exchange(post(server.url), 5.0)).status == 200
            assert (await client.conversation().get(server.url)).status_code == 200
        finally:
            await client.close()


async def test_a_certificate_for_another_name_is_refused() -> None:
    client = HttpClient(wire.loopback(), ca_file=wire.AUTHORITY)
    async with wire.answering(wire.answer(200), tls="elsewhere") as server:
        try:
            error = await fails(client, post(server.url))
        finally:
            await client.close()
    assert error.reason is Reason.TLS
    assert "elsewhere" not in error.text


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.0.0.1.", "localhost", "LOCALHOST", "10.0.0.1", "169.254.169.254"),
        *("127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0"),
        *("[::1]", "[::]", "[fe80::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"),
        *("[64:ff9b::7f00:1]", "[2002:7f00:1::]"),
    ],
)
async def test_no_spelling_of_a_closed_address_is_connected_to(host: str) -> None:
    client = HttpClient(AddressGuard())
    async with wire.listening(wire.hang) as server:
        try:
            error = await fails(client, post(f"http://{host}:{server.port}/"))
        finally:
            await client.close()
        assert server.connections == 0
    assert error.uncertain is False
    # Old spellings that no URL should have are turned away before a socket is made for them.
    assert error.reason in (Reason.BLOCKED_ADDRESS, Reason.CONFIGURATION, Reason.DNS)


async def test_the_texts_hold_no_path_no_query_and_no_credentials(client: HttpClient) -> None:
    port = wire.unused_port()
    texts = []
    for place in (f"127.0.0.1:{port}", "nobody.invalid", "10.0.0.1"):
        request = Request("POST", f"http://{place}/hush-path?key=hush", {"authorization": "hush"})
        texts.append(str(await fails(client, request, timeout=20.0)))
    async with wire.listening(wire.garbage) as server:
        texts.append(str(await fails(client, post(server.url + "/hush?hush=hush"))))
    assert not any("hush" in text for text in texts)


@pytest.mark.parametrize("value", ["a\r\nx-injected: 1", "a\nb", "a\x00b"])
async def test_a_header_that_would_inject_is_never_sent(client: HttpClient, value: str) -> None:
    async with wire.answering(wire.answer(200)) as server:
        error = await fails(client, post(server.url, X_Name=value))
    assert error.reason is Reason.CONFIGURATION
    assert not server.requests


async def test_a_cancelled_exchange_gives_its_connection_up(client: HttpClient) -> None:
    async with wire.listening(wire.hang) as server:
        task = asyncio.create_task(client.exchange(post(server.url), 30.0))
        await asyncio.wait_for(server.connected.wait(), wire.DEADLINE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_hundred_at_once_share_the_connections_there_are(client: HttpClient) -> None:
    async with wire.answering(wire.answer(200, b"ok")) as server:
        done = await asyncio.gather(*(client.exchange(post(server.url), 10.0) for _ in range(100)))
    assert {exchange.status for exchange in done} == {200}
    assert len(server.requests) == 100
    assert server.connections <= 4


async def test_a_closed_client_opens_again_when_it_is_used(client: HttpClient) -> None:
    async with wire.answering(wire.answer(200)) as server:
        await client.exchange(post(server.url), 5.0)
        await client.close()
        assert (await client.exchange(post(server.url), 5.0)).status == 200
