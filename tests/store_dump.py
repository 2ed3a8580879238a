"""All that the server holds of one store, as bytes to look for a word in."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from gateway.store import Store
from gateway.store.deflating import inflate


async def everything(store: Store) -> bytes:
    """Every value that the server holds for this store, one after the other."""
    redis: Any = store.connection.redis
    pieces = []
    async for key in redis.scan_iter(match=f"{store.namespace}:*", count=1000):
        pieces += [key, await redis.dump(key)]
        kind = await redis.type(key)
        reads: dict[bytes, Callable[[], Awaitable[Any]]] = {
            b"string": lambda key=key: redis.get(key),
            b"hash": lambda key=key: redis.hgetall(key),
            b"list": lambda key=key: redis.lrange(key, 0, -1),
            b"set": lambda key=key: redis.smembers(key),
            b"zset": lambda key=key: redis.zrange(key, 0, -1),
            b"stream": lambda key=key: redis.xrange(key),
        }
        # A dump may be compressed: what a reader sees is looked at too.
        pieces += [*_leaves(await reads[kind]())]
    return b"\n".join(pieces)


def _leaves(value: Any) -> Iterator[bytes]:
    """Every text in it, inflated where it is kept deflated."""
    if isinstance(value, bytes):
        yield value
        with contextlib.suppress(ValueError):
            yield inflate(value)
    elif isinstance(value, dict):
        yield from (leaf for pair in value.items() for part in pair for leaf in _leaves(part))
    elif isinstance(value, (list, tuple, set)):
        yield from (leaf for part in value for leaf in _leaves(part))
