"""The whole API against its own description: no 5xx, no status and no shape beyond it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import GenerationMode

from gateway.delivery import delivery_id
from gateway.queue import Queue
from gateway.store import Store, connect
from gateway.web import server
from gateway.web.api import OPERATIONS
from gateway.web.api.openapi import describe
from gateway.web.sessions import COOKIE
from tests.builders import a_lead
from tests.web_house import ADMIN, PUSH, WebGateway, a_hostile_lead, make_gateway

EXAMPLES = 25
"""Cases of each operation; `make test` has seconds for all of them."""
KNOWN = {"source": "seloger", "name": "crm", "id": "lead-1"}

schema = schemathesis.openapi.from_dict(describe(OPERATIONS, COOKIE))
schema.config.generation.update(modes=list(GenerationMode))


@schema.hook
def map_path_parameters(context: Any, parts: dict[str, Any]) -> dict[str, Any]:
    """Every other case is about somebody who is there."""
    if parts and len(str(parts.get("id", ""))) % 2:
        known = {**KNOWN, "id": delivery_id("seloger", "lead-1", "crm")}
        words = KNOWN if "source" in parts else known
        return {name: words[name] for name in parts}
    return parts


class Served:
    """The web on a thread of its own, over a store with a little of everything in it."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url, self._folder = url, folder
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run)
        self.address = ""

    def __enter__(self) -> Served:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        store = Store(connect(self._url), "schema")
        async with asyncio.timeout(20):
            while not Path(self._url.removeprefix("unix://")).exists():
                await asyncio.sleep(0.01)
        await store.open()
        house = make_gateway(store, Queue(store.connection.redis, store.namespace), self._folder)
        await _fill(house)

        def ready(address: str) -> None:
            self.address = address
            self._ready.set()

        await server.serve(house, self._stop, port=0, ready=ready)
        await house.close()
        await store.close()


async def _fill(house: WebGateway) -> None:
    await house.accept(*(a_lead(f"lead-{n}") for n in range(1, 6)), a_hostile_lead())
    for n, outcome in enumerate(("refused", "delivered", "deferred", "refused"), 1):
        await house.end(delivery_id("seloger", f"lead-{n}", "crm"), "crm", outcome)
    await house.store.destinations.pause("team")


@pytest.fixture(scope="module")
def served(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        # Wrong tokens are tried here by the hundred; test_web_signin.py has what stops that.
        patch.setattr("gateway.web.throttle.WRONG_ALLOWED", 1_000_000)
        with Served(valkey_url, tmp_path_factory.mktemp("schema")) as running:
            yield running


# A stream has no end to wait for; test_web_events.py has it.
@schema.exclude(path="/v1/events").parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_operation_answers_as_it_is_described(case: Any, served: Served) -> None:
    headers = PUSH if case.operation.path == "/v1/sources/{name}/leads" else ADMIN
    token = {"Authorization": headers["authorization"]}
    # No schema can say which cursors were given out, nor which moments there are.
    free = {"cursor", "since"} & set(case.query or {})
    excluded = [schemathesis.checks.positive_data_acceptance] if free else []
    case.call_and_validate(base_url=served.address, headers=token, excluded_checks=excluded)


def test_the_description_is_itself_valid_and_every_operation_says_what_it_does() -> None:
    schema.validate()
    for operation in OPERATIONS:
        assert operation.words[0].endswith("."), operation.path
