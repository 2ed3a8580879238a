"""What every polled kind of source does, whatever its portal's manners.

A new kind is one row in ``KINDS``: how to run a portal of its kind, and what such a portal does.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pytest

from gateway.sources import POLLED
from gateway.sources import portal as portal_module
from gateway.sources.protocol import Page, Slice, Source, SourceProblem
from tests.gsl_portal import ScriptedPortal, page, said, scripted_portal
from tests.wire import Script, answer, half_an_answer, hang, reset

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAY = Slice(NOW - timedelta(days=1), NOW)


class Rig(Protocol):
    """A portal with an account, and the source that reads it."""

    source: Source

    def has(self, *items: Any) -> None:
        """Give the portal these leads; a page of it holds two."""

    def says(self, *answers: bytes | Script) -> None:
        """Let the portal answer its next readings so."""

    def pages_for_ever(self) -> None:
        """Let each page point to itself."""

    @property
    def read(self) -> int:
        """How many readings the portal answered."""

    @property
    def signed_in(self) -> int:
        """How many tokens it gave."""


@dataclass
class GslRig:
    portal: ScriptedPortal

    def __post_init__(self) -> None:
        self.source: Source = self.portal.source(page_size=2)

    def has(self, *items: Any) -> None:
        self.portal.leads = list(items)

    def says(self, *answers: bytes | Script) -> None:
        self.portal.script = list(answers)

    def pages_for_ever(self) -> None:
        self.portal.always = lambda request: page({"n": 1}, key="the-same")

    @property
    def read(self) -> int:
        return len(self.portal.asked)

    @property
    def signed_in(self) -> int:
        return self.portal.signed_in


@asynccontextmanager
async def gsl() -> AsyncIterator[GslRig]:
    async with scripted_portal() as portal:
        yield GslRig(portal)


KINDS: dict[str, Callable[[], AbstractAsyncContextManager[Rig]]] = {"gsl": gsl}


@pytest.fixture(params=sorted(KINDS))
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    async with KINDS[request.param]() as rig:
        yield rig
        await rig.source.close()


async def walk(rig: Rig) -> list[Page]:
    async with asyncio.timeout(10):
        return [page async for page in rig.source.read(rig.source.feeds[0], DAY)]


async def problem(rig: Rig) -> SourceProblem:
    with pytest.raises(SourceProblem) as caught:
        await walk(rig)
    return caught.value


def test_every_polled_kind_is_held_to_this() -> None:
    assert set(KINDS) == set(POLLED)


async def test_it_says_who_it_is(rig: Rig) -> None:
    source = rig.source

    assert source.kind in POLLED
    assert source.identity == source.name == "seloger"
    assert isinstance(source.feeds, tuple)
    assert (await source.now()).tzinfo is not None
    assert inspect.isasyncgen(source.read(source.feeds[0], DAY))


async def test_it_reads_every_page_once(rig: Rig) -> None:
    rig.has(*({"n": number} for number in range(5)))

    pages = await walk(rig)

    assert [len(page.items) for page in pages] == [2, 2, 1]
    assert [item["n"] for page in pages for item in page.items] == [0, 1, 2, 3, 4]
    assert {page.feed for page in pages} == {rig.source.feeds[0]}
    assert (rig.read, rig.signed_in) == (3, 1)


async def test_it_finds_nothing_where_nothing_is(rig: Rig) -> None:
    assert [item for page in await walk(rig) for item in page.items] == []


async def test_it_never_walks_in_a_circle(rig: Rig) -> None:
    rig.pages_for_ever()

    assert (await problem(rig)).kind == "protocol"
    assert rig.read <= 3


async def test_it_asks_for_one_fresh_token_and_repeats_once(rig: Rig) -> None:
    rig.has({"n": 1})
    rig.says(said({"title": "Unauthorized"}, 401))

    assert [page.items for page in await walk(rig)] == [[{"n": 1}]]
    assert (rig.read, rig.signed_in) == (2, 2)


async def test_it_does_not_ask_for_tokens_without_end(rig: Rig) -> None:
    rig.says(*[said({}, 401)] * 9)

    kinds = {(await problem(rig)).kind for _ in range(5)}

    assert kinds == {"credentials"}
    assert rig.signed_in == 2


async def test_it_hands_on_how_long_the_portal_wants_to_be_left_alone(rig: Rig) -> None:
    rig.says(said({}, 429, retry_after="30"))

    found = await problem(rig)

    assert (found.kind, found.retry_after) == ("rate_limited", 30.0)
    assert rig.read == 1


async def test_it_tells_the_problem_document(rig: Rig) -> None:
    document = {
        "title": "Bad Request",
        "errors": [{"title": "EndDate", "message": "Missing"}],
        "errorSource": "validation",
        "supportCode": "A-17",
    }
    rig.says(said(document, 400, traceparent="00-aa-bb-01"))

    found = await problem(rig)

    assert found.details["supportCode"] == "A-17"
    assert found.details["errors"] == [{"name": "EndDate", "reason": "Missing"}]
    assert "EndDate: Missing" in found.text
    assert "00-aa-bb-01" in found.text


async def test_it_hands_on_unknown_fields_and_nulls_untouched(rig: Rig) -> None:
    items = [
        {"leadMetaInfos": {"leadId": "a", "newMember": {"deep": [1, None]}}},
        {"leadMetaInfos": {"leadId": "b"}, "contactRequest": None},
    ]
    rig.has(*items)

    assert (await walk(rig))[0].items == items


@pytest.mark.parametrize(
    "wrong",
    [
        answer(200, b"<html><title>Maintenance</title>", {"content-type": "text/html"}),
        answer(200, b'{"Data": {"Items": [{"leadMeta', {"content-type": "application/json"}),
        answer(200, b""),
        said({"status": "ok"}),
        answer(302, b"", {"location": "https://login.example/"}),
    ],
    ids=["web page", "truncated JSON", "empty body", "no page", "redirect"],
)
async def test_it_takes_nothing_but_a_page_for_a_page(rig: Rig, wrong: bytes) -> None:
    rig.says(wrong)

    assert (await problem(rig)).kind == "protocol"
    assert rig.read == 1


@pytest.mark.parametrize(
    "script", [reset, half_an_answer, said({}, 503)], ids=["reset", "half an answer", "503"]
)
async def test_it_is_down_when_the_portal_is_and_goes_on_after(
    rig: Rig, script: bytes | Script
) -> None:
    rig.has({"n": 1})
    rig.says(script)

    assert (await problem(rig)).kind == "down"
    assert [page.items for page in await walk(rig)] == [[{"n": 1}]]


async def test_it_waits_no_longer_than_its_deadline(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portal_module, "DEADLINE", 0.3)
    rig.says(hang)

    found = await problem(rig)

    assert found.kind == "down"
    assert "no complete answer within 0.3 s" in found.text


async def test_it_names_the_key_to_look_at(rig: Rig) -> None:
    for status in (401, 403, 404):
        rig.says(*[said({}, status)] * 2)

        assert "look at sources.seloger." in (await problem(rig)).text
