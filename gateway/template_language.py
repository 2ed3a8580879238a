"""The language of templates and expressions: Jinja, with less in it, and with null made harmless.

Owns which methods and operators there are and what they do with null: a comparison with it is
false, a calculation with it gives null, and printed it is an empty text. Nothing a template can
write reaches an object's insides, a file or the network, and all of it is charged to the run's
budget (gateway/bounds.py). The filters are in gateway/template_filters.py.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from gateway import bounds, template_filters

_TEXT_METHODS = frozenset({
    "capitalize", "casefold", "count", "endswith", "find", "isalnum", "isalpha", "isdecimal",
    "isdigit", "islower", "isspace", "isupper", "lower", "lstrip", "partition", "removeprefix",
    "removesuffix", "rfind", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith",
    "strip", "title", "upper",
})  # fmt: skip
_MAP_METHODS = frozenset({"get", "items", "keys", "values"})

_LARGEST_POWER = 64


def nearest(name: str, known: Iterable[Any]) -> str:
    """``; did you mean "email"?`` when a known name is near, else nothing."""
    near = difflib.get_close_matches(name, [str(item) for item in known], 1)
    return f'; did you mean "{near[0]}"?' if near else ""


class Missing(jinja2.StrictUndefined):
    """What does not exist. The message offers the nearest name that does, and shows no value."""

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return self._undefined_hint
        if self._undefined_obj is None:
            return f'"{self._undefined_name}" does not exist: what stands before it is null'
        hint = ""
        if isinstance(self._undefined_obj, Mapping):
            hint = nearest(str(self._undefined_name), self._undefined_obj)
        return f'"{self._undefined_name}" does not exist{hint}'


class Language(ImmutableSandboxedEnvironment):
    """The environment that compiles and runs it."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})
    intercepted_unops = frozenset({"+", "-"})

    def __init__(
        self,
        loader: jinja2.BaseLoader,
        filters: Mapping[str, Callable[..., Any]],
        *,
        markup: Callable[[str | None], bool],
    ) -> None:
        """``filters`` come on top of Jinja's; ``markup`` tells by its name which file is HTML."""
        super().__init__(
            loader=loader,
            autoescape=markup,
            undefined=Missing,
            finalize=template_filters.printed,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.globals = {"dict": dict}
        self.filters = template_filters.table(self.filters, filters)

    @staticmethod
    def concat(parts: Iterable[str]) -> str:
        """Put printed parts together; macros and blocks end here."""
        given = list(parts)
        bounds.spend(characters=sum(map(len, given)))
        return "".join(given)

    def _generate(
        self,
        source: nodes.Template,
        name: str | None,
        filename: str | None,
        defer_init: bool = False,
    ) -> str:
        tree = _Rewriting().visit(source)
        tree.set_environment(self)
        return super()._generate(tree, name, filename, defer_init)

    def call(self, context: Context, given: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a macro, a method or ``loop``."""
        bounds.spend()
        return super().call(context, given, *args, **kwargs)

    def call_unop(self, context: Context, operator: str, arg: Any) -> Any:
        """``-x``; of null it is null."""
        return None if arg is None else super().call_unop(context, operator, arg)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """``x + y`` and the like; with null it is null."""
        if left is None or right is None:
            return None
        size = 0
        if isinstance(left, (int, float)) and isinstance(right, (int, float)):
            if operator == "**" and max(abs(left), abs(right)) > _LARGEST_POWER:
                raise SecurityError("this power is too large")
        elif operator == "*":
            raise SecurityError("only numbers can be multiplied")
        elif operator == "%":
            raise SecurityError("only numbers have a remainder; to format a text, use filters")
        elif isinstance(left, (str, list, tuple)) and isinstance(right, (str, list, tuple)):
            size = len(left) + len(right)
        bounds.spend(characters=size)
        return bounds.sized(super().call_binop(context, operator, left, right))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Values have no methods, but for those of texts and maps that only look at them."""
        if isinstance(obj, str):
            return attr in _TEXT_METHODS
        if isinstance(obj, Mapping):
            return attr in _MAP_METHODS
        if obj is None or isinstance(obj, (int, float, bytes, list, tuple)):
            return False
        return super().is_safe_attribute(obj, attr, value)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """``x.name``. A key of a map comes before a method of the same name."""
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """``x[name]`` is a key or a position and never an attribute."""
        if isinstance(obj, jinja2.Undefined):
            return obj[argument]
        try:
            return obj[argument]
        except (TypeError, LookupError):
            # The key may be a value of the lead: it is not shown.
            return self.undefined("the key or position in [ ] does not exist", obj=obj)


class _Rewriting(NodeTransformer):
    """Puts the budget and the rules of null where Jinja asks no environment."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - jinja2's name
        self.generic_visit(node)
        node.iter = _filter(template_filters.EACH, node.iter)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - jinja2's name
        self.generic_visit(node)
        return _filter(template_filters.JOINED, nodes.List(node.nodes, lineno=node.lineno))

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802 - jinja2's name
        self.generic_visit(node)
        left: nodes.Expr = node.expr
        whole: nodes.Expr | None = None
        for operand in node.ops:
            how = nodes.Const(operand.op, lineno=node.lineno)
            one = _filter(template_filters.COMPARED, left, how, operand.expr)
            whole = one if whole is None else nodes.And(whole, one, lineno=node.lineno)
            left = operand.expr
        return whole or node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802 - jinja2's name
        self.generic_visit(node)
        # A name written out is no value of a lead, and may be shown in a message.
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            name = node.arg.value
            if name.isidentifier() and name not in _MAP_METHODS:
                return nodes.Getattr(node.node, name, node.ctx, lineno=node.lineno)
        return node


def _filter(name: str, value: nodes.Node, *args: nodes.Expr) -> nodes.Filter:
    given = cast("nodes.Expr", value)
    return nodes.Filter(given, name, list(args), [], None, None, lineno=value.lineno)
