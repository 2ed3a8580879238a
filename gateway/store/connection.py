"""One connection to Redis or Valkey, and the scripts that run in it.

Owns how a script is called (alone or many in one round trip) and how the server's troubles are
named. Knows no key: that is for the rooms beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import Any

from redis import exceptions as redis_errors
from redis.asyncio import Redis

Call = tuple[str, Sequence[Any]]


class StoreUnavailable(Exception):
    """The server can not be reached, or can not write right now. Wait and try again."""


_TROUBLES: dict[type[Exception], str] = {
    redis_errors.TimeoutError: "the store did not answer in time",
    redis_errors.BusyLoadingError: "the store is loading its data",
    redis_errors.ReadOnlyError: "the store is a read-only replica",
    redis_errors.OutOfMemoryError: "the store is full (maxmemory reached)",
    redis_errors.AuthenticationError: "the store refused the password of REDIS_URL",
    redis_errors.ConnectionError: "the store can not be reached",
}

_SAVING_FAILED = (
    "MISCONF",
    "MASTERDOWN",
    "NOREPLICAS",
    "LOADING",
    "READONLY",
    "OOM",
    "CLUSTERDOWN",
)


def _trouble(error: BaseException) -> StoreUnavailable | None:
    for kind, text in _TROUBLES.items():
        if isinstance(error, kind):
            return StoreUnavailable(text)
    if isinstance(error, redis_errors.ResponseError):
        # An error inside a script reaches us as text that starts with, or wraps, the server's code.
        for code in _SAVING_FAILED:
            if code in str(error)[:200]:
                return StoreUnavailable(f"the store refuses to write ({code})")
    if isinstance(error, OSError):
        return StoreUnavailable("the store can not be reached")
    return None


def _load_scripts(package: str) -> dict[str, bytes]:
    folder = resources.files(package) / "lua"
    sources = {
        entry.name.removesuffix(".lua"): entry.read_bytes()
        for entry in folder.iterdir()
        if entry.name.endswith(".lua")
    }
    prelude = sources.pop("_prelude", b"")
    return {name: prelude + b"\n" + body for name, body in sources.items()}


class Connection:
    """Runs scripts against one server under one key prefix.

    ``clock_shift`` moves the store's clock, in seconds, for every script this connection runs:
    tests use it to let time pass. ``package`` is where the ``lua/`` folder of scripts lies.
    """

    def __init__(
        self,
        redis: Redis,
        prefix: str,
        clock_shift: float = 0.0,
        *,
        package: str = "gateway.store",
    ) -> None:
        self.redis = redis
        self.prefix = prefix
        self.clock_shift = clock_shift
        self._sources = _load_scripts(package)
        self._digests = {
            # SCRIPT LOAD answers the SHA-1 of the text: a name of the protocol, not a safeguard.
            name: hashlib.sha1(text, usedforsecurity=False).hexdigest()
            for name, text in self._sources.items()
        }

    def key(self, *parts: str) -> str:
        """The full name of a key: the prefix, then ``parts`` joined by colons."""
        return self.prefix + ":".join(parts)

    async def run(self, name: str, *arguments: Any) -> Any:
        """Run one script. Raises :class:`StoreUnavailable`."""
        (answer,) = await self.run_many([(name, arguments)])
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def run_many(self, calls: Sequence[Call]) -> list[Any]:
        """Run scripts in one round trip; one's error stands in its place and stops no other.

        Raises :class:`StoreUnavailable` when the server as a whole is the trouble.
        """
        answers = await self._send(calls)
        unknown = [
            index
            for index, answer in enumerate(answers)
            if isinstance(answer, redis_errors.NoScriptError)
        ]
        if unknown:
            await self.load()
            again = await self._send([calls[index] for index in unknown])
            for index, answer in zip(unknown, again, strict=True):
                answers[index] = answer
        return answers

    async def _send(self, calls: Sequence[Call]) -> list[Any]:
        shift = round(self.clock_shift * 1000)
        pipeline = self.redis.pipeline(transaction=False)
        for name, arguments in calls:
            pipeline.execute_command(
                "EVALSHA", self._digests[name], 1, self.prefix, shift, *arguments
            )
        answers = await self.execute(pipeline)
        for answer in answers:
            if isinstance(answer, BaseException) and (trouble := _trouble(answer)):
                raise trouble from answer
        return answers

    async def execute(self, pipeline: Any) -> list[Any]:
        """Run a pipeline of plain commands; errors stand in the place of answers."""
        try:
            answers: list[Any] = await pipeline.execute(raise_on_error=False)
        except Exception as error:
            if trouble := _trouble(error):
                raise trouble from error
            raise
        return answers

    async def command(self, *parts: Any) -> Any:
        """Run one plain command. Raises :class:`StoreUnavailable`."""
        try:
            return await self.redis.execute_command(*parts)  # type: ignore[no-untyped-call]
        except Exception as error:
            if trouble := _trouble(error):
                raise trouble from error
            raise

    async def check_writes(self) -> None:
        """Whether the server takes writes at all. Raises :class:`StoreUnavailable`.

        A full one, a replica and one that can not save still answer every reading.
        """
        await self.command("SET", self.key("probe"), "1", "PX", 1000)

    async def load(self) -> None:
        """Give the server every script; needed once per server start, harmless more often."""
        pipeline = self.redis.pipeline(transaction=False)
        for text in self._sources.values():
            pipeline.execute_command("SCRIPT LOAD", text)
        for answer in await self.execute(pipeline):
            if isinstance(answer, BaseException):
                raise _trouble(answer) or answer

    async def now_ms(self) -> int:
        """The store's clock in Unix milliseconds, shifted as the scripts see it."""
        seconds, micros = await self.command("TIME")
        return int(seconds) * 1000 + int(micros) // 1000 + round(self.clock_shift * 1000)
