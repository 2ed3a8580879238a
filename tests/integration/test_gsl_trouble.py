"""A GSL account in trouble: what is repeated, what is not, and what the operator reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from gateway.sources import portal as portal_module
from gateway.sources.gsl import GslSource
from gateway.sources.protocol import SourceProblem
from gateway.store import Store
from tests.gsl_portal import SECRET, ScriptedPortal, page, problem_of, said, scripted_portal, walk
from tests.tokens import Turning
from tests.wire import (
    Received,
    answer,
    close_silently,
    endless_body,
    garbage,
    half_an_answer,
    hang,
    reset,
    unused_port,
)

pytestmark = pytest.mark.anyio

UNAUTHORIZED = said({"title": "Unauthorized"}, 401)


@pytest.fixture
async def portal() -> AsyncIterator[ScriptedPortal]:
    async with scripted_portal() as portal:
        yield portal


async def test_a_token_not_taken_brings_one_fresh_token_and_one_repeat(
    portal: ScriptedPortal,
) -> None:
    source = portal.source()
    portal.script = [page({"n": 1}, key="k"), UNAUTHORIZED, page({"n": 2})]

    pages = await walk(source)

    assert [page.items for page in pages] == [[{"n": 1}], [{"n": 2}]]
    assert portal.signed_in == 2
    assert [request.headers["authorization"] for request in portal.asked] == [
        "Bearer token-1",
        "Bearer token-1",
        "Bearer token-2",
    ]


async def test_feeds_that_lose_their_token_together_share_the_fresh_one(
    portal: ScriptedPortal,
) -> None:
    source = portal.source()
    portal.always = lambda request: (
        UNAUTHORIZED if request.headers["authorization"] == "Bearer token-1" else None
    )

    await asyncio.gather(*(walk(source, feed) for feed in source.feeds))

    assert portal.signed_in == 2


async def test_a_fresh_token_refused_too_is_told_and_not_tried_for_ten_minutes(
    portal: ScriptedPortal,
) -> None:
    clock = Turning()
    source = portal.source(clock=clock)
    portal.always = lambda request: UNAUTHORIZED

    found = [await problem_of(source) for _ in range(4)]
    clock.turn(601)
    await problem_of(source)

    assert {problem.kind for problem in found} == {"credentials"}
    assert portal.signed_in == 3


async def test_a_feed_that_takes_no_token_does_not_cost_the_others_theirs(
    portal: ScriptedPortal,
) -> None:
    source = portal.source()
    portal.always = lambda request: UNAUTHORIZED if request.target.endswith("projects") else None
    await walk(source)
    await problem_of(source, "projects")
    await walk(source)

    found = await problem_of(source, "projects")

    assert found.kind == "forbidden"
    assert portal.signed_in == 2


async def test_processes_share_one_token_through_the_store(
    portal: ScriptedPortal, store: Store
) -> None:
    sources = [portal.source(store.sources) for _ in range(4)]

    await asyncio.gather(*(walk(source) for source in sources))

    assert portal.signed_in == 1
    assert len(portal.asked) == 4


async def test_at_most_the_configured_number_of_requests_run_at_a_time(
    portal: ScriptedPortal,
) -> None:
    source = portal.source(requests_at_once=2)
    portal.pause = asyncio.Event()

    reading = [asyncio.create_task(walk(source, feed)) for feed in source.feeds]
    await asyncio.wait_for(portal.busy.wait(), 5)
    portal.pause.set()
    await asyncio.wait_for(asyncio.gather(*reading), 5)

    assert len(portal.asked) == 5
    assert portal.at_once[1] == 2


@pytest.mark.parametrize(
    ("status", "kind"),
    [(403, "forbidden"), (404, "forbidden"), (429, "rate_limited"), (500, "down"), (503, "down")],
)
async def test_a_no_is_told_with_the_portals_wish_and_not_repeated(
    portal: ScriptedPortal, status: int, kind: str
) -> None:
    source = portal.source()
    portal.script = [said({"title": "No"}, status, retry_after="17", traceparent="00-ab-cd-01")]

    found = await problem_of(source)

    assert (found.kind, found.status, found.retry_after) == (kind, status, 17.0)
    assert "(No)" in found.text
    assert found.text.endswith("[00-ab-cd-01]")
    assert found.details["title"] == "No"
    assert len(portal.asked) == 1


HTML = b"<!doctype html><title>Sign in</title>"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (HTML, "a web page (text/html)"),
        (b'{"Data": {"Items": [{"leadMetaInfos"', "JSON that breaks off"),
        (b"", "an empty body"),
        (b"ok", "something else"),
        (b"\xff\xfe\x00", "something else"),
        (b"[" * 100_000, "JSON that breaks off or is damaged"),
    ],
)
async def test_a_200_that_is_no_json_is_told_as_what_it_is(
    portal: ScriptedPortal, body: bytes, words: str
) -> None:
    source = portal.source()
    kind = {"content-type": "text/html; charset=utf-8"}
    portal.script = [answer(200, body, kind)]

    found = await problem_of(source)

    assert found.kind == "protocol"
    assert words in found.text
    assert "look at sources.seloger.base_url and sources.seloger.paths.leads" in found.text


@pytest.mark.parametrize("script", [close_silently, reset, garbage, half_an_answer])
async def test_a_connection_that_breaks_means_down_and_names_the_host(
    portal: ScriptedPortal, script: object
) -> None:
    source = portal.source()
    portal.script = [script]  # type: ignore[list-item]

    found = await problem_of(source)

    assert found.kind == "down"
    assert "sources.seloger.base_url" in found.text


async def test_a_portal_that_hangs_is_given_up_at_the_deadline(
    portal: ScriptedPortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portal_module, "DEADLINE", 0.3)
    source = portal.source()
    portal.script = [hang]

    found = await asyncio.wait_for(problem_of(source), 5)

    assert found.kind == "down"
    assert "0.3 s" in found.text


async def test_an_answer_without_end_is_cut_off(
    portal: ScriptedPortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portal_module, "ANSWER_CAP", 100_000)
    source = portal.source()
    portal.script = [endless_body]

    found = await asyncio.wait_for(problem_of(source), 10)

    assert (found.kind, found.text) == (
        "protocol",
        "sources.seloger, feed leads: the answer is larger than 0.1 MB",
    )


async def test_after_trouble_the_same_source_goes_on(portal: ScriptedPortal) -> None:
    source = portal.source()
    portal.script = [close_silently, said({}, 500), answer(200, HTML)]
    portal.leads = [{"n": 1}]

    for _ in range(3):
        await problem_of(source)

    assert [page.items for page in await walk(source)] == [[{"n": 1}]]
    assert portal.signed_in == 1


async def test_no_secret_and_no_token_is_ever_in_a_problem(portal: ScriptedPortal) -> None:
    portal.grants = [said({"error": "invalid_client", "error_description": SECRET}, 401)]
    source = portal.source()
    refused = await problem_of(source)
    other = portal.source()
    portal.always = lambda request: said({"detail": request.headers["authorization"]}, 401)
    unauthorized = await problem_of(other)

    assert SECRET not in refused.text + str(refused.details) + repr(source.config)
    assert "token-" not in unauthorized.text + str(unauthorized.details)
    assert "Bearer [secret]" in unauthorized.text


async def check(source: GslSource) -> str:
    """What ``check --live`` prints, or the problem it ends with."""
    try:
        return "\n".join(await source.verify())
    except SourceProblem as problem:
        return f"{problem.kind}: {problem.text}"


async def test_a_check_of_an_account_in_order_says_so(portal: ScriptedPortal) -> None:
    portal.leads = [{"n": 1}]
    portal.date = Turning().at

    found = await check(portal.source())

    assert "signed in" in found
    assert found.count(": readable") == 5


async def test_a_check_tells_a_wrong_unit_of_time_by_counting(portal: ScriptedPortal) -> None:
    def in_milliseconds(request: Received) -> bytes:
        seconds = request.body.split(b'"StartDate":')[1].split(b",")[0].strip()
        return page({"n": 1}) if len(seconds) == 13 else page()

    portal.always = in_milliseconds

    found = await check(portal.source())

    assert found == (
        "protocol: timestamps: feed leads, 30 days: 0 in seconds, 1 in milliseconds; "
        "write sources.seloger.timestamps: milliseconds"
    )


async def test_a_check_of_an_empty_account_says_that_the_unit_is_not_known(
    portal: ScriptedPortal,
) -> None:
    assert "the unit can not be told" in await check(portal.source())


async def test_a_check_tells_a_wrong_path_a_wrong_secret_and_a_wrong_scope(
    portal: ScriptedPortal,
) -> None:
    portal.always = lambda request: said({}, 404)
    path = await check(portal.source())
    portal.grants = [said({"error": "invalid_client"}, 401)]
    secret = await check(portal.source())
    portal.grants = [said({"error": "invalid_scope"}, 400)]
    scope = await check(portal.source(scope="LAAS:leads:get"))

    assert "sources.seloger.paths.leads" in path
    assert "sources.seloger.client_id and .client_secret" in secret
    assert "sources.seloger.scope, which is case-sensitive" in scope


async def test_a_check_tells_a_wrong_host(portal: ScriptedPortal) -> None:
    nobody = f"http://127.0.0.1:{unused_port()}"

    host = await check(portal.source(base_url=nobody))
    token_host = await check(portal.source(token_url=f"{nobody}/token"))
    name = await check(portal.source(base_url="http://nowhere.invalid"))

    assert "look at sources.seloger.base_url" in host
    assert "look at sources.seloger.token_url" in token_host
    assert "the host's name has no address" in name


async def test_a_check_tells_a_feed_that_is_not_allowed_and_one_that_is_elsewhere(
    portal: ScriptedPortal,
) -> None:
    answers = {"/v2/leads/projects": said({}, 403), "/v2/leads/agencies": said({}, 404)}
    portal.always = lambda request: answers.get(request.target)

    found = await check(portal.source())

    assert "feed projects: not allowed (403); take it out of sources.seloger.feeds" in found
    assert "correct sources.seloger.paths.agencies" in found
    assert found.count(": readable") == 3


async def test_a_check_tells_by_how_much_the_clocks_differ(portal: ScriptedPortal) -> None:
    portal.date = Turning().at
    clock = Turning(portal.date + timedelta(minutes=5))
    source = portal.source(clock=clock)

    assert "this machine is 300 s ahead of the portal" in await check(source)
