"""When an answer counts as delivered: the rule of ``success`` in gateway.yaml. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from gateway.destinations.common import Strict

Status = Annotated[int, Field(ge=100, le=599)]


class Success(Strict):
    """All that is given must hold; nothing given: any 2xx.

    ``headers`` maps a name to the value it must have; ``json`` a dotted path in the answer's JSON
    (``result.status``, ``items.0.ok``) to the value that must be there.
    """

    status: Annotated[tuple[Status, ...], Field(min_length=1)] | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    body: dict[str, Any] = Field(default_factory=dict, alias="json")

    def holds(
        self, status: int, headers: Mapping[str, str], body: bytes, *, truncated: bool
    ) -> bool | None:
        """Whether this answer is a success; None when the JSON to look into was cut off.

        ``headers`` by lower-case name.
        """
        if not (200 <= status < 300 if self.status is None else status in self.status):
            return False
        if any(headers.get(name.lower()) != value for name, value in self.headers.items()):
            return False
        if not self.body:
            return True
        if truncated:
            return None
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            return False
        return all(_same(_at(said, path), wanted) for path, wanted in self.body.items())


def _at(value: Any, path: str) -> Any:
    """The value at a dotted path; None where there is none."""
    for part in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def _same(found: Any, wanted: Any) -> bool:
    # To Python true is 1; to a CRM that counts errors it is not.
    return found == wanted and isinstance(found, bool) == isinstance(wanted, bool)
