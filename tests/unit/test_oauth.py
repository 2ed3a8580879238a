"""One token for everybody: kept, renewed in time, and not asked for again when refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from pydantic import SecretStr

from gateway.http.asking import RemoteProblem
from gateway.oauth.tokens import LOCK, Credentials, Tokens
from tests.tokens import TokensInMemory, Turning

pytestmark = pytest.mark.anyio

SECRET = "not-to-be-seen-4711"
CREDENTIALS = Credentials(
    "sources.seloger",
    "https://login.example/token",
    "agency-42",
    SecretStr(SECRET),
    "laas:leads:get",
    {"audience": "leads"},
)

Answer = Callable[[int], httpx.Response]


def granted(number: int) -> httpx.Response:
    return httpx.Response(200, json={"access_token": f"token-{number}", "expires_in": 3600})


def refused(number: int) -> httpx.Response:
    return httpx.Response(401, json={"error": "invalid_client", "error_description": SECRET})


class Endpoint:
    """A token endpoint that counts, and whose answer can be changed."""

    def __init__(self, answer: Answer = granted) -> None:
        self.answer = answer
        self.requests: list[httpx.Request] = []
        self.open = asyncio.Event()
        self.open.set()
        self.asked = asyncio.Event()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.asked.set()
        await self.open.wait()
        return self.answer(len(self.requests))


class Account:
    """A clock, a store and an endpoint, and as many processes as a test wants."""

    def __init__(self, answer: Answer = granted) -> None:
        self.clock = Turning()
        self.store = TokensInMemory(self.clock)
        self.endpoint = Endpoint(answer)

    def process(self, credentials: Credentials = CREDENTIALS) -> Tokens:
        http = httpx.AsyncClient(transport=httpx.MockTransport(self.endpoint))
        return Tokens(credentials, http, self.store, self.clock)

    @property
    def asked(self) -> int:
        return len(self.endpoint.requests)


async def problem(tokens: Tokens) -> RemoteProblem:
    with pytest.raises(RemoteProblem) as caught:
        await tokens.token()
    return caught.value


async def test_a_token_serves_every_process_until_it_is_renewed() -> None:
    account = Account()
    one, other = account.process(), account.process()

    first = [await one.token(), await other.token()]
    account.clock.turn(3600 * 0.84)
    late = [await one.token(), await other.token()]
    account.clock.turn(3600 * 0.02)
    renewed = [await one.token(), await other.token(), await one.token()]

    assert first + late == ["token-1"] * 4
    assert renewed[0] == "token-2"
    assert account.asked == 2


async def test_many_readers_of_one_process_ask_once() -> None:
    account = Account()
    tokens = account.process()

    found = await asyncio.gather(*(tokens.token() for _ in range(20)))

    assert set(found) == {"token-1"}
    assert account.asked == 1


async def test_while_one_process_renews_the_others_go_on_with_the_old_token() -> None:
    account = Account()
    one, other = account.process(), account.process()
    await one.token()
    account.clock.turn(3600 * 0.9)
    account.endpoint.open.clear()
    account.endpoint.asked.clear()

    renewing = asyncio.create_task(one.token())
    await asyncio.wait_for(account.endpoint.asked.wait(), 5)
    meanwhile = [await other.token(), await one.token()]
    account.endpoint.open.set()

    assert meanwhile == ["token-1", "token-1"]
    assert await asyncio.wait_for(renewing, 5) == "token-2"
    assert account.asked == 2


async def test_without_a_token_the_other_process_waits_for_the_one_that_asks() -> None:
    account = Account()
    one, other = account.process(), account.process()
    account.endpoint.open.clear()

    asking = asyncio.create_task(one.token())
    await asyncio.wait_for(account.endpoint.asked.wait(), 5)
    waiting = asyncio.create_task(other.token())
    account.endpoint.open.set()

    assert await asyncio.wait_for(waiting, 5) == await asking == "token-1"
    assert account.asked == 1


async def test_a_renewal_that_fails_leaves_the_old_token_and_is_not_hurried() -> None:
    account = Account()
    tokens = account.process()
    await tokens.token()
    account.clock.turn(3600 * 0.9)
    account.endpoint.answer = lambda number: httpx.Response(503)

    found = [await tokens.token() for _ in range(5)]
    account.clock.turn(LOCK + 1)
    found.append(await tokens.token())

    assert found == ["token-1"] * 6
    assert account.asked == 3


async def test_a_token_that_the_portal_refuses_is_replaced_once_for_all_who_held_it() -> None:
    account = Account()
    one, other = account.process(), account.process()
    lost = await one.token()
    await other.token()

    found = await asyncio.gather(one.another(lost), one.another(lost), other.another(lost))

    assert set(found) == {"token-2"}
    assert account.asked == 2


async def test_a_refused_grant_is_not_asked_again_for_5_and_then_30_minutes() -> None:
    account = Account(refused)
    one, other = account.process(), account.process()

    first = await problem(one)
    remembered = await problem(other)
    account.clock.turn(301)
    again = await problem(one)
    account.clock.turn(301)
    still = await problem(one)

    assert account.asked == 2
    assert first.kind == remembered.kind == "credentials"
    assert (first.retry_after, again.retry_after) == (300, 1800)
    assert still.retry_after == 1800 - 301
    assert "client_secret" in remembered.text
    assert "not asked again before 08:05:00 UTC" in remembered.text


async def test_a_check_asks_even_though_a_refusal_is_remembered() -> None:
    account = Account(refused)
    tokens = account.process()
    await problem(tokens)
    account.endpoint.answer = granted

    assert await tokens.token(insist=True) == "token-2"
    assert await tokens.token() == "token-2"


async def test_a_corrected_secret_is_asked_with_at_once() -> None:
    account = Account(refused)
    await problem(account.process())
    account.endpoint.answer = granted
    corrected = replace(CREDENTIALS, client_secret=SecretStr("corrected"))

    assert await account.process(corrected).token() == "token-2"


async def test_a_refusal_while_the_old_token_lives_lets_it_live() -> None:
    account = Account()
    tokens = account.process()
    await tokens.token()
    account.clock.turn(3600 * 0.9)
    account.endpoint.answer = refused

    alive = [await tokens.token() for _ in range(3)]
    account.clock.turn(3600 * 0.1)

    assert alive == ["token-1"] * 3
    assert account.asked == 2
    account.clock.turn(1)
    assert (await problem(tokens)).kind == "credentials"


async def test_a_refusal_long_ago_counts_no_more() -> None:
    account = Account(refused)
    tokens = account.process()
    await problem(tokens)
    account.clock.turn(300 + 3601)

    assert (await problem(tokens)).retry_after == 300


async def test_the_secret_is_in_the_request_and_nowhere_else() -> None:
    account = Account(refused)

    found = await problem(account.process())

    assert parse_qs(account.endpoint.requests[0].content.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["agency-42"],
        "client_secret": [SECRET],
        "scope": ["laas:leads:get"],
        "audience": ["leads"],
    }
    shown = found.text + str(found.details) + account.store.text() + repr(CREDENTIALS)
    assert SECRET not in shown


async def test_the_request_can_be_json_and_the_secret_can_go_into_the_header() -> None:
    account = Account()
    changed = replace(CREDENTIALS, format="json", auth="basic", client_id="a:b")

    await account.process(changed).token()

    request = account.endpoint.requests[0]
    assert json.loads(request.content) == {
        "grant_type": "client_credentials",
        "scope": "laas:leads:get",
        "audience": "leads",
    }
    assert request.headers["authorization"] == "Basic YSUzQWI6bm90LXRvLWJlLXNlZW4tNDcxMQ=="


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        {"access_token": None},
        {"access_token": ""},
        {"access_token": "two words"},
        {"access_token": "line\r\nbreak"},
        {"access_token": "é"},
        {"access_token": 7},
    ],
)
async def test_an_answer_without_a_usable_token_is_told_as_such(answer: Any) -> None:
    account = Account(lambda number: httpx.Response(200, json=answer))

    assert (await problem(account.process())).kind == "protocol"


@pytest.mark.parametrize("life", [None, 0, -5, "soon", [], "Infinity"])
async def test_a_token_that_does_not_say_how_long_it_lives_is_trusted_for_half_an_hour(
    life: Any,
) -> None:
    account = Account(
        lambda number: httpx.Response(
            200, json={"access_token": f"token-{number}", "expires_in": life}
        )
    )
    tokens = account.process()

    found = [await tokens.token()]
    account.clock.turn(1800)
    found.append(await tokens.token())

    assert found == ["token-1", "token-2"]


async def test_a_life_written_as_text_is_read() -> None:
    account = Account(
        lambda number: httpx.Response(
            200, json={"access_token": f"token-{number}", "expires_in": "7200"}
        )
    )
    tokens = account.process()

    await tokens.token()
    account.clock.turn(6000)

    assert await tokens.token() == "token-1"


async def test_a_stored_document_of_another_form_is_asked_for_anew() -> None:
    account = Account()
    await account.store.save_token(CREDENTIALS.key, {"token": ["odd"], "expires_at": "?"}, 60)

    assert await account.process().token() == "token-1"


@pytest.mark.parametrize("status", [500, 503, 429, 404])
async def test_an_endpoint_in_trouble_is_no_refusal(status: int) -> None:
    account = Account(lambda number: httpx.Response(status, headers={"retry-after": "9"}))
    tokens = account.process()

    found = await problem(tokens)
    account.endpoint.answer = granted

    assert found.kind != "credentials"
    assert found.retry_after == 9
    assert await tokens.token() == "token-2"


async def test_a_process_that_died_while_asking_holds_up_the_others_for_its_lock_alone() -> None:
    account = Account()
    assert await account.store.lock_token(CREDENTIALS.key, LOCK)

    waiting = asyncio.create_task(account.process().token())
    await asyncio.sleep(0)  # it has met the lock
    account.clock.turn(LOCK)

    assert await asyncio.wait_for(waiting, 5) == "token-1"
