"""Short cuts for the conditions that most rules have: paths of a lead compared with constants.

Of an expression that is made of such comparisons, ``and``, ``or`` and ``not`` it makes plain
functions, ten times as fast as a template's run; of any other it makes nothing. What a short cut
can not answer (a name that is missing, values that do not compare) it leaves to the template, whose
words then say what is wrong. So both always agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import nodes

from gateway.template_filters import compare

Value = Callable[[Mapping[str, Any]], Any]

_ROOTS = frozenset({"lead", "agent"})


def short_cut(tree: nodes.Template) -> Value | None:
    """The function for ``{{ expression }}`` as parsed, or None when it takes more than this knows.

    It raises whatever a missing key or a comparison raises.
    """
    body = tree.body
    if len(body) != 1 or not isinstance(body[0], nodes.Output) or len(body[0].nodes) != 1:
        return None
    try:
        return _value(body[0].nodes[0])
    except _NotSimple:
        return None


class _NotSimple(Exception):
    """A part of an expression that is left to the template."""


def _value(node: nodes.Node) -> Value:
    match node:
        case nodes.Const():
            constant = node.value
            return lambda context: constant
        case nodes.List() | nodes.Tuple():
            if not all(isinstance(item, nodes.Const) for item in node.items):
                raise _NotSimple
            items = [item.value for item in node.items if isinstance(item, nodes.Const)]
            return lambda context: items
        case nodes.Getattr() | nodes.Name():
            return _path(node)
        case nodes.Compare():
            return _compared(node)
        case nodes.And():
            left, right = _value(node.left), _value(node.right)
            return lambda context: left(context) and right(context)
        case nodes.Or():
            left, right = _value(node.left), _value(node.right)
            return lambda context: left(context) or right(context)
        case nodes.Not():
            inner = _value(node.node)
            return lambda context: not inner(context)
        case _:
            raise _NotSimple


def _path(node: nodes.Node) -> Value:
    steps: list[str] = []
    while isinstance(node, nodes.Getattr):
        steps.insert(0, node.attr)
        node = node.node
    if not isinstance(node, nodes.Name) or node.name not in _ROOTS:
        raise _NotSimple
    root = node.name
    if len(steps) == 1:
        (only,) = steps
        return lambda context: context[root][only]
    if len(steps) == 2:
        first, second = steps
        return lambda context: context[root][first][second]
    raise _NotSimple


def _compared(node: nodes.Compare) -> Value:
    """One comparison; of a chain, all of them."""
    left: nodes.Node = node.expr
    links: list[tuple[Value, str, Value]] = []
    for operand in node.ops:
        links.append((_value(left), operand.op, _value(operand.expr)))
        left = operand.expr
    if len(links) == 1:
        ((one, how, other),) = links
        return lambda context: compare(one(context), how, other(context))
    return lambda context: all(
        compare(one(context), how, other(context)) for one, how, other in links
    )
