"""Stored values made small: back as they were, by whatever version they were made."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.lead import Lead
from gateway.store.deflating import deflate, inflate, is_deflated
from tests.builders import a_lead


@given(st.binary())
def test_what_was_deflated_comes_back(plain: bytes) -> None:
    assert inflate(deflate(plain)) == plain


def test_a_lead_shrinks_to_a_small_part() -> None:
    plain = a_lead(original={"contactRequest": {"fullName": "Camille Essai"}}).to_json()
    packed = deflate(plain)
    assert is_deflated(packed)
    assert not is_deflated(plain)
    assert len(packed) < len(plain) * 0.55
    assert Lead.from_json(inflate(packed)) == Lead.from_json(plain)


def test_a_value_without_a_dictionary_is_read_too() -> None:
    assert inflate(zlib.compress(b'{"a": 1}')) == b'{"a": 1}'


def test_the_first_dictionary_is_never_changed() -> None:
    """Everything stored with it would be lost."""
    assert deflate(b"")[2:6].hex() == FIRST


def test_a_dictionary_of_a_later_version_is_named_as_the_trouble() -> None:
    packer = zlib.compressobj(zdict=b"words of tomorrow")
    with pytest.raises(ValueError, match="later version"):
        inflate(packer.compress(b"x" * 300) + packer.flush())


FIRST = "dbcfde6c"
