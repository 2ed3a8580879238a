"""JSON Schema of gateway.yaml, so that an editor completes and checks while somebody types.

Made of the model, with what only the file has: ``${NAME}`` wherever a plain value may stand. What
is not available yet is left out.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from gateway.config.environment import VARIABLE
from gateway.config.model import GatewayConfig
from gateway.config.not_yet import KEYS
from gateway.config.presets import Shelf
from gateway.destinations.preset_parameters import Parameter
from gateway.units import format_duration

_VARIABLE = {"$ref": "#/$defs/Variable"}
_CONSTRAINTS = frozenset({"pattern", "enum", "minLength", "maxLength", "format"})
_WORDS = frozenset({"default", "description", "title", "examples"})


def schema() -> dict[str, Any]:
    """A JSON Schema (draft 2020-12) that every valid gateway.yaml satisfies."""
    made = GatewayConfig.model_json_schema(by_alias=True, schema_generator=_Generator)
    definitions = {name: _with_variables(part) for name, part in made.pop("$defs").items()}
    for part in definitions.values():
        kind = part.get("properties", {}).get("kind")
        if kind is not None:
            part["required"] = ["kind", *(key for key in part.get("required", ()) if key != "kind")]
    definitions["WebhookConfig"]["allOf"] = [_of_preset(name) for name in Shelf().names()]
    top = _with_variables(made)
    _leave_out_not_yet(top, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **top,
        "title": "gateway.yaml",
        "$defs": {
            **definitions,
            "Variable": {
                "type": "string",
                "pattern": VARIABLE,
                "description": "Filled from the environment.",
            },
        },
    }


class _Generator(GenerateJsonSchema):
    """Durations as they are written in the file; no titles, which only repeat the keys."""

    def encode_default(self, dft: Any) -> Any:
        return format_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _with_variables(part: dict[str, Any]) -> dict[str, Any]:
    """A schema in which each plain value may also be written with a variable."""
    if "const" in part or "$ref" in part:
        return part
    if part.get("type") in ("integer", "number", "boolean") or (
        part.get("type") == "string" and _CONSTRAINTS & part.keys()
    ):
        rule = {key: value for key, value in part.items() if key not in _WORDS}
        words = {key: value for key, value in part.items() if key in _WORDS}
        return {**words, "anyOf": [rule, _VARIABLE]}
    made = dict(part)
    made.pop("format", None)
    for key in ("items", "additionalProperties"):
        if isinstance(part.get(key), dict):
            made[key] = _with_variables(part[key])
    for key in ("properties", "patternProperties"):
        if key in part:
            made[key] = {name: _with_variables(item) for name, item in part[key].items()}
    for key in ("anyOf", "oneOf"):
        if key in part:
            made[key] = [_with_variables(item) for item in part[key]]
    return made


_TYPES = {"flag": "boolean", "number": "integer", "list": "array", "fields": "object"}


def _of_preset(name: str) -> dict[str, Any]:
    """What ``with`` may hold beside a preset that comes with the program."""
    parameters = Shelf().preset(name).given
    keys = {
        key: {"description": parameter.help, **_value_of(parameter)}
        for key, parameter in parameters.items()
    }
    needed = [key for key, parameter in parameters.items() if parameter.required]
    filled = {"properties": keys, "required": needed, "additionalProperties": False}
    return {
        "if": {"properties": {"preset": {"const": name}}, "required": ["preset"]},
        "then": {"properties": {"with": filled}, **({"required": ["with"]} if needed else {})},
    }


def _value_of(parameter: Parameter) -> dict[str, Any]:
    if parameter.choices:
        return {"anyOf": [{"enum": list(parameter.choices)}, _VARIABLE]}
    if parameter.kind not in _TYPES:
        return {"type": ["string", "number"] if parameter.kind == "text" else "string"}
    return {"anyOf": [{"type": _TYPES[parameter.kind]}, {"type": "string"}]}


def _leave_out_not_yet(top: dict[str, Any], definitions: dict[str, Any]) -> None:
    for where, keys in KEYS.items():
        section, *inner = where.split(".")
        targets = [top] if not section else _kinds(top, definitions, section, inner[1:])
        for target in targets:
            for key in keys:
                target.get("properties", {}).pop(key, None)


def _kinds(
    top: dict[str, Any], definitions: dict[str, Any], section: str, deeper: list[str]
) -> list[dict[str, Any]]:
    (entry,) = top["properties"][section]["patternProperties"].values()
    found = [_resolve(part, definitions) for part in entry.get("oneOf", [entry])]
    for key in deeper:
        options = [part.get("properties", {}).get(key, {}) for part in found]
        found = [
            _resolve(way, definitions) for part in options for way in part.get("anyOf", [part])
        ]
    return found


def _resolve(part: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = definitions.get(str(part.get("$ref", "")).rpartition("/")[2], part)
    return found
