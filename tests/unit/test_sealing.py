"""Sealing: what goes in comes out, nothing shows meanwhile, and old keys go on opening."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store import StoreUnavailable
from gateway.store.sealing import BadKey, Marks, Seal, Unreadable, is_sealed, key_name, make_key

OLD, NEW = make_key(), make_key()
NO_KEYS = {
    "nothing": "",
    "short": "short",
    "not ASCII": "é" * 43,
    "a byte too long": "A" * 44,
    "cut": NEW[:-1],
    "lengthened": NEW + "AAAA",
}


@given(st.binary(max_size=4000))
def test_sealed_bytes_come_back_as_they_were(plain: bytes) -> None:
    plain = b"{" + plain
    kept = Seal([NEW]).close(plain)
    assert is_sealed(kept)
    assert Seal([NEW]).open(kept) == plain


@given(st.text(max_size=2048))
def test_sealed_text_comes_back_as_it_was(plain: str) -> None:
    plain = plain.encode("utf-8", "replace").decode()
    assert Seal([NEW]).open_text(Seal([NEW]).close_text(plain)) == plain


def test_nothing_of_what_is_sealed_shows() -> None:
    plain = '{"contact":{"full_name":"Camille Essai"}}' * 20
    seal = Seal([NEW])
    assert b"Camille" not in seal.close(plain.encode())
    assert "Camille" not in seal.close_text(plain)


def test_the_same_value_is_sealed_differently_each_time() -> None:
    seal = Seal([NEW])
    assert seal.close(b"{}") != seal.close(b"{}")


def test_without_keys_values_stay_as_they_are() -> None:
    seal = Seal()
    assert (seal.close(b"{}"), seal.close_text("answer")) == (b"{}", "answer")
    assert (seal.open(b"{}"), seal.open_text("answer")) == (b"{}", "answer")


def test_what_was_stored_before_there_were_keys_is_still_read() -> None:
    seal = Seal([NEW])
    assert (seal.open(b"{}"), seal.open_text("answer")) == (b"{}", "answer")


def test_an_older_key_goes_on_opening_and_the_newest_seals() -> None:
    kept, text = Seal([OLD]).close(b"{}"), Seal([OLD]).close_text("answer")
    both = Seal([NEW, OLD])
    assert (both.open(kept), both.open_text(text)) == (b"{}", "answer")
    assert not both.is_current(kept)
    assert not both.is_current_text(text)
    assert Seal([NEW]).open(both.close(b"{}")) == b"{}"
    assert both.is_current(both.close(b"{}"))
    assert both.is_current_text(both.close_text("answer"))


@pytest.mark.parametrize("keys", [[], [NEW]])
def test_a_value_that_no_key_opens_says_what_to_do(keys: list[str]) -> None:
    kept, text = Seal([OLD]).close(b"{}"), Seal([OLD]).close_text("answer")
    with pytest.raises(Unreadable, match="LEAD_GATEWAY_ENCRYPTION_KEYS"):
        Seal(keys).open(kept)
    with pytest.raises(Unreadable, match="LEAD_GATEWAY_ENCRYPTION_KEYS"):
        Seal(keys).open_text(text)


def test_a_changed_value_is_not_opened() -> None:
    kept = bytearray(Seal([NEW]).close(b'{"message": "Bonjour"}'))
    kept[40] ^= 1
    with pytest.raises(Unreadable):
        Seal([NEW]).open(bytes(kept))


def test_a_receiver_can_not_make_an_answer_that_looks_sealed() -> None:
    forged = "\x02" + "gAAAA" * 20
    assert Seal().open_text(Seal().close_text(forged)) == "gAAAA" * 20


@pytest.mark.parametrize("key", NO_KEYS.values(), ids=NO_KEYS)
def test_a_key_that_is_none_is_refused_without_being_quoted(key: str) -> None:
    with pytest.raises(BadKey, match="keys generate") as caught:
        Seal([key])
    assert not key or key not in str(caught.value)


def test_a_keys_name_tells_keys_apart_and_nothing_else() -> None:
    assert key_name(OLD) != key_name(NEW)
    assert Seal([NEW, OLD]).names == (key_name(NEW), key_name(OLD))
    assert NEW not in repr(Seal([NEW]))


def test_hashes_depend_on_the_stores_key_and_on_what_is_hashed() -> None:
    one, other = Marks(), Marks()
    one.hold(b"a" * 32)
    other.hold(b"b" * 32)
    found = {one.of("name", "essai"), one.of("email", "essai"), other.of("name", "essai")}
    assert len(found) == 3
    assert one.of("name", "essai") == one.of("name", "essai")
    with pytest.raises(StoreUnavailable):
        Marks().of("name", "essai")
