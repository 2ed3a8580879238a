"""One person erased, everywhere they are, and shown all of it before."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway import persons
from gateway.delivery import Lane, Message, Reason, delivery_id, lead_uid
from gateway.lead import Contact
from gateway.lookup import mentions
from gateway.queue import Queue
from gateway.store import Claim, Report, Seal, Store
from gateway.store.sealing import make_key
from tests.builders import a_lead, a_plan
from tests.store_dump import everything
from tests.web_house import ADMIN, CONFIGURATION, WebGateway, browse, make_gateway

pytestmark = pytest.mark.anyio

PROGRAM = Path(sys.executable).parent / "lead-gateway"
MAIL = persons.person(email="Camille@Example.org")
TRACES = (b"Camille", b"Essai", b"camille@example.org", b"39981234", b"visiter")


async def lived(store: Store) -> None:
    """The person's leads in every state, under two sources, an item of theirs, somebody else's."""
    other = Contact(full_name="Noah Autre", email="noah@example.org", phone="+33639985678")
    plans = [
        a_plan(a_lead("waiting")),
        a_plan(a_lead("sent")),
        a_plan(a_lead("dead", source="website", identity="website")),
        a_plan(a_lead("other", contact=other, message="other-message")),
    ]
    await store.leads.accept(plans)
    await store.leases.start_worker("w1")
    ids = {plan.lead.id: plan.deliveries[0][0] for plan in plans}
    for lead_id, outcome in (("sent", "delivered"), ("dead", "refused"), ("other", "refused")):
        (begun,) = await store.deliveries.begin("w1", [Claim("crm", [ids[lead_id]], 5.0)])
        report = Report(
            ids[lead_id], begun.work[0].number, outcome, Reason.REJECTED, 1,
            answer="hello Camille Essai" if lead_id != "other" else "hello Noah",
            remote_id="crm-7" if outcome == "delivered" else "",
        )  # fmt: skip
        await store.deliveries.finish("w1", [report])
    person = store.threads.person(plans[0].lead)
    await store.threads.keep("crm", person, "17.1")
    await store.rejects.keep("website", "no id", {"mail": "CAMILLE@example.org", "n": "Camille"})
    await store.rejects.keep("website", "no id", {"mail": "noah@example.org"})


async def test_a_person_is_erased_from_everywhere_and_nobody_else(store: Store) -> None:
    await lived(store)
    erased = await persons.erase(store, MAIL)
    assert sorted(erased.leads) == ["seloger/sent", "seloger/waiting", "website/dead"]
    assert erased.rejected == 1
    found = await everything(store)
    assert [trace for trace in TRACES if trace in found] == []
    for kept in (b"noah@example.org", b"hello Noah", b"other-message"):
        assert kept in found
    assert b":thread:crm:" not in found


async def test_an_erased_lead_is_never_taken_in_again(store: Store) -> None:
    await lived(store)
    await persons.erase(store, MAIL)
    (again,) = await store.leads.accept([a_plan(a_lead("sent"))])
    assert getattr(again, "what", again) == "erased"
    assert [trace for trace in TRACES if trace in await everything(store)] == []


async def test_erasing_twice_finds_nothing(store: Store) -> None:
    await lived(store)
    await persons.erase(store, MAIL)
    assert await persons.erase(store, MAIL) == persons.Erased((), 0)


async def test_the_phone_finds_the_same_person(store: Store) -> None:
    await lived(store)
    found = await persons.leads_of(store, persons.person(phone="06 39 98 12 34"))
    assert sorted(persons.names_of(found)) == ["seloger/sent", "seloger/waiting", "website/dead"]


async def test_with_keys_it_is_the_same(store: Store) -> None:
    await store.connection.command("DEL", store.connection.key("meta"))
    sealed = Store(store.connection.redis, store.namespace, seal=Seal([make_key()]))
    await sealed.open()
    await lived(sealed)
    shown = await persons.export(sealed, MAIL)
    assert {item["lead"]["id"] for item in shown["leads"]} == {"sent", "waiting", "dead"}
    assert len((await persons.erase(sealed, MAIL)).leads) == 3
    assert (await persons.export(sealed, MAIL)) == {"leads": [], "rejected": []}


async def test_what_a_person_is_shown_is_all_there_is(store: Store) -> None:
    await lived(store)
    shown = json.loads(json.dumps(await persons.export(store, MAIL)))
    by_id = {item["lead"]["id"]: item for item in shown["leads"]}
    assert by_id["sent"]["lead"]["contact"]["email"] == "camille@example.org"
    assert by_id["sent"]["sent_to"][0]["remote_id"] == "crm-7"
    assert by_id["dead"]["sent_to"][0]["answers"] == ["hello Camille Essai"]
    assert shown["rejected"][0]["content"]["n"] == "Camille"
    assert "noah" not in json.dumps(shown)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"tel": "06.39.98.12.34"}', True),
        ('{"tel": "+33 6 39 98 12 34"}', True),
        ('{"tel": "0033639981234", "other": 12345678901234567890}', True),
        ('{"tel": "06.39.98.12.35"}', False),
        ('{"id": "9906399812340001"}', False),
        ("", False),
    ],
)
async def test_a_phone_is_seen_in_any_text(text: str, found: bool) -> None:
    assert mentions(text, persons.person(phone="+33639981234")) is found


@pytest.mark.parametrize(
    "who", [{}, {"email": "a@b.example", "phone": "0639981234"}, {"email": "x"}, {"phone": "12"}]
)
async def test_who_is_not_said_clearly_is_nobody(who: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"say who|write it whole"):
        persons.person(**who)


# -- over the API and the command line ----------------------------------------------------------


async def test_erasures_over_the_api(store: Store, queue: Queue, tmp_path: Path) -> None:
    house = make_gateway(store, queue, tmp_path)
    await lived(store)
    async with browse(house) as client:
        wrong = await client.post("/v1/erasures", headers=ADMIN, json={})
        closed = await client.post("/v1/erasures", json={"email": "camille@example.org"})
        done = await client.post("/v1/erasures", headers=ADMIN, json={"phone": "0639981234"})
    assert (wrong.status_code, closed.status_code) == (400, 401)
    assert sorted(done.json()["leads"]) == ["seloger/sent", "seloger/waiting", "website/dead"]
    log = (await store.audit.page()).items
    assert [(item.did, item.target, item.count) for item in log[:1]] == [("leads.erase", "", 3)]


async def run(
    store: Store, url: str, folder: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    environ = {"REDIS_URL": url, "LEAD_GATEWAY_NAMESPACE": store.namespace}
    return await asyncio.to_thread(
        subprocess.run,
        [PROGRAM, *arguments],
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )


async def test_a_person_from_the_command_line(
    store: Store, valkey_url: str, tmp_path: Path
) -> None:
    await lived(store)
    shown = await run(store, valkey_url, tmp_path, "leads", "export", "--person", "0639981234")
    assert len(json.loads(shown.stdout)["leads"]) == 3
    mail = ("leads", "erase", "--email", "camille@example.org")
    unasked = await run(store, valkey_url, tmp_path, *mail)
    assert unasked.returncode == 1
    assert "erase 3 leads and 1 rejected item of this person for good?" in unasked.stderr
    done = await run(store, valkey_url, tmp_path, *mail, "--yes")
    assert done.returncode == 0
    assert sorted(done.stdout.splitlines()) == [
        "1 rejected item erased",
        "seloger/sent: erased",
        "seloger/waiting: erased",
        "website/dead: erased",
    ]
    for said in (unasked, done):
        assert "camille@example.org" not in said.stdout + said.stderr
    again = await run(store, valkey_url, tmp_path, *mail, "--yes")
    assert (again.returncode, again.stdout) == (0, "")


# -- who is told --------------------------------------------------------------------------------

TOLD = CONFIGURATION + "on_erasure: [crm]\n"


@pytest.fixture
async def teller(store: Store, queue: Queue, tmp_path: Path) -> WebGateway:
    told = Store(store.connection.redis, store.namespace, told=lambda source: ("crm",))
    await told.open()
    return make_gateway(told, queue, tmp_path, text=TOLD)


async def begun(store: Store, name: str) -> Any:
    await store.leases.start_worker("w1")
    (found,) = await store.deliveries.begin("w1", [Claim("crm", [name], 5.0)])
    return found.work[0] if found.work else None


async def test_a_destination_is_told_the_ids_and_nothing_else(teller: WebGateway) -> None:
    store = teller.store
    await lived(store)
    await persons.erase(store, MAIL)
    notice = delivery_id("seloger", "sent", "crm", "erased")
    assert notice in await store.deliveries.ready("crm", Lane.LATER, 100)
    work = await begun(store, notice)
    assert (work.lead.id, work.occasion, work.saved) == ("sent", "erased", {"remote_id": "crm-7"})
    assert work.lead.contact == Contact()
    assert [trace for trace in TRACES if trace in await everything(store)] == []


async def test_what_the_receiver_gets_is_the_standard_envelope_with_ids(
    teller: WebGateway,
) -> None:
    store = teller.store
    await lived(store)
    await persons.erase(store, MAIL)
    work = await begun(store, delivery_id("seloger", "sent", "crm", "erased"))
    message = Message(work.id, "crm", work.accepted_at, work.occasion, saved=work.saved)
    prepared: Any = teller.destinations["crm"].render(work.lead, message)
    assert json.loads(prepared.request.body) == {
        "type": "lead.erased",
        "timestamp": work.accepted_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": {"id": "sent", "source": "seloger", "identity": "seloger", "remote_id": "crm-7"},
    }


async def test_a_notice_survives_a_worker_and_a_refusal_and_is_replayed(
    teller: WebGateway,
) -> None:
    store = teller.store
    await lived(store)
    await store.leads.erase([lead_uid("seloger", "sent")])
    notice = delivery_id("seloger", "sent", "crm", "erased")
    work = await begun(store, notice)
    (back,) = await store.deliveries.hand_back("w1", [notice], sent=True)
    assert back.id == notice
    work = await begun(store, notice)
    report = Report(notice, work.number, "deferred", Reason.SERVER_ERROR, 1, wait=0.0)
    (finished,) = await store.deliveries.finish("w1", [report])
    assert finished.state == "retrying"
    await store.deliveries.sweep_due(["crm"])
    work = await begun(store, notice)
    report = Report(notice, work.number, "refused", Reason.REJECTED, 1)
    (finished,) = await store.deliveries.finish("w1", [report])
    assert finished.state == "dead"
    (replayed,) = await store.deliveries.replay([notice])
    assert replayed.what == "replayed"
    work = await begun(store, notice)
    report = Report(notice, work.number, "delivered", Reason.ACCEPTED, 1)
    (finished,) = await store.deliveries.finish("w1", [report])
    assert finished.state == "delivered"


async def test_erasing_twice_tells_once(teller: WebGateway) -> None:
    store = teller.store
    await lived(store)
    uid = lead_uid("seloger", "sent")
    await store.leads.erase([uid])
    await store.leads.erase([uid])
    ready = await store.deliveries.ready("crm", Lane.LATER, 100)
    assert ready == [delivery_id("seloger", "sent", "crm", "erased")]


async def test_a_notice_says_nothing_about_how_fast_leads_are(teller: WebGateway) -> None:
    store = teller.store
    await store.leads.accept([a_plan(a_lead("sent"), destinations=())])
    await store.leads.erase([lead_uid("seloger", "sent")])
    notice = delivery_id("seloger", "sent", "crm", "erased")
    work = await begun(store, notice)
    await store.deliveries.finish(
        "w1", [Report(notice, work.number, "delivered", Reason.ACCEPTED, 1)]
    )
    counts = (await store.counts.destinations(["crm"]))["crm"]
    assert counts.portal_to_delivered.count == 0
    assert counts.outcomes["delivered"] == 1
