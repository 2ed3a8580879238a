"""What a receiver sends back of a lead is not kept with the attempt."""

from __future__ import annotations

import contextlib
import html
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.concealing import conceal
from gateway.delivery import ANSWER_LIMIT
from gateway.lead import Address, Contact, Lead
from gateway.masking import mask
from tests.builders import a_lead

MESSAGE = 'Bonjour,\nje cherche un "T3" & un jardin près d’ici <vite>. Merci'
LEAD = a_lead(
    contact=Contact(
        full_name="Éloïse de L’Exemple",
        first_name="Éloïse",
        last_name="de L’Exemple",
        email="eloise@example.org",
        phone="+33639981234",
        phone_raw="06.39.98.12.34",
        address=Address(street="rue de l'Essai"),
    ),
    message=MESSAGE,
)
TRACES = (
    "Éloïse",
    "Exemple",
    "eloise",
    "39981234",
    "39.98.12",
    "Essai",
    "cherche",
    "jardin",
)


def plain(text: str) -> str:
    """As a reader sees it: escapes undone, in every way that was used."""
    found = [text, html.unescape(text)]
    with contextlib.suppress(ValueError):
        found.append(json.dumps(json.loads(text), ensure_ascii=False))
    return "\n".join(found)


@pytest.mark.parametrize(
    "answer",
    [
        json.dumps(LEAD.as_dict()),
        json.dumps(LEAD.as_dict(), ensure_ascii=False),
        html.escape(f"<p>Merci {LEAD.contact.full_name}: {MESSAGE}</p>"),
        "contact ÉLOÏSE DE L’EXEMPLE exists already",
        "duplicate of eloise@example.org, rue de l'Essai",
        "Éloïse: phone 06.39.98.12.34 taken",
    ],
)
def test_what_came_back_of_the_person_is_gone(answer: str) -> None:
    left = plain(conceal(answer, LEAD))
    assert [trace for trace in TRACES if trace.casefold() in left.casefold()] == []


def test_the_rest_of_an_answer_stays() -> None:
    answer = (
        '{"error": "Éloïse de L’Exemple: invalid field budget", "code": "E-17", "city": "Lyon"}'
    )
    assert conceal(answer, LEAD) == (
        '{"error": "[person]: invalid field budget", "code": "E-17", "city": "Lyon"}'
    )


def test_a_part_of_a_word_is_no_name() -> None:
    lead = a_lead(contact=Contact(full_name="Paul Art"), message=None)
    assert conceal("Paulette started an artisanal part", lead) == (
        "Paulette started an artisanal part"
    )
    assert conceal("hello PAUL ART!", lead) == "hello [person]!"


def test_an_answer_cut_in_the_middle_of_the_message_keeps_none_of_it() -> None:
    lead = a_lead(message="je cherche un grand appartement avec un balcon " * 20)
    start = "x" * (ANSWER_LIMIT - 300)
    answer = f"{start}{lead.message}"[:ANSWER_LIMIT]
    assert conceal(answer, lead) == f"{start}[person]"


@given(st.text(max_size=300), st.text(max_size=60), st.text(max_size=60))
def test_any_answer_and_any_person_are_no_fault(answer: str, name: str, message: str) -> None:
    lead = a_lead(contact=Contact(full_name=name), message=message)
    assert isinstance(conceal(answer, lead), str)


def test_a_long_answer_and_a_long_message_cost_little() -> None:
    lead: Lead = a_lead(message="aa\n" * 3000)
    started = time.thread_time()
    conceal("a" * ANSWER_LIMIT, lead)
    assert time.thread_time() - started < 0.5


def test_an_answer_that_says_nothing_of_the_lead_costs_next_to_nothing() -> None:
    started = time.thread_time()
    for _ in range(1000):
        conceal('{"status": "ok", "id": 4711}', LEAD)
    assert time.thread_time() - started < 0.5


def test_a_message_with_a_number_in_it_is_found_after_the_number_was_masked() -> None:
    lead = a_lead(message="Je suis veuve ; appelez 06 39 98 12 34 le soir seulement")
    answer = conceal(mask(json.dumps({"said": lead.message})), lead)
    assert "veuve" not in answer
    assert "le soir seulement" not in answer
