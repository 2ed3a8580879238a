"""How a function becomes an endpoint of the API, and stays describable.

An operation's arguments say what it takes: ``web``, ``request``, ``query`` and ``body`` (models),
every other one is a part of the path. Its return annotation is the answer's model. Both are read
once, when the module is loaded; ``openapi.py`` reads the same.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.web import audited
from gateway.web.asking import read_model, read_query
from gateway.web.context import web_of
from gateway.web.security import require_admin

ADMIN, PUSH, NOBODY = "admin", "push", "nobody"
ADMIN_ELSEWHERE, SESSION_TOO = "admin elsewhere", "session too"
"""Who an operation is for: the admin, a source's own token, anybody; the admin unless on this
machine, the admin or who is signed in. ``admin`` is asked for here: the others ask for themselves.
"""

Function = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one address."""

    method: str
    path: str
    tag: str
    function: Function
    who: str = ADMIN
    answers: Mapping[int, Any] = field(default_factory=dict)
    """What comes by status: a model, a media type or several, or None for an empty answer."""
    problems: Mapping[int, str] = field(default_factory=dict)
    """Problems of its own by status, with when they come; what all share is not among them."""
    deed: str | None = None
    """What the audit log calls it; None: what its address says, and a GET is not in it."""
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    takes: tuple[str, ...] = ()
    sends: Any = None
    """What the body must be, of an operation that reads it by itself."""

    @property
    def is_audited(self) -> bool:
        """Whether it stands in the audit log who did it: every change does."""
        return self.method != "GET" or self.deed is not None

    @property
    def name(self) -> str:
        """A name that no other operation has."""
        return self.function.__name__

    @property
    def words(self) -> tuple[str, str]:
        """The first line of its docstring, and the rest."""
        first, _, rest = inspect.cleandoc(self.function.__doc__ or "").partition("\n")
        return first, rest.strip()

    async def __call__(self, request: Request) -> Response:
        """Ask who it is, read what was sent, answer, write down who did it. Raises problems."""
        who = ""
        if self.who == ADMIN:
            who = await require_admin(request)
        given: dict[str, Any] = {}
        for name in self.takes:
            if name == "web":
                given[name] = web_of(request)
            elif name == "request":
                given[name] = request
            elif name == "query" and self.query:
                given[name] = read_query(request, self.query)
            elif name == "body" and self.body:
                given[name] = await read_model(request, self.body)
            else:
                given[name] = request.path_params[name]
        with audited.deed() as counts:
            answer = await self.function(**given)
        if who and self.is_audited:
            await audited.note(
                request, who, "api", did=self.deed, count=sum(counts) if counts else None
            )
        if isinstance(answer, Response):
            return answer
        if answer is None:
            return Response(status_code=204)
        return Response(answer.model_dump_json(), media_type="application/json")


def routes(operations: Iterable[Operation]) -> list[Route]:
    """Where Starlette looks for them: one route per address, so that 405 names every method."""
    by_path: dict[str, dict[str, Operation]] = {}
    for item in operations:
        by_path.setdefault(item.path, {})[item.method] = item
    return [_route(path, methods) for path, methods in by_path.items()]


def _route(path: str, methods: Mapping[str, Operation]) -> Route:
    async def endpoint(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await methods[method](request)

    return Route(path, endpoint, methods=list(methods))


def operation(
    method: str,
    path: str,
    *,
    tag: str,
    who: str = ADMIN,
    answers: Mapping[int, Any] | None = None,
    problems: Mapping[int, str] | None = None,
    sends: Any = None,
    deed: str | None = None,
) -> Callable[[Function], Operation]:
    """Make a function an operation. ``answers`` and ``sends`` are only for one that builds its own
    response and reads its own body; ``deed`` is the audit log's word for it.
    """

    def make(function: Function) -> Operation:
        signature = inspect.signature(function, eval_str=True)
        kinds = {name: part.annotation for name, part in signature.parameters.items()}
        returned = signature.return_annotation
        plain = {204: None} if returned is None else {200: returned}
        return Operation(
            method,
            path,
            tag,
            function,
            who,
            answers or plain,
            problems or {},
            deed,
            kinds.get("query"),
            kinds.get("body"),
            tuple(kinds),
            sends,
        )

    return make
