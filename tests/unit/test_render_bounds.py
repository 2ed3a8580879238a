"""The sandbox: what a template can not reach, and what it can not use up."""

from __future__ import annotations

import time

import pytest
from markupsafe import Markup

from gateway import bounds
from gateway.delivery import Message
from gateway.lead import Agent, Contact, Property
from gateway.render import Renderer, TemplateError
from gateway.routing import ConditionError
from tests.builders import NOON, a_lead

MESSAGE = Message("dlv_1", "inbox", NOON)


def run(source: str, message: str = "x") -> str:
    renderer = Renderer()
    return renderer.text(source, renderer.context(a_lead(message=message), MESSAGE))


ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ lead['__class__'] }}",
    "{{ lead | attr('__class__') }}",
    "{{ [lead] | map(attribute='__class__') | list | first }}",
    "{{ [''] | map(attribute='__class__.__mro__') | join }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ cycler('a') }}",
    "{{ lipsum.__globals__ }}",
    "{{ namespace().__init__ }}",
    "{{ joiner() }}",
    "{{ dict.__base__ }}",
    "{{ dict(a=1).__class__ }}",
    "{{ '{0.__class__}'.format('') }}",
    "{{ '{0.__class__}' | format('') }}",
    "{{ '{x.__class__}'.format_map({'x': ''}) }}",
    "{{ '%s' % lead }}",
    "{{ '%(a)1000000000d' % {'a': 1} }}",
    "{{ (1).__add__ }}",
    "{{ (1).to_bytes(1000000000) }}",
    "{{ (1.5).hex() }}",
    "{{ contact.update({'email': 'x'}) }}",
    "{{ contact.pop('email') }}",
    "{{ contact.clear() }}",
    "{{ lead.portals.append('x') }}",
    "{{ t.values.clear() }}",
    "{{ ''.join.__self__ }}",
    "{{ 'a'.encode().decode() }}",
    "{{ 'a'.translate({}) }}",
    "{{ 'a'.ljust(1000000000) }}",
    "{{ 'a' | center(1000000000) }}",
    "{{ 'a' | indent(1000000000) }}",
    "{{ {'a': 'b'} | xmlattr }}",
    "{{ lead | pprint }}",
    "{% macro m() %}{% endmacro %}{{ m.__globals__ }}",
    "{% macro m() %}{% endmacro %}{{ m._func }}",
    "{% for a in [1] %}{{ loop.__init__ }}{% endfor %}",
    "{{ [1] | random }}",
    "{{ range(3) | list | join }}",
    "{{ lead | tojson(indent=1000000000) }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{{ import('os') }}",
    "{% do lead %}",
    "{% set lead.id = 1 %}",
    "{{ lead.id is callable }}{{ ''.format }}",
    "{{ url_for.__globals__ }}",
    "{{ request }}{{ config }}{{ environment }}",
]


@pytest.mark.parametrize("source", ESCAPES)
def test_nothing_behind_the_values_is_reached(source: str) -> None:
    with pytest.raises(TemplateError):
        run(source)


OURS = (
    "email/new-lead/subject.txt", "email/new-lead/body.txt", "email/new-lead/body.html",
    "email/parser/subject.txt", "email/parser/body.txt", "slack/new-lead.json.j2",
)  # fmt: skip


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(links={"classified": "https://portal.example/{{ property.reference }}"})


@pytest.mark.parametrize("source", ESCAPES)
def test_what_a_lead_says_is_text_in_every_template_of_ours(
    renderer: Renderer, source: str
) -> None:
    estate = Property(
        type=source, city=source, reference=source, message=source, currency=source, url=source
    )
    lead = a_lead(
        source, message=source, category=source, portals=(source,), property=estate,
        contact=Contact(full_name=source, email=source, phone=source, phone_raw=source),
        agent=Agent(name=source, slack=source), original={source: source},
    )  # fmt: skip
    context = renderer.context(renderer.complete(lead), MESSAGE)
    texts = {name: renderer.file(name, context) for name in OURS}
    assert f"> {source}" in texts["email/new-lead/body.txt"]
    assert f"Message: {source}" in texts["email/parser/body.txt"]
    assert str(Markup.escape(source)) in texts["email/new-lead/body.html"]
    assert renderer.text("{{ lead.message }}{{ contact.full_name }}", context) == source * 2
    assert renderer.native({"a": "{{ lead.message }}"}, context) == {"a": source}


def test_a_template_can_not_change_the_lead() -> None:
    renderer = Renderer()
    context = renderer.context(a_lead(), MESSAGE)
    with pytest.raises(TemplateError):
        renderer.text("{{ lead.contact.__setitem__('email', 'x') }}", context)
    assert context["contact"]["email"] == "camille@example.org"


LARGE = "x" * 100_000
ENDLESS = [
    "{% for a in lead.message %}{% for b in lead.message %}{% endfor %}{% endfor %}",
    "{% for a in lead.message %}{{ lead.message }}{% endfor %}",
    "{% set x %}{% for a in lead.message %}{{ lead.message }}{% endfor %}{% endset %}{{ x }}",
    "{% macro m() %}{% for a in lead.message %}0123456789{% endfor %}{% endmacro %}"
    "{% for a in lead.message %}{% set x = m() %}{% endfor %}",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% set a = lead.message %}" + "{% set a = a ~ a %}" * 40,
    "{% set a = lead.message %}" + "{% set a = a + a %}" * 40,
    "{% set a = [1] %}" + "{% set a = a + a %}" * 40,
    "{% set a = [1] %}" + "{% set a = [a, a] %}" * 40 + "{{ a | json }}",
    "{% set a = 9 %}" + "{% set a = a * a %}" * 40,
    "{{ 9 ** 9 ** 9 }}",
    "{{ 99999 ** 99999 }}",
    "{{ 'x' * 1000000000 }}",
    "{{ [1] * 1000000000 }}",
    "{{ lead.message | list | join(lead.message) }}",
    "{{ lead.message | replace('x', lead.message) }}",
    "{{ lead.message | list | map('replace', 'x', lead.message) | list | length }}",
    "{{ 1 | round(1000000000, 'ceil') }}{% for a in lead.message %}{{ lead.message }}{% endfor %}",
    "{{ [1] | batch(1000000000, 0) | list }}",
    "{{ [1] | slice(1000000000) | list }}",
    "{% for a in [[lead.message]] recursive %}{{ loop([a, a]) }}{% endfor %}",
    "{{ [[1]] | sum(start=[]) }}",
    "{% filter upper %}{% for a in lead.message %}{{ lead.message }}{% endfor %}{% endfilter %}",
]


@pytest.mark.parametrize("source", ENDLESS, ids=range(len(ENDLESS)))
def test_what_would_not_end_is_stopped(source: str) -> None:
    started = time.thread_time()
    with pytest.raises(TemplateError):
        run(source, LARGE)
    assert time.thread_time() - started < 4 * bounds.SECONDS


def test_a_machine_that_sleeps_in_between_is_no_fault_of_the_templates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hours = iter(range(0, 10**9, 3600))
    monkeypatch.setattr("gateway.bounds.time.monotonic", lambda: float(next(hours)))
    source = "{% for a in lead.message %}{{ a }}{% endfor %}"
    assert run(source, "x" * 500) == "x" * 500


def test_a_template_that_takes_too_long_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.bounds.SECONDS", 0.02)
    with pytest.raises(TemplateError, match=r"runs longer than 0\.02 s"):
        run("{% for a in lead.message %}{% for b in lead.message %}{% endfor %}{% endfor %}", LARGE)


def test_a_template_that_includes_itself_is_stopped(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("templates")
    (folder / "a.txt").write_text("{% include 'a.txt' %}{% include 'a.txt' %}")
    with pytest.raises(TemplateError):
        Renderer([folder]).file("a.txt", {})


def test_what_is_too_long_to_print_says_so() -> None:
    with pytest.raises(TemplateError, match="prints more than 1000000 characters"):
        run("{{ lead.message }}" * 11, LARGE)


@pytest.mark.parametrize(
    "source", ["lead.message | list | join(lead.message)", "9 ** 9 ** 9", "''.__class__"]
)
def test_an_expression_is_bounded_too(source: str) -> None:
    values = a_lead(message=LARGE).as_dict()
    ask = Renderer().expression(source)
    with pytest.raises(ConditionError):
        ask({"lead": values, "agent": values["agent"]})


def test_a_long_message_is_no_trouble() -> None:
    assert len(
        run("{{ lead.message | truncate_words(200) | upper }}{{ lead.message }}", LARGE)
    ) == (100_200)
