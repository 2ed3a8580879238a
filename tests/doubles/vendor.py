"""What every double of a CRM's endpoint can do: count, know who may enter, lose answers, fail.

``lose`` names calls whose next answer gets lost after the work is done, as when somebody is killed
in between. ``fail_share`` is the share of calls that it answers with its own words for 429 or 500
before it does anything; it is drawn from a seed.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

SECRET = "hush-0815-4711"
"""What every double takes for a secret; tests/presets.py writes it into every configuration."""

Work = Callable[[Request], Awaitable[Response]]


class Vendor(ABC):
    """One account at one vendor. A double fills in ``routes``, ``may_enter`` and its own words."""

    def __init__(self, *, fail_share: float = 0.0, seed: int = 1) -> None:
        self.fail_share = fail_share
        self.lose: set[str] = set()
        self.calls: Counter[str] = Counter()
        self._draw = random.Random(seed)
        self._next = 11

    @abstractmethod
    def routes(self) -> list[tuple[str, str, str, Work]]:
        """Method, path, the call's name, and the work of it."""

    def may_enter(self, request: Request) -> bool:
        """Whether the request shows the right credentials."""
        return True

    def unknown(self) -> Response:
        """Its answer to wrong credentials."""
        return JSONResponse({"message": "unauthorized"}, 401)

    def limited(self) -> Response:
        """Its answer to too many requests."""
        return JSONResponse({"message": "too many"}, 429, {"retry-after": "0"})

    def broken(self) -> Response:
        """Its answer when it is in trouble itself."""
        return JSONResponse({"message": "internal error"}, 500)

    @abstractmethod
    def made(self) -> list[str]:
        """The leads that it has, one entry for each record, by our id of them."""

    def app(self) -> Starlette:
        """Its HTTP face."""
        routes = [
            Route(path, self._behind(name, work), methods=[method])
            for method, path, name, work in self.routes()
        ]
        root = Route("/", lambda request: Response(status_code=404), methods=["OPTIONS", "GET"])
        return Starlette(routes=[*routes, root])

    def new_id(self) -> int:
        self._next += 1
        return self._next

    def _behind(self, name: str, work: Work) -> Work:
        async def answer(request: Request) -> Response:
            self.calls[name] += 1
            if not self.may_enter(request):
                return self.unknown()
            if self._draw.random() < self.fail_share:
                return self.limited() if self._draw.random() < 0.5 else self.broken()
            response = await work(request)
            if name in self.lose and response.status_code < 300:
                self.lose.discard(name)
                return Response(b"", 502)  # somebody on the way gave up on it
            return response

        return answer


class TokenVendor(Vendor):
    """A vendor that gives out access tokens, of which only the newest counts."""

    scheme = "Bearer"
    token_path = "/oauth/token"

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.tokens = 0

    def may_enter(self, request: Request) -> bool:
        if request.url.path == self.token_path:
            return True
        return request.headers.get("authorization") == f"{self.scheme} token-{self.tokens}"

    async def grant(self, request: Request) -> Response:
        """The token endpoint."""
        if (await fields_of(request)).get("client_secret") != SECRET:
            return self.no_grant()
        self.tokens += 1
        return JSONResponse({"access_token": f"token-{self.tokens}", "expires_in": 3600})

    def no_grant(self) -> Response:
        """Its answer to a wrong client secret."""
        return JSONResponse({"error": "invalid_client"}, 400)


async def fields_of(request: Request) -> dict[str, str]:
    """The fields of a form, each once."""
    return dict(parse_qsl((await request.body()).decode()))


def is_whole(value: Any) -> bool:
    """Whether a value is a number to a receiver that does not take ``"12"`` for one."""
    return isinstance(value, int) and not isinstance(value, bool)
