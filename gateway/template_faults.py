"""What is wrong with a template, in words that show no value of a lead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import jinja2
from jinja2.exceptions import SecurityError

from gateway import bounds
from gateway.template_language import nearest

_MISREAD = {"chunk after expression": "it goes on after its end; to compare, write == or !="}
"""Words of Jinja's that say little to somebody who writes an expression."""


class TemplateError(Exception):
    """A template or expression that can not be used; says which, where, and what is wrong."""

    def __init__(self, text: str, name: str = "", line: int | None = None) -> None:
        self.name = name
        self.line = line
        place = name + (f":{line}" if line else "")
        super().__init__(f"{place}: {text}" if place else text)


def not_an_expression(error: jinja2.TemplateSyntaxError, source: str) -> TemplateError:
    """What is wrong with an expression that does not compile."""
    words = _MISREAD.get(str(error.message), str(error.message))
    return TemplateError(f"not an expression: {words}", short(source))


def words(error: Exception, context: Mapping[str, Any]) -> str:
    """What went wrong in a run. ``context`` is what there was to name."""
    match error:
        case jinja2.UndefinedError():
            text = str(error)
            name = re.fullmatch(r'"(\w+)" does not exist', text)
            return text + nearest(name[1], context) if name else text
        case SecurityError() | bounds.Exceeded():
            return str(error)
        case jinja2.TemplateNotFound():
            return "it includes a template that does not exist"
        case _:
            # Any other error's text may quote a value of the lead: its kind must do.
            return f"failed with {type(error).__name__}"


def short(source: str) -> str:
    """A template of the configuration, as a message names it."""
    text = re.sub(r"\s+", " ", source).strip()
    return text if len(text) <= 60 else text[:57] + "…"
