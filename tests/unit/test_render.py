"""Templates and expressions: what they see, what null does, and what a fault says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gateway.delivery import Message
from gateway.lead import Contact, Lead, Property
from gateway.render import Renderer, TemplateError
from gateway.routing import ConditionError
from tests.builders import NOON, a_lead

MESSAGE = Message("dlv_1", "inbox", NOON)


def fill(source: str, lead: Lead | None = None, **options: Any) -> str:
    renderer = Renderer(**options)
    return renderer.text(source, renderer.context(lead or a_lead(), MESSAGE))


def test_a_template_sees_the_lead_its_sections_and_the_event() -> None:
    text = fill("{{ lead.id }} {{ contact.email }} {{ event.type }} {{ event.id }} {{ language }}")
    assert text == "lead-1 camille@example.org lead.created dlv_1 en"


@pytest.mark.parametrize(
    "source",
    [
        "{{ property.city }}",
        "{{ property.city | upper }}",
        "{{ property.city | urlencode }}",
        "{{ property.city | safe }}",
        "{{ property.city | replace('a', 'b') }}",
        "{{ '' ~ property.city ~ property.price }}",
        "{{ [property.city, none] | join }}",
        "{{ property.price * 2 + 1 }}",
        "{{ -property.price }}",
        "{{ property.price | round }}",
        "{% for x in property.city %}{{ x }}{% endfor %}",
        "{{ property.city | string }}",
    ],
)
def test_null_is_printed_as_nothing(source: str) -> None:
    assert fill(source) == ""


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("lead.property.price > 1", False),
        ("lead.property.price <= 1", False),
        ("1 < lead.property.price < 3", False),
        ("not lead.property.price > 1", True),
        ("lead.property.price > 1 or lead.category == 'CLASSIFIED'", True),
        ("lead.category == 'CLASSIFIED' and lead.property.price > 1", False),
        ("'x' in lead.property.city", False),
        ("'x' not in lead.property.city", False),
        ("lead.property.city in 'xyz'", False),
        ("lead.property.city in ['Lyon']", False),
        ("lead.property.city == 'Lyon'", False),
        ("lead.property.price * 2 > 1", False),
        ("lead.property.city is none", True),
        ("lead.property.city == none", True),
        ("lead.contact.phone.startswith('+33')", True),
        ("'seloger' in [lead.source]", True),
        ("0 < 1 < 2", True),
        ("0 < 1 > 2", False),
    ],
)
def test_comparing_with_null_is_false(source: str, expected: bool) -> None:
    values = a_lead().as_dict()
    given = {"lead": values, "agent": values["agent"]}
    assert bool(Renderer().expression(source)(given)) is expected


@pytest.mark.parametrize(
    "source",
    [
        "lead.original.gone",
        "lead.contact.emial == 'x'",
        "lead.message > 5",
        "lead.message.nothing()",
        "1 / 0",
        "lead['mesage']",
    ],
)
def test_an_expression_that_fails_says_so_without_the_leads_values(source: str) -> None:
    values = a_lead(message="hush").as_dict()
    ask = Renderer().expression(source)
    with pytest.raises(ConditionError) as caught:
        ask({"lead": values, "agent": values["agent"]})
    assert "hush" not in str(caught.value)


def test_an_expression_that_does_not_compile_is_a_template_error() -> None:
    with pytest.raises(TemplateError, match="not an expression"):
        Renderer().expression("lead.category = 'X'")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ contact.emial }}", '"emial" does not exist; did you mean "email"?'),
        ("{{ contact['emial'] }}", 'did you mean "email"?'),
        ("{{ conatct.email }}", 'did you mean "contact"?'),
        ("{{ contact.emial | phone }}", 'did you mean "email"?'),
        ("{{ contact.emial | price }}", 'did you mean "email"?'),
        ("{{ contact.emial | upper }}", 'did you mean "email"?'),
        ("{{ property.city.name }}", "what stands before it is null"),
        ("{{ lead.portals }}", "use join or json"),
        ("{{ contact }}", "use join or json"),
        ("{{ contact | upper }}", "use join or json"),
        ("{{ 'a' % 'b' }}", "use filters"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ lead.nothing | default('x') }}{{ lead.nothing }}", "does not exist"),
        ("{% include 'nowhere.txt' %}", "includes a template that does not exist"),
    ],
)
def test_a_fault_names_the_nearest_that_exists(source: str, said: str) -> None:
    with pytest.raises(TemplateError) as caught:
        fill(source)
    assert said in str(caught.value)
    assert caught.value.line == 1


@pytest.mark.parametrize(
    "source",
    [
        "{{ contact[lead.message] }}",
        "{{ {}[lead.message] }}",
        "{% include lead.message %}",
        "{{ lead.message | int + [] }}",
        "{{ lead.message < 5 }}",
        "{{ lead[lead.message] }}",
    ],
)
def test_no_fault_shows_a_value_of_the_lead(source: str) -> None:
    with pytest.raises(TemplateError) as caught:
        fill(source, a_lead(message="__class__hush"))
    assert "hush" not in str(caught.value)
    assert "hush" not in caught.value.name


def test_a_fault_in_a_file_tells_its_line(tmp_path: Path) -> None:
    (tmp_path / "crm.txt").write_text("one\ntwo\n{{ contact.emial }}\n")
    renderer = Renderer([tmp_path])
    with pytest.raises(TemplateError, match=r"crm\.txt:3: \"emial\" does not exist"):
        renderer.file("crm.txt", renderer.context(a_lead(), MESSAGE))


def test_a_fault_in_an_included_file_tells_that_files_line(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "who.txt").write_text(
        "{% macro who(x) %}\n\n{{ x.emial }}{% endmacro %}{{ who(contact) }}"
    )
    (tmp_path / "crm.txt").write_text("one\n{% include 'parts/who.txt' %}\n")
    renderer = Renderer([tmp_path])
    with pytest.raises(
        TemplateError, match=r"^parts/who\.txt:3: \"emial\" does not exist"
    ) as caught:
        renderer.file("crm.txt", renderer.context(a_lead(), MESSAGE))
    assert (caught.value.name, caught.value.line) == ("parts/who.txt", 3)


def test_a_file_that_is_no_text_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "crm.txt").write_bytes(b"\xff")
    (tmp_path / "folder.txt").mkdir()
    renderer = Renderer([tmp_path])
    assert renderer.has("crm.txt")
    with pytest.raises(TemplateError, match=r"crm\.txt: is not UTF-8"):
        renderer.file("crm.txt", {})
    with pytest.raises(TemplateError, match=r"folder\.txt"):
        renderer.file("folder.txt", {})


def test_a_file_of_the_users_own_comes_before_ours(tmp_path: Path) -> None:
    own = tmp_path / "email" / "new-lead"
    own.mkdir(parents=True)
    (own / "subject.txt").write_text("mine")
    renderer = Renderer([tmp_path])
    context = renderer.context(a_lead(), MESSAGE)
    assert renderer.file("email/new-lead/subject.txt", context) == "mine"
    assert "Camille" in renderer.file("email/new-lead/body.txt", context)


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/passwd", "a/../../secret.txt"])
def test_no_template_is_read_from_outside_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.txt").write_text("hush")
    folder = tmp_path / "templates"
    folder.mkdir()
    with pytest.raises(TemplateError, match="there is no template"):
        Renderer([folder]).file(name, {})


def test_markup_is_escaped_once_in_html_and_never_in_text(tmp_path: Path) -> None:
    for name in ("a.html", "a.html.j2", "a.xml", "a.txt", "a.json.j2"):
        (tmp_path / name).write_text("{{ 'x' ~ lead.message }}{{ lead.message | upper }}")
    renderer = Renderer([tmp_path])
    context = renderer.context(a_lead(message="<b>&"), MESSAGE)
    for name in ("a.html", "a.html.j2", "a.xml"):
        assert renderer.file(name, context) == "x&lt;b&gt;&amp;&lt;B&gt;&amp;"
    for name in ("a.txt", "a.json.j2"):
        assert renderer.file(name, context) == "x<b>&<B>&"


def test_what_a_lead_says_is_never_run() -> None:
    assert fill("{{ lead.message }}", a_lead(message="{{ 7*7 }}{% raw %}")) == "{{ 7*7 }}{% raw %}"


def test_values_in_a_mapping_keep_their_type() -> None:
    renderer = Renderer()
    lead = a_lead(property=Property(price=350_000))
    made = renderer.native(
        {
            "price": "{{ property.price }}",
            "city": "{{ property.city }}",
            "list": ["{{ lead.portals }}", 3],
            "text": "{{ property.price }} €",
            "plain": "a",
        },
        renderer.context(lead, MESSAGE),
    )
    assert made == {
        "price": 350_000, "city": None, "list": [[], 3], "text": "350000 €", "plain": "a",
    }  # fmt: skip


def test_a_key_comes_before_a_method_of_the_same_name() -> None:
    lead = a_lead(original={"items": 3, "copy": 4})
    assert fill("{{ lead.original.items }} {{ lead.original.copy }}", lead) == "3 4"
    assert fill("{% for k, v in contact.address.items() %}{{ k }} {% endfor %}").split()[0] == (
        "street"
    )


@pytest.mark.parametrize(
    ("url", "usable"),
    [
        ("https://portal.example/a?b=1&c=%20", True),
        ("http://portal.example", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("https://", False),
        ('https://portal.example/" onclick=x', False),
        ("https://portal.example/a b", False),
        ("https://portal.example/\n", False),
        ("https://[bad", False),
        ("https://portal.example/" + "a" * 3000, False),
    ],
)
def test_only_a_link_to_the_web_is_offered(url: str, usable: bool) -> None:
    lead = a_lead(property=Property(url=url))
    assert fill("{{ links.classified }}", lead) == (url if usable else "")


def test_links_are_made_of_quoted_values() -> None:
    lead = a_lead("a/b ?", property=Property(classified_id="1/../2?x=3"))
    text = fill(
        "{{ links.lead }} {{ links.classified }}",
        lead,
        public_url="https://leads.example/",
        links={"classified": "https://portal.example/{{ property.classified_id }}"},
    )
    assert text == (
        "https://leads.example/leads/seloger/a%2Fb%20%3F https://portal.example/1%2F..%2F2%3Fx%3D3"
    )


def test_our_own_templates_have_no_fault() -> None:
    renderer = Renderer()
    for name in ("new-lead/subject.txt", "new-lead/body.txt", "new-lead/body.html",
                 "parser/subject.txt", "parser/body.txt"):  # fmt: skip
        assert renderer.check_file(f"email/{name}") == []
    assert renderer.check_file("slack/new-lead.json.j2") == []


def test_both_languages_have_the_same_words() -> None:
    root = Path(__file__).parents[2] / "templates" / "i18n"
    french, english = (json.loads((root / f"{x}.json").read_text("utf-8")) for x in ("fr", "en"))
    assert french.keys() == english.keys()
    assert french["values"].keys() == english["values"].keys()


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("what", ["full", "bare"])
def test_every_template_renders_any_lead_without_none(language: str, what: str) -> None:
    bare = Lead(id="b", source="s", identity="s", kind="gsl", received_at=NOON)
    renderer = Renderer(language=language)
    context = renderer.context(a_lead() if what == "full" else bare, MESSAGE)
    for name in ("email/new-lead/subject.txt", "email/new-lead/body.txt",
                 "email/new-lead/body.html", "email/parser/subject.txt", "email/parser/body.txt",
                 "slack/new-lead.json.j2"):  # fmt: skip
        text = renderer.file(name, context)
        assert text.strip()
        assert "None" not in text
        assert "Undefined" not in text


def test_a_contact_of_nulls_is_still_somebody() -> None:
    lead = a_lead(contact=Contact(), message=None)
    assert fill("{{ contact.full_name or t.unknown_person }}", lead, language="fr") == (
        "Contact sans nom"
    )


def test_every_filter_is_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "templates.md").read_text("utf-8")
    documented = set(re.findall(r"`(\w+)(?:\([^`]*\))?`", page))
    aliases = {"d", "e", "tojson"}
    known = {name for name in Renderer()._env.filters if " " not in name}
    assert known - documented - aliases == set()
