"""The API's description (OpenAPI 3.1), made of the operations and their models. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gateway import __version__
from gateway.web.operation import ADMIN_ELSEWHERE, NOBODY, PUSH, SESSION_TOO, Operation

TEMPLATE = "#/components/schemas/{model}"
_ABOUT = """\
Everything the dashboard shows and does, for programs. Times are UTC (RFC 3339). Errors are problem
details (RFC 9457). A list is `{"items": […], "next_cursor": …}`: send the cursor back as `cursor`
until it is null; entries that arrive meanwhile shift nothing."""
_SHARED = {
    400: "something in the request is not understood; detail says what to write",
    401: "the token is missing or wrong",
    404: "nothing is here",
    408: "the body came too slowly",
    413: "the body is too large",
    429: "too many wrong tokens from this address; Retry-After says how long to wait",
    500: "a fault of the gateway; its log has the place",
    503: "the store is away; Retry-After says when to ask again",
}
_PROBLEM = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What to do."},
        "state": {"type": "string", "description": "The state that forbids an action."},
    },
}
_SECURITY: Mapping[str, list[dict[str, list[str]]]] = {
    NOBODY: [],
    PUSH: [{"push": []}],
    ADMIN_ELSEWHERE: [{"admin": []}, {}],
    SESSION_TOO: [{"admin": []}, {"session": []}],
}


def describe(operations: Sequence[Operation], cookie: str, server: str = "/") -> dict[str, Any]:
    """The whole description. ``cookie`` is the session's name, ``server`` where the API is."""
    answers = {model for item in operations for model in item.answers.values() if _is_model(model)}
    bodies = {item.body for item in operations if item.body}
    refs, schemas = models_json_schema(
        [
            *((model, "serialization") for model in answers),
            *((body, "validation") for body in bodies),
        ],
        ref_template=TEMPLATE,
    )
    definitions = schemas.get("$defs", {})
    for body in bodies:
        _no_nulls(definitions, refs[(body, "validation")])
    paths: dict[str, Any] = {}
    for item in operations:
        paths.setdefault(_path(item), {})[item.method.lower()] = _operation(item, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "lead-gateway",
            "version": __version__,
            "summary": "Forwards real-estate leads, and loses none.",
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": server}],
        "tags": [{"name": tag} for tag in dict.fromkeys(item.tag for item in operations)],
        "paths": paths,
        "components": {
            "schemas": {**definitions, "Problem": _PROBLEM},
            "securitySchemes": {
                "admin": _bearer("LEAD_GATEWAY_ADMIN_TOKEN, or the file admin-token."),
                "push": _bearer("The token of the push source."),
                "session": {"type": "apiKey", "in": "cookie", "name": cookie},
            },
        },
    }


def _bearer(text: str) -> dict[str, str]:
    return {"type": "http", "scheme": "bearer", "description": text}


def _is_model(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, BaseModel)


def _path(item: Operation) -> str:
    return item.path.replace(":path}", "}")


def _operation(item: Operation, refs: Mapping[Any, Any]) -> dict[str, Any]:
    summary, description = item.words
    made: dict[str, Any] = {
        "operationId": item.name,
        "tags": [item.tag],
        "summary": summary.rstrip("."),
        "parameters": [*_path_parameters(item), *_query_parameters(item)],
        "responses": dict(_responses(item, refs)),
    }
    if description:
        made["description"] = description
    body = refs[(item.body, "validation")] if item.body else item.sends
    if body:
        made["requestBody"] = {
            "required": item.body is None or not _may_be_empty(item.body),
            "content": {"application/json": {"schema": body}},
        }
    if item.who in _SECURITY:
        made["security"] = _SECURITY[item.who]
    else:
        made["security"] = [{"admin": []}]
    return made


def _path_parameters(item: Operation) -> Iterable[dict[str, Any]]:
    for part in item.path.split("{")[1:]:
        name = part.partition("}")[0].removesuffix(":path")
        yield {
            "name": name, "in": "path", "required": True,
            "schema": {"type": "string", "minLength": 1},
        }  # fmt: skip


def _query_parameters(item: Operation) -> Iterable[dict[str, Any]]:
    if item.query is None:
        return
    schema = item.query.model_json_schema(ref_template=TEMPLATE)
    definitions = schema.get("$defs", {})
    for name, part in schema["properties"].items():
        part = _without_null(part)
        if "$ref" in part:
            part = {**definitions[part.pop("$ref").rpartition("/")[2]], **part}
        description = part.pop("description", "")
        part.pop("title", None)
        if part.get("default") is None:
            part.pop("default", None)
        yield {"name": name, "in": "query", "description": description, "schema": part}


def _without_null(part: Mapping[str, Any]) -> dict[str, Any]:
    """What may be left out of a query is never sent as null."""
    made = dict(part)
    ways = [way for way in made.pop("anyOf", []) if way != {"type": "null"}]
    return {**ways[0], **made} if ways else made


def _no_nulls(definitions: dict[str, Any], ref: Mapping[str, Any]) -> None:
    """The same for a body and every model in it: what is not meant is left out."""
    part = definitions[str(ref["$ref"]).rpartition("/")[2]]
    for name, schema in part.get("properties", {}).items():
        part["properties"][name] = made = _without_null(schema)
        if made.get("default", 0) is None:
            del made["default"]
        if "properties" in definitions.get(made.get("$ref", "").rpartition("/")[2], {}):
            _no_nulls(definitions, made)


def _may_be_empty(body: type[BaseModel]) -> bool:
    return "oneOf" not in body.model_json_schema()


def _responses(item: Operation, refs: Mapping[Any, Any]) -> Iterable[tuple[str, Any]]:
    for status, answer in sorted(item.answers.items()):
        made: dict[str, Any] = {"description": HTTPStatus(status).phrase}
        if _is_model(answer):
            schema = refs[(answer, "serialization")]
            made["content"] = {"application/json": {"schema": schema}}
        elif answer:
            kinds = (answer,) if isinstance(answer, str) else answer
            made["content"] = {kind: {"schema": {"type": "string"}} for kind in kinds}
        yield str(status), made
    for status in sorted(_problems(item) - set(item.answers)):
        text = item.problems.get(status, _SHARED.get(status, HTTPStatus(status).phrase))
        yield (
            str(status),
            {
                "description": text[:1].upper() + text[1:] + ".",
                "content": {
                    "application/problem+json": {
                        "schema": {"$ref": TEMPLATE.format(model="Problem")}
                    }
                },
            },
        )


def _problems(item: Operation) -> set[int]:
    """Every problem an operation may answer with: its own, and what its kind brings along."""
    found = set(item.problems)
    if item.who != NOBODY:
        found |= {401, 429, 500, 503}
    if item.query or item.who == SESSION_TOO:
        found.add(400)
    if item.body or item.sends:
        found |= {400, 408, 413}
    if "{" in item.path:
        found.add(404)
    return found
