"""Names of people that give nobody away, and the threads that destinations began for them."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.lead import Contact
from gateway.store import Store, connect
from tests.builders import a_lead

pytestmark = pytest.mark.anyio


def contact(**given: Any) -> Contact:
    return Contact(full_name="Camille Essai", **given)


async def test_one_person_has_one_name_and_two_have_two(store: Store) -> None:
    name = store.threads.person
    first = name(a_lead("1", contact=contact(email="camille@example.org", phone="+33639980001")))
    assert first == name(a_lead("2", contact=contact(email=" Camille@EXAMPLE.org")))
    assert first != name(a_lead("1", contact=contact(email="zoe@example.org")))
    assert first != name(
        a_lead("1", identity="other", contact=contact(email="camille@example.org"))
    )
    assert len(first) == 32


async def test_a_person_without_an_address_is_known_by_phone_or_the_portals_id(
    store: Store,
) -> None:
    name = store.threads.person
    by_phone = name(a_lead("1", contact=contact(phone="+33639980001")))
    assert by_phone == name(a_lead("2", contact=contact(email="no address", phone="+33639980001")))
    assert name(a_lead(contact=Contact(), seeker_id="s-1")) not in ("", by_phone)
    assert name(a_lead(contact=Contact())) == ""


async def test_a_name_is_of_use_in_its_own_store_alone(store: Store, valkey_url: str) -> None:
    other = Store(connect(valkey_url), store.namespace + "-other")
    await other.open()
    again = Store(connect(valkey_url), store.namespace)
    await again.open()
    try:
        assert store.threads.person(a_lead()) != other.threads.person(a_lead())
        assert store.threads.person(a_lead()) == again.threads.person(a_lead())
    finally:
        await other.close()
        await again.close()


async def test_the_first_message_stays_the_head_of_its_thread(store: Store) -> None:
    person = store.threads.person(a_lead())
    assert await store.threads.of("team", person) == ""
    await store.threads.keep("team", person, "17.1")
    await store.threads.keep("team", person, "17.2")
    assert await store.threads.of("team", person) == "17.1"
    await store.threads.keep("team", person, "17.3", instead_of="17.1")
    assert await store.threads.of("team", person) == "17.3"
    assert await store.threads.of("other-team", person) == ""
    key = store.connection.key("thread", "team", person)
    assert 0 < await store.connection.command("PTTL", key) <= 90 * 24 * 3600 * 1000
