"""Links to a classified that the portal gave none for: whole, quoted, or not there at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.delivery import Message
from gateway.lead import Lead, Property
from gateway.render import Renderer, TemplateError
from tests.builders import NOON, a_lead

BY_ID = "https://portal.example/annonces/{{ property.classified_id }}"
OWN = (
    "https://agency.example/biens/{{ property.reference or property.classified_id }}"
    "?from={{ lead.source }}"
)


def completed(template: str, **estate: object) -> str | None:
    renderer = Renderer(links={"classified": template})
    return renderer.complete(a_lead(property=Property(**estate))).property.url  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("template", "estate", "url"),
    [
        (BY_ID, {"classified_id": "219"}, "https://portal.example/annonces/219"),
        (BY_ID, {"classified_id": "1/../2?x=3#"}, "https://portal.example/annonces/1%2F..%2F2%3Fx%3D3%23"),
        (BY_ID, {}, None),
        (BY_ID, {"classified_id": ""}, None),
        (BY_ID.replace("}}", "| upper }}"), {}, None),
        (BY_ID.replace("property.classified_id", "'x' ~ property.classified_id"), {}, None),
        (BY_ID, {"classified_id": "9", "url": "https://portal.example/x"}, "https://portal.example/x"),
        (OWN, {"reference": "AB 1"}, "https://agency.example/biens/AB%201?from=seloger"),
        (OWN, {"classified_id": "9"}, "https://agency.example/biens/9?from=seloger"),
        (OWN, {}, None),
        ("https://portal.example/\"{{ property.classified_id }}", {"classified_id": "9"}, None),
    ],
)  # fmt: skip
def test_a_link_is_whole_or_not_there(
    template: str, estate: dict[str, str], url: str | None
) -> None:
    assert completed(template, **estate) == url


def test_without_the_setting_nothing_is_added() -> None:
    lead = a_lead(property=Property(classified_id="9"))
    assert Renderer().complete(lead) is lead


def test_a_template_sees_the_link_in_both_places() -> None:
    renderer = Renderer(links={"classified": BY_ID})
    lead = renderer.complete(a_lead(property=Property(classified_id="9")))
    context = renderer.context(lead, Message("dlv_1", "inbox", NOON))
    text = renderer.text(
        "{{ property.url }} {{ lead.property.url }} {{ links.classified }}", context
    )
    assert text == " ".join(["https://portal.example/annonces/9"] * 3)


def test_a_fault_in_it_is_named() -> None:
    with pytest.raises(TemplateError, match="does not exist"):
        completed("https://portal.example/{{ lead.original.gone }}")
    (fault,) = Renderer().check_text("https://portal.example/{{ property.clasified_id }}")
    assert "classified_id" in fault


def test_a_lead_of_any_other_template_may_print_nothing(tmp_path: Path) -> None:
    renderer = Renderer(links={"classified": BY_ID})
    bare = Lead(id="b", source="s", identity="s", kind="gsl", received_at=NOON)
    context = renderer.context(renderer.complete(bare), Message("dlv_1", "inbox", NOON))
    assert renderer.text("[{{ property.city }}{{ links.classified }}]", context) == "[]"
