"""The filters: how values read in French and in English, and what null and nonsense become."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import formats
from gateway.plain_text import one_line, visible
from gateway.render import TEMPLATE_ROOT
from gateway.words import shipped

PARIS = ZoneInfo("Europe/Paris")
BLANK, NARROW = "\u00a0", "\u202f"


def table(language: str) -> dict[str, Any]:
    return formats.filters(language, PARIS, shipped(TEMPLATE_ROOT, language))


FRENCH, ENGLISH = table("fr"), table("en")


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_filter_takes_null(language: str) -> None:
    for name, shown in table(language).items():
        arguments = {"cut": (10,), "prefixed": ("> ",)}.get(name, ())
        expected = "null" if name in ("json", "tojson") else ""
        assert shown(None, *arguments) == expected, name


@pytest.mark.parametrize(
    ("arguments", "french", "english"),
    [
        ((1_250_000,), f"1{NARROW}250{NARROW}000{NARROW}€", "€1,250,000"),
        ((1_250_000.4,), f"1{NARROW}250{NARROW}000{NARROW}€", "€1,250,000"),
        ((0,), f"0{NARROW}€", "€0"),
        ((850, "CHF"), f"850{NARROW}CHF", "CHF850"),
        ((850, "francs"), f"850{NARROW}€", "€850"),
        ((850.5,), f"850,50{NARROW}€", "€850.50"),
        ((float("nan"),), "", ""),
        ((10**30,), "", ""),
        ((-1e300,), "", ""),
        ((float("inf"),), "", ""),
        ((True,), "", ""),
        (("1000",), "", ""),
    ],
)
def test_a_price_reads_as_people_write_it(
    arguments: tuple[Any, ...], french: str, english: str
) -> None:
    assert FRENCH["price"](*arguments) == french
    assert ENGLISH["price"](*arguments) == english


def test_a_rent_is_by_the_month() -> None:
    assert FRENCH["price"](850, rent=True) == f"850{NARROW}€/mois"
    assert ENGLISH["price"](850, rent=True) == "€850/month"


@pytest.mark.parametrize(
    ("number", "french", "english"),
    [
        ("+33639981234", "06 39 98 12 34", "+33 6 39 98 12 34"),
        ("+33199001234", "01 99 00 12 34", "+33 1 99 00 12 34"),
        ("+32470000000", "+32 470 00 00 00", "+32 470 00 00 00"),
        ("call me", "call me", "call me"),
        ("+", "+", "+"),
        ("+٣٣٦٣٩٩٨١٢٣٤", "+٣٣٦٣٩٩٨١٢٣٤", "+٣٣٦٣٩٩٨١٢٣٤"),
    ],
)
def test_a_phone_reads_as_at_home(number: str, french: str, english: str) -> None:
    assert FRENCH["phone"](number) == french
    assert ENGLISH["phone"](number) == english


def test_links_are_made_of_numbers_and_addresses_that_are_some() -> None:
    assert FRENCH["tel"]("+33639981234") == "tel:+33639981234"
    assert FRENCH["tel"]('+33"onclick=') == FRENCH["tel"]("0639981234") == ""
    assert FRENCH["whatsapp"]("+33639981234") == "https://wa.me/33639981234"
    assert FRENCH["whatsapp"]("+33199001234") == ""  # a landline
    assert FRENCH["mailto"]("zoe+a@example.org") == "mailto:zoe%2Ba@example.org"
    assert FRENCH["mailto"]("zoe@example.org", "Été\r\n& plus") == (
        "mailto:zoe@example.org?subject=%C3%89t%C3%A9%20%26%20plus"
    )
    assert FRENCH["mailto"]("zoe@example.org?bcc=all@example.com") == ""


@pytest.mark.parametrize(
    ("arguments", "french"),
    [
        ((85.5,), f"85,5{NARROW}m²"),
        ((1200, "SQUARE_METER"), f"1{NARROW}200{NARROW}m²"),
        ((3, "HECTARE"), f"3{NARROW}ha"),
        ((3, "SQUARE_MILE"), f"3{NARROW}square mile"),
        ((float("nan"),), ""),
    ],
)
def test_a_surface_has_its_own_unit(arguments: tuple[Any, ...], french: str) -> None:
    assert FRENCH["surface"](*arguments) == french


def test_a_date_is_in_the_agencys_zone() -> None:
    assert FRENCH["date"]("2026-07-01T22:30:00Z") == f"02/07/2026 à 00{NARROW}h{NARROW}30"
    assert ENGLISH["date"]("2026-07-01T22:30:00Z") == "2 July 2026, 00:30"
    assert FRENCH["date"]("2026-07-01T22:30:00Z", "yyyy") == "2026"
    assert FRENCH["date"]("soon") == ""
    assert FRENCH["date"]("9999-12-31T23:59:59Z") == "9999-12-31T23:59:59Z"


def test_how_long_ago_is_said_in_words() -> None:
    before = datetime.now(UTC) - timedelta(minutes=5)
    assert FRENCH["ago"](before) == "il y a 5 minutes"
    assert ENGLISH["ago"](before.isoformat()) == "5 minutes ago"


@pytest.mark.parametrize(
    ("value", "french"),
    [
        ("HOUSE", "Maison"),
        ("BUY", "Achat"),
        ("SOME_NEW_WORD", "Some new word"),
        ("BRANDNEW", "Brandnew"),
        ("CDI", "CDI"),
        ("iPhone", "iPhone"),
        ("{{ __class__ }} AVEC_TEXTE", "{{ __class__ }} AVEC_TEXTE"),
    ],
)
def test_a_portals_word_becomes_a_persons(value: str, french: str) -> None:
    assert FRENCH["word"](value) == french


def test_text_is_cut_between_words() -> None:
    assert formats.truncate_words("one two three", 9) == "one two…"
    assert formats.truncate_words("one two", 7) == "one two"
    assert formats.truncate_words("x" * 20, 10) == "x" * 9 + "…"
    assert formats.cut("abcdef", 4) == "abc…"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\r\nBcc: b", "a Bcc: b"),
        ("a\x00b\x1b[1m\x85c\u2028d\u2029e\x0bf", "a b [1m c d e f"),
        (f"1{NARROW}000{BLANK}€", f"1{NARROW}000{BLANK}€"),
        (f"{BLANK} a {BLANK}", "a"),
        ("\u202eabc\u202c", "abc"),
        ("👨\u200d👩\u200d👧 é e\u0301 سلام", "👨\u200d👩\u200d👧 é e\u0301 سلام"),
        ("half \ud83d", "half"),
    ],
)
def test_one_line_is_one_line(text: str, line: str) -> None:
    assert one_line(text) == line


@given(st.text())
def test_one_line_has_no_break_whatever_comes(text: str) -> None:
    made = one_line(text)
    assert made.splitlines() in ([made], [])
    assert one_line(made) == made
    made.encode()


def test_visible_text_keeps_its_lines() -> None:
    assert visible("a\r\nb\rc\td\x00\x1b\u202e\ud800é") == "a\nb\nc\tdé"


def test_no_line_of_a_text_stands_alone() -> None:
    assert formats.prefixed("a\r\n\r\nb\rc\u2028d\x0be\x85f", "> ") == "> a\n>\n> b\n> c\n> def"
    assert formats.prefixed("a", "x" * 50) == "x" * 20 + "a"


def test_what_shows_on_a_locked_screen_has_no_number() -> None:
    assert formats.discreet("Jean 06 39 98 00 00\n(zoe@example.org), 3 pièces") == (
        "Jean ••• (•••), 3 pièces"
    )


def test_json_is_json_and_readable() -> None:
    assert formats.to_json({"é": [1, None, '"<&']}) == '{"é": [1, null, "\\"<&"]}'
    assert formats.to_json(object()) == "null"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("a", "a"), ("a,b", '"a,b"'), ('a"b', '"a""b"'), ("=1+1", "'=1+1"), ("@x", "'@x"),
        ("-1", "'-1"), ("+33", "'+33"), ("a\nb", '"a\nb"'), ("a;b", '"a;b"'), (12, "12"),
    ],
)  # fmt: skip
def test_a_cell_of_csv_is_never_a_formula(value: Any, cell: str) -> None:
    assert formats.csv(value) == cell
