"""The filters of templates: the harmless ones of Jinja's, and bounded ones in place of others.

Owns which of Jinja's filters there are, what they do with null, and the three that the language
puts into a template by itself (:data:`EACH`, :data:`JOINED`, :data:`COMPARED`). How values read to
people is for gateway/formats.py.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import jinja2
from jinja2 import pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from markupsafe import Markup

from gateway import bounds

# No name that a template can write has a space in it: these are for the rewritten tree alone.
EACH, JOINED, COMPARED = "each of", "joined to", "compared by"

_OF_TEXT = (
    "capitalize", "e", "escape", "forceescape", "lower", "safe", "striptags", "title", "trim",
    "truncate", "upper", "urlencode", "wordcount",
)  # fmt: skip
"""Jinja's filters that take a text; here they take null as an empty one."""
_OF_VALUES = (
    "abs", "count", "d", "default", "dictsort", "first", "float", "groupby", "int", "items", "last",
    "length", "list", "map", "max", "min", "reject", "rejectattr", "reverse", "select",
    "selectattr", "sort", "unique",
)  # fmt: skip

_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
    "in": lambda left, right: left in right,
    "notin": lambda left, right: left not in right,
}


def table(
    jinjas: Mapping[str, Callable[..., Any]], ours: Mapping[str, Callable[..., Any]]
) -> dict[str, Callable[..., Any]]:
    """Every filter by name, from all of Jinja's and from our own."""
    return {
        **{name: jinjas[name] for name in _OF_VALUES},
        **{name: _of_text(jinjas[name]) for name in _OF_TEXT},
        "join": _join,
        "replace": _replace,
        "round": _round,
        "string": _text,
        "sum": _sum,
        EACH: _each,
        JOINED: _joined,
        COMPARED: _compared,
        **{name: _charged(given) for name, given in ours.items()},
    }


class Missing(Exception):
    """What is to be printed is not there, and half of a text would be worse than none."""


_MUST_BE_WHOLE: ContextVar[bool] = ContextVar("a text must be whole", default=False)


@contextmanager
def nothing_missing() -> Iterator[None]:
    """Within this, printing null or an empty text raises :class:`Missing`."""
    token = _MUST_BE_WHOLE.set(True)
    try:
        yield
    finally:
        _MUST_BE_WHOLE.reset(token)


def printed(value: Any) -> Any:
    """What is printed of a value: nothing of null, and of a list or map an error."""
    if value is None or (isinstance(value, str) and not value):
        if _MUST_BE_WHOLE.get():
            raise Missing
        return ""
    if isinstance(value, str):
        bounds.spend(steps=0, characters=len(value))
    elif not isinstance(value, (int, float, jinja2.Undefined)):
        raise SecurityError("a list or map can not be printed: use join or json")
    return value


# All of these take the context, if only so that Jinja does not run them while it compiles.


@pass_context
def _each(context: Context, items: Any) -> Any:
    return bounds.each(() if items is None else items)


@pass_context
def _joined(context: Context, parts: Sequence[Any]) -> str:
    return _put_together(context, "", parts)


@pass_context
def _compared(context: Context, left: Any, how: str, right: Any) -> Any:
    bounds.spend()
    return compare(left, how, right)


def compare(left: Any, how: str, right: Any) -> Any:
    """A comparison by Jinja's name of it (``eq``, ``lteq``, ``notin``…). With null it is false, but
    for ``==`` and ``!=``.
    """
    if how not in ("eq", "ne"):
        # "in" asks the right side for the left one, and a list may well hold null.
        contains = how in ("in", "notin")
        if right is None or (left is None and not (contains and not isinstance(right, str))):
            return False
    return _COMPARISONS[how](left, right)


@pass_context
def _join(context: Context, items: Any, separator: str = "", attribute: Any = None) -> str:
    given = list(bounds.each(items or ()))
    if attribute is not None:
        given = [context.environment.getitem(item, attribute) for item in given]
    return _put_together(context, separator, given)


@pass_context
def _replace(context: Context, value: Any, old: Any, new: Any, count: int = -1) -> str:
    text, old, new = _text(context, value), printed(old), printed(new)
    most = text.count(old) if count < 0 else count
    bounds.spend(characters=len(text) + max(0, len(new) - len(old)) * most)
    return text.replace(old, new, count)


@pass_context
def _round(context: Context, value: Any, precision: int = 0, method: str = "common") -> Any:
    if value is None:
        return None
    digits = max(-15, min(precision, 15))
    if method == "common":
        return round(value, digits or None)
    rounded = (math.ceil if method == "ceil" else math.floor)(value * 10**digits) / 10**digits
    return rounded if digits > 0 else int(rounded)


@pass_context
def _sum(context: Context, items: Any, attribute: str | None = None) -> Any:
    given = list(bounds.each(items or ()))
    if attribute is not None:
        given = [context.environment.getitem(item, attribute) for item in given]
    if not all(isinstance(item, (int, float)) for item in given if item is not None):
        raise SecurityError("only numbers can be summed up")
    return bounds.sized(sum(item for item in given if item is not None))


@pass_context
def _text(context: Context, value: Any) -> str:
    shown = printed(value)
    return shown if isinstance(shown, str) else str(shown)


def _put_together(context: Context, separator: str, parts: Sequence[Any]) -> str:
    given = [printed(part) for part in parts]
    texts = [part if isinstance(part, str) else str(part) for part in given]
    bounds.spend(characters=sum(map(len, texts)) + len(separator) * len(texts))
    if context.eval_ctx.autoescape and any(isinstance(text, Markup) for text in texts):
        return Markup.escape(separator).join(texts)
    return separator.join(texts)


def _charged(given: Callable[..., Any]) -> Callable[..., Any]:
    """One of our own filters: it does not take what does not exist, and its text is charged for."""

    @pass_context
    def guarded(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(value, jinja2.Undefined):
            str(value)  # raises, and names it
        result = given(value, *args, **kwargs)
        bounds.spend(characters=len(result) if isinstance(result, str) else 0)
        return result

    return guarded


def _of_text(given: Callable[..., Any]) -> Callable[..., Any]:
    """One of Jinja's filters, taking null as an empty text and charging for what it makes."""
    kind = getattr(given, "jinja_pass_arg", None)

    @pass_context
    def guarded(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(value, jinja2.Undefined):
            value = printed(value)
        if kind is not None:
            passed = {"eval_context": context.eval_ctx, "environment": context.environment}
            args = (value, *args)
            value = passed.get(kind.name, context)
        result = given(value, *args, **kwargs)
        bounds.spend(characters=len(result) if isinstance(result, str) else 0)
        return result

    return guarded
