"""Which names a template uses that do not exist, found without running it.

Knows the shape of a lead, and what else a template sees. Judges only what can be told from the
text: ``lead.contact.emial`` is a fault, ``lead[key]`` is not looked at.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping

from jinja2 import meta, nodes

from gateway import summary
from gateway.lead import lead_paths

SECTIONS = (
    "contact", "property", "estimation", "project", "financing", "person_status", "person", "agent",
)  # fmt: skip
"""Parts of a lead that a template may name without ``lead.`` before them."""

IN_TEMPLATES = frozenset(
    {*SECTIONS, "lead", "summary", "event", "saved", "links", "claim", "t", "language"}
)
IN_EXPRESSIONS = frozenset({"lead", "agent"})

_OPEN = ("original", "agent.ids")
"""Maps whose keys are the portal's or the user's."""
_OF_MAPS = frozenset({"get", "items", "keys", "values"})


Shapes = Mapping[str, Iterable[str]]
"""Further names that a template sees, and what each of them has."""

AROUND: Shapes = {
    "summary": summary.FIELDS,
    "event": ("id", "type", "occasion", "attempt", "timestamp"),
    "links": ("lead", "claim", "classified"),
    "claim": ("by", "at", "seconds"),
}
"""What every template sees besides the lead."""


def unknown_names(
    tree: nodes.Template, roots: frozenset[str], shapes: Shapes | None = None
) -> list[tuple[int, str]]:
    """Line and sentence for each name that does not exist, with the nearest one that does."""
    faults = []
    roots = roots | frozenset(shapes or ())
    for name in sorted(meta.find_undeclared_variables(tree) - roots - {"dict"}):
        used = [node.lineno for node in tree.find_all(nodes.Name) if node.name == name]
        faults.append((min(used, default=1), _sentence(name, roots)))
    for name, known in (shapes or {}).items():
        for node in tree.find_all(nodes.Getattr):
            of_it = isinstance(node.node, nodes.Name) and node.node.name == name
            if of_it and node.attr not in {*known, *_OF_MAPS}:
                names = [f"{name}.{item}" for item in known]
                faults.append((node.lineno, _sentence(f"{name}.{node.attr}", names)))
    for line, root, path in _chains(tree):
        lost = _unknown(path)
        if lost:
            known = _siblings(lost)
            before = root + "." if root == "lead" else ""
            faults.append((line, _sentence(before + lost, [before + name for name in known])))
    return sorted(dict.fromkeys(faults))


def _sentence(name: str, known: Iterable[str]) -> str:
    options = sorted(known)
    near = difflib.get_close_matches(name, options, 1)
    if near:
        return f'"{name}" does not exist; did you mean "{near[0]}"?'
    few = f": use {' or '.join(options)}" if len(options) <= 3 else ""
    return f'"{name}" does not exist{few}'


def _chains(tree: nodes.Template) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Every dotted name that begins at the lead: line, its root, and the path on the lead."""
    for node in tree.find_all(nodes.Getattr):
        parts: list[str] = []
        inner: nodes.Node = node
        while isinstance(inner, nodes.Getattr):
            parts.insert(0, inner.attr)
            inner = inner.node
        if not isinstance(inner, nodes.Name):
            continue
        if inner.name == "lead":
            yield node.lineno, "lead", tuple(parts)
        elif inner.name in SECTIONS:
            yield node.lineno, inner.name, (inner.name, *parts)


def _unknown(path: tuple[str, ...]) -> str | None:
    """The part of a path up to the first step that leads nowhere; None when all is well."""
    known = lead_paths()
    for depth in range(1, len(path) + 1):
        name = ".".join(path[:depth])
        if name in _OPEN:
            return None
        if name not in known:
            return None if path[depth - 1] in _OF_MAPS else name
        if not any(other.startswith(name + ".") for other in known):
            return None  # a value: what comes after it is Jinja's to judge
    return None


def _siblings(path: str) -> list[str]:
    """The known names; those beside ``path`` alone where it stands in a section."""
    parent, dot, _ = path.rpartition(".")
    known = lead_paths()
    beside = [name for name in known if name.rpartition(".")[0] == parent] if dot else []
    return [*beside, *known]
