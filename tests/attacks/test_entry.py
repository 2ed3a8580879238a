"""Getting in without being let in: tokens, sessions, forms, names, links."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.delivery import delivery_id
from gateway.queue import Queue
from gateway.store import Store
from gateway.web.app import create_app
from gateway.web.server import CannotListen, serve
from gateway.web.sessions import COOKIE, SESSION_LASTS, signin_link
from gateway.web.throttle import WRONG_ALLOWED, WRONG_BEHIND_ONE
from tests.attacks.conftest import Record
from tests.builders import a_lead
from tests.web_house import ADMIN, PUSH, TOKEN, WebGateway, browse, form_token, make_gateway

pytestmark = pytest.mark.anyio

CRM = delivery_id("seloger", "lead-1", "crm")
GUESS = {"authorization": "Bearer a-guess"}


@pytest.fixture
def house(store: Store, queue: Queue, tmp_path: Path) -> WebGateway:
    return make_gateway(store, queue, tmp_path)


GIVEN: dict[str, tuple[str, Mapping[str, str]]] = {
    "No token": ("/v1/leads", {}),
    "A wrong token": ("/v1/leads", GUESS),
    "An empty token": ("/v1/leads", {"authorization": "Bearer "}),
    "The token's beginning": ("/v1/leads", {"authorization": f"Bearer {TOKEN[:-1]}"}),
    "The token under another scheme": ("/v1/leads", {"authorization": f"Basic {TOKEN}"}),
    "The token in the address": (f"/v1/leads?token={TOKEN}&access_token={TOKEN}", {}),
    "The token of a pushing website": ("/v1/leads", PUSH),
    "A header that says who one is": (
        "/v1/leads", {"x-forwarded-user": "admin", "x-forwarded-for": "127.0.0.1"},
    ),
    "Another path that means the same": ("/v1//leads", {}),
    "A method in a header": ("/v1/leads", {"x-http-method-override": "OPTIONS"}),
}  # fmt: skip


@pytest.mark.parametrize("what", GIVEN, ids=range(len(GIVEN)))
async def test_the_api_without_its_token(record: Record, house: WebGateway, what: str) -> None:
    await house.accept(a_lead())
    path, headers = GIVEN[what]
    async with browse(house) as client:
        answer = await client.get(path, headers={"accept": "application/json", **headers})
    assert answer.status_code in (401, 404)
    assert "Camille" not in answer.text
    record(f"{what}, for the leads of the API", f"{answer.status_code}, and nothing of a lead")


async def test_metrics_through_a_proxy(record: Record, house: WebGateway) -> None:
    async with browse(house, address="127.0.0.1") as client:
        answer = await client.get("/metrics", headers={"x-forwarded-for": "127.0.0.1"})
    assert answer.status_code == 401
    record(
        "Metrics without a token, through a proxy on this machine", "401: a proxy is not loopback"
    )


async def test_the_time_that_a_guess_takes(
    record: Record, store: Store, queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = "anne:anne-has-a-long-token,bob:bob-has-a-long-token,chloe:chloe-has-a-long-one"
    house = make_gateway(store, queue, tmp_path, token=tokens)
    whose = create_app(house).state.web.sessions.tokens.whose
    compared: list[tuple[int, int]] = []
    real = hmac.compare_digest

    def counted(a: Any, b: Any) -> bool:
        compared.append((len(a), len(b)))
        return real(a, b)

    monkeypatch.setattr(hmac, "compare_digest", counted)
    seen = set()
    for guess in ("", "a", "anne-has-a-long-toke", "anne-has-a-long-token", "x" * 5000):
        compared.clear()
        whose(guess)
        seen.add(tuple(compared))
    assert seen == {((32, 32),) * 3}
    record(
        "Learning a token letter by letter from the time that a guess takes",
        "every guess is hashed and compared with every token in constant time",
    )


async def test_guessing(record: Record, house: WebGateway) -> None:
    async with browse(house) as client:
        for _ in range(WRONG_ALLOWED):
            assert (await client.post("/signin", data={"token": "guess"})).status_code == 401
        right = await client.post("/signin", data={"token": TOKEN})
    assert right.status_code == 429
    record(
        f"{WRONG_ALLOWED} wrong tokens, then the right one", "429 for a minute, with Retry-After"
    )


async def test_guessing_under_many_addresses(record: Record, house: WebGateway) -> None:
    async with browse(house, address="10.0.0.1") as client:
        for number in range(WRONG_BEHIND_ONE):
            told = {"x-forwarded-for": f"198.51.100.{number}"}
            await client.get("/v1/leads", headers={**GUESS, **told})
        answer = await client.get("/v1/leads", headers={**ADMIN, "x-forwarded-for": "192.0.2.1"})
    assert answer.status_code == 429
    record(
        f"{WRONG_BEHIND_ONE} wrong tokens, each with another `X-Forwarded-For`, through one peer",
        "429: the peer is counted too",
    )


async def test_guessing_with_a_made_up_address(record: Record, house: WebGateway) -> None:
    async with browse(house, address="93.184.215.14") as client:
        for number in range(WRONG_ALLOWED):
            told = {"x-forwarded-for": f"198.51.100.{number}"}
            await client.get("/v1/leads", headers={**GUESS, **told})
        answer = await client.get("/v1/leads", headers={**ADMIN, "x-forwarded-for": "192.0.2.1"})
    assert answer.status_code == 429
    record("The same from the open internet", "429 after 20: only a peer nearby is believed")


async def test_guessing_from_a_whole_network(record: Record, house: WebGateway) -> None:
    app = create_app(house)
    for number in range(WRONG_ALLOWED):
        async with browse(app, address=f"2a00:1450:4007:80e::{number:x}") as client:
            await client.get("/v1/leads", headers=GUESS)
    async with browse(app, address="2a00:1450:4007:80e:ffff::1") as client:
        answer = await client.get("/v1/leads", headers=ADMIN)
    assert answer.status_code == 429
    record("Wrong tokens from many addresses of one IPv6 network", "429: 64 bits count as one")


async def discarding(house: WebGateway, **how: Any) -> int:
    """Post the form that discards a dead letter; it must not be."""
    await house.accept(a_lead())
    await house.end(CRM, "crm", "refused")
    async with browse(house, signed_in=True) as client:
        fields = how.pop("fields", None)
        mine = form_token((await client.get("/")).text)
        answer = await client.post(
            f"/deliveries/{CRM}/discard", data=fields or {"form_token": mine}, **how
        )
    found = await house.store.deliveries.get(CRM)
    assert found is not None
    assert found.state == "dead"
    return answer.status_code


FORGED: dict[str, dict[str, Any]] = {
    "A form on another site": {"headers": {"sec-fetch-site": "cross-site"}},
    "A form on a sister site": {"headers": {"sec-fetch-site": "same-site"}},
    "A form without its token": {"fields": {"x": "1"}},
    "A form with a made-up token": {"fields": {"form_token": "f" * 64}},
}


@pytest.mark.parametrize("what", FORGED, ids=range(len(FORGED)))
async def test_a_forged_form(record: Record, house: WebGateway, what: str) -> None:
    status = await discarding(house, **FORGED[what])
    assert status == 403
    record(f"{what}, sent by a signed-in browser (CSRF)", "403, and nothing is done")


async def test_a_form_token_of_another_session(record: Record, house: WebGateway) -> None:
    app = create_app(house)
    async with browse(app, signed_in=True) as other:
        theirs = form_token((await other.get("/")).text)
    status = await discarding(house, fields={"form_token": theirs})
    assert status == 403
    record("The form token of another session", "403: it belongs to one session")


async def test_a_session_begun_by_somebody_else(record: Record, house: WebGateway) -> None:
    planted = "admin.9999999999.planted.0123"
    async with browse(house) as client:
        client.cookies.set(COOKIE, planted, domain="gateway.example")
        before = await client.get("/leads")
        entered = await client.post("/signin", data={"token": TOKEN})
        given = entered.headers["set-cookie"]
    assert before.status_code == 303
    assert planted not in given
    record("A session cookie planted before signing in (fixation)", "not taken; a new one is given")


async def test_a_changed_cookie(record: Record, house: WebGateway) -> None:
    async with browse(house, signed_in=True) as client:
        value = client.cookies[COOKIE]
        name, until, rest = value.split(".", 2)
        later = f"{name}.{int(until) + 3600}.{rest}"
        other = f"root.{until}.{rest}"
        client.cookies.clear()
        answers = []
        for changed in (later, other, value[:-1], "", "..", "admin..", f"{value}x"):
            answer = await client.get("/leads", headers={"cookie": f"{COOKIE}={changed}"})
            answers.append(answer.status_code)
    assert answers == [303] * len(answers)
    record("A session cookie with a later end, or another name", "signed: the sign-in page comes")


async def test_a_copied_cookie(record: Record, house: WebGateway) -> None:
    app = create_app(house)
    async with browse(app, signed_in=True) as client:
        copied = client.cookies[COOKIE]
        token = form_token((await client.get("/")).text)
        await client.post("/signout", data={"form_token": token})
    async with browse(app) as thief:
        answer = await thief.get("/leads", headers={"cookie": f"{COOKIE}={copied}"})
    assert answer.status_code == 303
    record(
        "A copied session cookie, after its owner signed out", "over: sign-out ends it everywhere"
    )


async def test_an_old_cookie(record: Record, house: WebGateway) -> None:
    now = [datetime.now(UTC)]
    async with browse(create_app(house, clock=lambda: now[0]), signed_in=True) as client:
        now[0] += SESSION_LASTS + timedelta(seconds=1)
        answer = await client.get("/leads")
    assert answer.status_code == 303
    record("A session cookie of yesterday", "over after twelve hours")


async def test_reading_the_cookie(
    record: Record, store: Store, queue: Queue, tmp_path: Path
) -> None:
    house = make_gateway(store, queue, tmp_path, public_url="https://gateway.example")
    async with browse(house) as client:
        answer = await client.post("/signin", data={"token": TOKEN})
    flags = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]}
    assert {"httponly", "samesite=lax", "secure", "path=/"} <= flags
    assert not any(flag.startswith("domain") for flag in flags)
    record(
        "Reading the session cookie by script, over plain http, or from another site's form",
        "`HttpOnly`, `Secure`, `SameSite=Lax`, no `Domain`",
    )


async def test_a_sign_in_link_twice(record: Record, house: WebGateway) -> None:
    app = create_app(house)
    link = urlsplit(signin_link("http://gateway.example", TOKEN, datetime.now(UTC)))
    place = f"{link.path}?{link.query}"
    async with browse(app) as first, browse(app) as second:
        assert (await first.get(place)).status_code == 303
        again = await second.get(place)
    assert again.status_code == 401
    record("A sign-in link, used again from a log or a history", "401: it works once")


async def test_a_sign_in_link_of_ones_own(record: Record, house: WebGateway) -> None:
    link = urlsplit(signin_link("http://gateway.example", "a-guess", datetime.now(UTC)))
    async with browse(house) as client:
        answer = await client.get(f"{link.path}?{link.query}")
    assert answer.status_code == 401
    record("A sign-in link made without the token", "401")


ELSEWHERE = ("//evil.example/", "https://evil.example/", "/\\evil.example", "/\t/evil.example")


@pytest.mark.parametrize("place", ELSEWHERE, ids=range(len(ELSEWHERE)))
async def test_a_redirect_after_signing_in(record: Record, house: WebGateway, place: str) -> None:
    async with browse(house) as client:
        answer = await client.post("/signin", data={"token": TOKEN, "next": place})
    assert answer.headers["location"] == "/"
    shown = place.replace("\t", "\\t")
    record(f"Signing in with `next={shown}`", "the start page: never another site")


HOSTS = ("attacker.example", "127.0.0.1.attacker.example", "gateway.example.attacker.example")


@pytest.mark.parametrize("host", HOSTS)
async def test_another_name(record: Record, house: WebGateway, host: str) -> None:
    async with browse(house, signed_in=True) as client:
        answer = await client.get("/leads", headers={"host": host})
    assert answer.status_code == 421
    record(f"A page that has its own name lead here: `Host: {host}`", "421, without a page")


async def test_reading_from_another_site(record: Record, house: WebGateway) -> None:
    origin = {"origin": "https://evil.example"}
    async with browse(house, signed_in=True) as client:
        answers = [
            await client.get("/leads", headers=origin),
            await client.options(
                "/v1/leads", headers={**origin, "access-control-request-method": "GET"}
            ),
        ]
    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    record("Reading an answer from another site's script (CORS)", "no site is allowed to")


async def test_the_page_in_a_frame(record: Record, house: WebGateway) -> None:
    async with browse(house, signed_in=True) as client:
        headers = (await client.get("/")).headers
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    record("The dashboard in a frame of another page (clickjacking)", "no browser shows it there")


async def test_a_made_up_claim_link(record: Record, house: WebGateway) -> None:
    await house.accept(a_lead())
    soon = datetime.now(UTC) + timedelta(hours=1)
    token = house.store.threads.claim_links.token(CRM, soon)
    another = token.replace(CRM, delivery_id("seloger", "lead-2", "crm"))
    async with browse(house) as client:
        answers = [
            await client.get(f"/claim/{changed}")
            for changed in (another, f"{CRM}.9999999999.{'0' * 27}", CRM, "..%2f..%2f")
        ]
    assert {answer.status_code for answer in answers} <= {404, 410}
    assert not any("Camille" in answer.text for answer in answers)
    record("A claim link for another lead, made up", "404: links are signed")


STATIC = ("../../app.py", "%2e%2e/%2e%2e/app.py", "..%2f..%2f..%2fpyproject.toml", "/etc/passwd")


@pytest.mark.parametrize("path", STATIC, ids=range(len(STATIC)))
async def test_a_file_outside(record: Record, house: WebGateway, path: str) -> None:
    async with browse(house) as client:
        answer = await client.get(f"/static/{path}")
    assert answer.status_code in (303, 404)
    assert "import" not in answer.text
    assert "root:" not in answer.text
    record(f"A file outside of the static ones: `/static/{path}`", f"{answer.status_code}")


async def test_names_of_sources(record: Record, house: WebGateway) -> None:
    async with browse(house) as client:
        texts = {
            (answer.status_code, answer.text)
            for name in ("website", "seloger", "nobody")
            for answer in [await client.post(f"/v1/sources/{name}/leads", headers=GUESS, json={})]
        }
    assert len(texts) == 1
    record(
        "Learning which sources there are by pushing to each name", "401, the same for every name"
    )


async def test_the_open_internet_without_a_token(
    record: Record, store: Store, queue: Queue, tmp_path: Path
) -> None:
    house = make_gateway(store, queue, tmp_path, token=None)
    with pytest.raises(CannotListen):
        await serve(house, asyncio.Event(), host="0.0.0.0", port=0)
    record("A web that listens on every address while no token was set", "it does not start")


async def test_what_an_error_tells(
    record: Record, house: WebGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("camille@example.org and secret-of-the-house")

    monkeypatch.setattr(house.store.leads, "get_many", broken)
    monkeypatch.setattr(house.store.leads, "page", broken)
    async with browse(house) as client:
        answer = await client.get("/v1/leads", headers={**ADMIN, "accept": "application/json"})
    assert answer.status_code == 500
    assert "camille" not in answer.text
    assert "secret-of-the-house" not in answer.text
    assert "Traceback" not in answer.text
    record("Making the web fail, to read its error", "500: a sentence without the error's text")
