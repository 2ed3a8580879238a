"""The API's description as people read it: operations by tag, each with an example call. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DEEPEST = 4
"""Levels of an example: what lies deeper shows as an ellipsis."""
_TOKENS = {"admin": "$LEAD_GATEWAY_ADMIN_TOKEN", "push": "$WEBSITE_TOKEN"}


@dataclass(frozen=True, slots=True)
class Shown:
    """One operation. ``answers`` are (status, description, example or None)."""

    name: str
    method: str
    path: str
    summary: str
    description: str
    parameters: list[dict[str, Any]]
    call: str
    body: str | None
    answers: list[tuple[str, str, str | None]]


def sections(document: Mapping[str, Any], address: str) -> list[tuple[str, list[Shown]]]:
    """Every tag with its operations, in the description's order."""
    found: dict[str, list[Shown]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            shown = _shown(document, address, path, method.upper(), operation)
            found[operation["tags"][0]].append(shown)
    return list(found.items())


def _shown(
    document: Mapping[str, Any], address: str, path: str, method: str, operation: Mapping[str, Any]
) -> Shown:
    schema = _body_of(operation.get("requestBody", {}))
    body = _example(schema, document) if schema else None
    return Shown(
        name=operation["operationId"],
        method=method,
        path=path,
        summary=operation["summary"],
        description=operation.get("description", ""),
        parameters=[
            {**item, "type": _type(item["schema"])} for item in operation["parameters"]
        ],
        call=_call(address, path, method, operation, body),
        body=_pretty(body),
        answers=[
            (status, answer["description"], _pretty(_example(_body_of(answer), document)))
            for status, answer in operation["responses"].items()
        ],
    )  # fmt: skip


def _body_of(part: Mapping[str, Any]) -> Mapping[str, Any] | None:
    for media, content in part.get("content", {}).items():
        if media == "application/json":
            return content["schema"]  # type: ignore[no-any-return]
    return None


def _pretty(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, indent=2)


def _call(address: str, path: str, method: str, operation: Mapping[str, Any], body: Any) -> str:
    words = ["curl"]
    if method != "GET":
        words += ["-X", method]
    schemes = [name for way in operation["security"] for name in way]
    if schemes and schemes[0] in _TOKENS:
        words += ["-H", f'"Authorization: Bearer {_TOKENS[schemes[0]]}"']
    if body is not None:
        words += ["-d", shlex.quote(json.dumps(body, ensure_ascii=False))]
    return " ".join([*words, f"{address}{path}"])


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(schema["enum"])
    if schema.get("type") == "array":
        return _type(schema["items"])
    low, high = schema.get("minimum"), schema.get("maximum")
    bounds = f" {low}–{high}" if low is not None and high is not None else ""
    examples = schema.get("examples", [])
    return f"{schema.get('type', 'string')}{bounds}" + (
        f": {', '.join(str(item) for item in examples)}" if examples else ""
    )


def _example(schema: Mapping[str, Any] | None, document: Mapping[str, Any], depth: int = 0) -> Any:
    """A value that the schema allows, as telling as the schema is."""
    if schema is None:
        return None
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for key in ("anyOf", "oneOf"):
        ways = [way for way in schema.get(key, []) if way.get("type") != "null"]
        if ways:
            return _example(ways[0], document, depth)
    if examples := schema.get("examples"):
        return examples[0]
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    match schema.get("type"):
        case "object" if depth < DEEPEST:
            parts = schema.get("properties", {})
            return {name: _example(part, document, depth + 1) for name, part in parts.items()}
        case "array" if depth < DEEPEST:
            return [_example(schema.get("items"), document, depth + 1)]
        case "object" | "array":
            return "…"
        case "string":
            return "2026-11-24T08:00:00Z" if schema.get("format") == "date-time" else "…"
        case "integer" | "number":
            return schema.get("default") or 1
        case "boolean":
            return bool(schema.get("default", False))
    return None
