"""By what a person is found: the same however it was typed, and nothing but whole words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.lead import Contact
from gateway.lookup import WORDS, is_about, terms, wanted, words
from tests.builders import a_lead


def test_a_lead_is_found_by_mail_phone_and_each_word_of_the_name() -> None:
    contact = Contact(
        full_name="Éloïse de L’Exemple-Test", email="Eloise@Example.org", phone="+33639981234"
    )
    assert set(terms(a_lead(contact=contact))) == {
        ("email", "eloise@example.org"),
        ("phone", "+33639981234"),
        *(("name", word) for word in ("eloise", "de", "l", "exemple", "test")),
    }


@pytest.mark.parametrize(
    ("typed", "term"),
    [
        (" Camille@EXAMPLE.org ", ("email", "camille@example.org")),
        ("06 39 98 12 34", ("phone", "+33639981234")),
        ("+33 (0)6.39.98.12.34", ("phone", "+33639981234")),
        ("0033639981234", ("phone", "+33639981234")),
        ("ESSAI", ("name", "essai")),
        ("Éssai", ("name", "essai")),
    ],
)
def test_what_is_typed_finds_the_lead(typed: str, term: tuple[str, str]) -> None:
    assert wanted(typed) == (term,)
    assert is_about(a_lead(), term)


def test_a_part_of_a_word_finds_nothing() -> None:
    assert not any(is_about(a_lead(), term) for term in wanted("Cami"))


def test_a_phone_that_does_not_parse_is_found_by_its_digits() -> None:
    lead = a_lead(contact=Contact(phone_raw="poste 12 34 56"))
    assert terms(lead) == (("phone", "123456"),)
    assert wanted("12 34 56") == (("phone", "123456"),)


def test_a_lead_without_a_person_is_found_by_nothing() -> None:
    assert terms(a_lead(contact=Contact())) == ()


@given(st.text(max_size=400))
def test_any_text_may_be_searched_for(text: str) -> None:
    assert len(wanted(text)) <= WORDS
    assert all(value for kind, value in wanted(text) if kind == "name")


@given(st.text(max_size=200))
def test_the_words_of_a_name_are_equal_to_their_own_words(name: str) -> None:
    found = words(name)
    assert len(found) <= WORDS
    for word in found:
        assert word == word.casefold() or words(word)
