"""What the model says of a wrong configuration, as places in the file and sentences for people.

A sentence says what to write instead; it never repeats the value that was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway import destinations, sources
from gateway.config.document import Document
from gateway.config.faults import Fault, Place, did_you_mean
from gateway.config.model import GatewayConfig
from gateway.units import format_duration

EXAMPLES = {
    "base_url": "https://sandbox.leads.api.groupeseloger.com",
    "channel": '"#leads"',
    "client_id": "${GSL_CLIENT_ID}",
    "client_secret": "${GSL_CLIENT_SECRET}",
    "from": '"Leads <leads@agency.example>"',
    "kind": "webhook",
    "password": "${CRM_PASSWORD}",
    "smtp": "${SMTP_URL}",
    "standard_webhooks": "${CRM_SIGNING_SECRET}",
    "to": "[crm]",
    "token": "${WEBSITE_TOKEN}",
    "token_url": "${GSL_TOKEN_URL}",
    "url": "https://crm.example.com/leads",
    "username": "gateway",
    "value": "${CRM_API_KEY}",
    "version": "1",
}
"""What to write for a key that is missing."""

_TYPES = {
    "bool_parsing": "write true or false",
    "bool_type": "write true or false",
    "dict_type": "write a map of keys here, as in {key: value}",
    "float_parsing": "write a number, for example 0.2",
    "float_type": "write a number, for example 0.2",
    "int_from_float": "write a whole number",
    "int_parsing": "write a whole number",
    "int_type": "write a whole number",
    "list_type": "write a list, as in [one, two]",
    "model_attributes_type": "write a map of keys here, as in {key: value}",
    "model_type": "write a map of keys here, as in {key: value}",
    "string_type": "write text here; a number or true and false go in quotes",
    "string_too_short": "is empty: write something here, or remove the key",
    "tuple_type": "write a list, as in [one, two]",
}
_EMPTY = "has nothing after it: write its value, or remove the key"
_KEYS_SHOWN = 14
_NO_NAME = "use 1 to 40 lower-case letters, digits, - and _ in a name, first a letter or digit"


def explain(
    error: ValidationError,
    document: Document,
    values: Mapping[str, Any],
    model: type[BaseModel] = GatewayConfig,
) -> list[Fault]:
    """A fault for each place where ``model`` says no."""
    by_place: dict[Place, list[str]] = {}
    for item in error.errors(include_input=False, include_url=False):
        place = _place(item, values)
        text = _sentence(item, place, values, model)
        place, text = _closer(item["type"], place, text, values)
        by_place.setdefault(place, []).append(text)
    # The ways of a union each say no: together they are the choice that is left.
    return [
        document.fault(place, ", or ".join(dict.fromkeys(texts)))
        for place, texts in by_place.items()
    ]


def _place(item: ErrorDetails, values: Any) -> Place:
    """Where in the file. Pydantic names the way it took through a union too: the file does not."""
    place: list[str | int] = []
    for step in item["loc"]:
        inner = _at(values, (step,))
        if inner is not None or (isinstance(values, dict) and step in values):
            values = inner
            place.append(step)
    if item["type"] == "missing":
        place.append(item["loc"][-1])
    return tuple(place)


def _closer(kind: str, place: Place, text: str, values: Any) -> tuple[Place, str]:
    """A rule over several keys that begins with the name of one speaks of that one."""
    if kind.startswith("union_tag"):
        return (*place, "kind"), text
    key, separator, rest = text.partition(": ")
    entry = _at(values, place)
    if separator and isinstance(entry, dict) and (key in entry or rest.startswith("is missing")):
        return (*place, key), rest
    return place, text


def _sentence(item: ErrorDetails, place: Place, values: Any, model: type[BaseModel]) -> str:
    kind, context = item["type"], item.get("ctx", {})
    if kind == "of_the_preset":
        return item["msg"]
    if kind == "extra_forbidden":
        return _unknown(place, values, model)
    if kind == "missing":
        example = EXAMPLES.get(str(place[-1]))
        return f"is missing: write {place[-1]}: {example}" if example else "is missing"
    if kind.startswith("union_tag"):
        return _kind(place, values)
    if kind == "literal_error":
        return _choice(context["expected"], _at(values, place))
    if item["loc"][-1] == "[key]" and kind == "string_pattern_mismatch":
        return _NO_NAME
    if kind == "value_error":
        return str(context["error"])
    if kind in _TYPES:
        return _EMPTY if _at(values, place) is None else _TYPES[kind]
    return _bound(kind, context) or _plainly(item["msg"])


def _unknown(place: Place, values: Any, model: type[BaseModel]) -> str:
    known = sorted(set(known_keys(place[:-1], values, model)))
    if near := did_you_mean(str(place[-1]), known):
        return f"unknown key; {near}"
    if 0 < len(known) <= _KEYS_SHOWN:
        return f"unknown key; the keys here are {', '.join(known)}"
    return "unknown key: remove it, or check the indentation"


def _kind(place: Place, values: Any) -> str:
    kinds = sources.CONFIGS if place[0] == "sources" else destinations.CONFIGS
    known = ", ".join(kinds)
    entry = _at(values, place)
    given = entry.get("kind") if isinstance(entry, dict) else None
    if given is None:
        return f"is missing: write one of {known}"
    near = did_you_mean(str(given), kinds)
    return f"unknown kind; {near or f'write one of {known}'}"


def _choice(expected: str, given: Any) -> str:
    known = [word.strip("'") for word in re.split(r", | or ", expected)]
    near = did_you_mean(str(given), known)
    return near.replace("did you mean", "unknown; did you mean") or f"write {expected}"


def _bound(kind: str, context: Mapping[str, Any]) -> str | None:
    match kind:
        case "greater_than_equal":
            return f"must be at least {_amount(context['ge'])}"
        case "less_than_equal":
            return f"must be at most {_amount(context['le'])}"
        case "too_short":
            return "is empty: write at least one"
        case "too_long":
            return f"has more than {context['max_length']} entries"
        case "string_too_long":
            return f"has more than {context['max_length']} characters"
        case "string_pattern_mismatch":
            return f"does not have its form, which is {context['pattern']}"
    return None


def _amount(value: Any) -> str:
    found = re.findall(r"(days|seconds|microseconds)=(-?\d+)", str(value))
    if found or str(value).startswith("datetime.timedelta"):
        return format_duration(timedelta(**{unit: int(count) for unit, count in found}))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _plainly(message: str) -> str:
    text = message.removeprefix("Input should ")
    return text[:1].lower() + text[1:]


def _at(value: Any, place: Place) -> Any:
    for step in place:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def known_keys(place: Place, values: Any, model: type[BaseModel] = GatewayConfig) -> Iterator[str]:
    """The keys that ``model`` has at a place, as they are written in the file."""
    options: list[Any] = [model]
    for step in place:
        values = _at(values, (step,))
        kind = values.get("kind") if isinstance(values, dict) else None
        options = [found for option in options for found in _inside(option, step)]
        same = [option for option in options if _has_kind(option, kind)]
        options = same or options
    for option in options:
        if isinstance(option, type) and issubclass(option, BaseModel):
            for name, field in option.model_fields.items():
                yield field.alias or name


def _inside(option: Any, step: str | int) -> Iterable[Any]:
    """What the model may have one step further."""
    if isinstance(option, type) and issubclass(option, BaseModel):
        for name, field in option.model_fields.items():
            if step == (field.alias or name):
                return _branches(field.annotation)
        return ()
    if get_origin(option) in (dict, tuple, list):
        return _branches(get_args(option)[1 if get_origin(option) is dict else 0])
    return ()


def _branches(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _branches(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [found for part in get_args(annotation) for found in _branches(part)]
    return [annotation]


def _has_kind(option: Any, kind: Any) -> bool:
    if not (isinstance(option, type) and issubclass(option, BaseModel)):
        return False
    field = option.model_fields.get("kind")
    return field is not None and kind in get_args(field.annotation)
