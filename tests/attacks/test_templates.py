"""Getting out of a template's sandbox, and templates that would not end."""

from __future__ import annotations

import time

import pytest

from gateway import bounds
from gateway.delivery import Message
from gateway.render import Renderer, TemplateError
from gateway.routing import ConditionError
from tests.attacks.conftest import Record
from tests.builders import NOON, a_lead

MESSAGE = Message("dlv_0123", "crm", NOON)

# The escapes that are published, by what they are after; tests/unit has many more.
ESCAPES = {
    "Every class of the process": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "The same, without a dot": "{{ ''['__class__']['__mro__'] }}",
    "The same, through a filter": "{{ lead | attr('__class__') }}",
    "The same, through another": "{{ [''] | map(attribute='__class__.__mro__') | join }}",
    "The same, written in hexadecimal": "{{ ''['\\x5f\\x5fclass\\x5f\\x5f'] }}",
    "The same, put together": "{{ lead | attr('_' ~ '_class_' ~ '_') }}",
    "Globals of a function of Jinja": "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "Globals of a class of Jinja": "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "Globals of a macro": "{% macro m() %}{% endmacro %}{{ m.__globals__ }}",
    "The template's own context": "{{ self._TemplateReference__context.cycler }}",
    "A class, by formatting a text": "{{ '{0.__class__}'.format('') }}",
    "The same, with a mapping": "{{ '{x.__class__}'.format_map({'x': ''}) }}",
    "The frame of a loop": "{% for a in [1] %}{{ loop.__init__.__globals__ }}{% endfor %}",
    "A web framework's objects": "{{ request.application.__globals__ }}{{ config.items() }}",
    "A module": "{% import 'os' as os %}{{ os.popen('id') }}",
    "A file": "{% include '/etc/passwd' %}",
    "A file, climbing": "{% include '../../../../etc/passwd' %}",
    "The stored lead, to change it": "{{ contact.update({'email': 'x@example.org'}) }}",
}


@pytest.mark.parametrize(("what", "source"), ESCAPES.items(), ids=range(len(ESCAPES)))
def test_nothing_behind_the_values_is_reached(record: Record, what: str, source: str) -> None:
    renderer, lead = Renderer(), a_lead()
    with pytest.raises(TemplateError):
        renderer.text(source, renderer.context(lead, MESSAGE))
    assert lead == a_lead()
    record(f"{what}: `{source}`", "a template error; the attempt ends as `template`")


LARGE = "x" * 100_000
BOMBS = {
    "A number without end": "{{ 9 ** 9 ** 9 }}",
    "A text of a gigabyte": "{{ 'x' * 1000000000 }}",
    "A list of a billion": "{{ [1] * 1000000000 }}",
    "A text that doubles forty times": "{% set a = lead.message %}" + "{% set a = a ~ a %}" * 40,
    "A padded text": "{{ '%(a)1000000000d' % {'a': 1} }}",
    "A loop in a loop over a long message": (
        "{% for a in lead.message %}{% for b in lead.message %}{% endfor %}{% endfor %}"
    ),
    "A long message, once for each of its letters": (
        "{% for a in lead.message %}{{ lead.message }}{% endfor %}"
    ),
    "The same through a filter": "{{ lead.message | replace('x', lead.message) }}",
    "A macro that calls itself twice": (
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}"
    ),
    "A macro that never returns": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
}


@pytest.mark.parametrize(("what", "source"), BOMBS.items(), ids=range(len(BOMBS)))
def test_what_would_not_end_is_stopped(record: Record, what: str, source: str) -> None:
    renderer = Renderer()
    context = renderer.context(a_lead(message=LARGE), MESSAGE)
    started = time.thread_time()
    with pytest.raises(TemplateError):
        renderer.text(source, context)
    assert time.thread_time() - started < 4 * bounds.SECONDS
    shown = source if len(source) < 120 else source[:60] + "…"
    record(f"{what}: `{shown}`", "stopped by its budget of steps, characters and seconds")


CONDITIONS = {
    "A class, in a route's `when`": "''.__class__.__mro__",
    "A number without end, in a route's `when`": "9 ** 9 ** 9",
}


@pytest.mark.parametrize(("what", "source"), CONDITIONS.items(), ids=range(len(CONDITIONS)))
def test_a_condition_is_bounded_too(record: Record, what: str, source: str) -> None:
    values = a_lead().as_dict()
    ask = Renderer().expression(source)
    with pytest.raises(ConditionError):
        ask({"lead": values, "agent": values["agent"]})
    record(f"{what}: `{source}`", "an error of the rule: the lead is kept as unrouted")


def test_a_template_inside_a_lead(record: Record) -> None:
    renderer = Renderer()
    lead = a_lead(message="{{ 7 * 7 }}{% include '/etc/passwd' %}")
    context = renderer.context(lead, MESSAGE)
    assert renderer.text("{{ lead.message }}", context) == lead.message
    assert lead.message is not None
    assert lead.message in renderer.file("email/new-lead/body.txt", context)
    record("A lead whose message is a template: `{{ 7 * 7 }}`", "it stays the text that it is")
