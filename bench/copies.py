"""Fills a store by copying what one real lead left behind there, many times, inside the server.

A million leads would take the gateway a quarter of an hour; this takes a minute or two. No key is
named here: whatever the lead and its delivery left (keys of their own, places in sets and sorted
sets, the mark that they were seen) is found by their ids and written again under others. What is
bounded or counts for all (events, counters) is left alone.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from gateway.delivery import Lane
from gateway.queue import Hint
from gateway.store import Store
from gateway.wiring import Gateway

AT_ONCE = 500
"""Copies that one call makes: some milliseconds of the server's time."""
CALLS = 20
"""Calls in one round trip."""

_HEAD, _TAIL = b"\x01head", b"\x01tail"
"""Stand for an id that was cut in two: the first part in a key's name, the rest in a field's."""

_LUA = """
local first, count, uid, id = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]
local head, tail, cut = ARGV[5], ARGV[6], tonumber(ARGV[7])
local commands, at = {}, 8
while at <= #ARGV do
  local command = {}
  for k = 1, tonumber(ARGV[at]) do
    local text, marks = ARGV[at + k], {}
    for _, mark in ipairs({uid, id, head, tail}) do
      if string.find(text, mark, 1, true) then marks[#marks + 1] = mark end
    end
    command[k] = {text, marks}
  end
  commands[#commands + 1] = command
  at = at + #command + 1
end
for number = first, first + count - 1 do
  local lead = string.sub(redis.sha1hex('lead ' .. number), 1, #uid)
  local delivery = string.sub(id, 1, 4)
    .. string.sub(redis.sha1hex('delivery ' .. number), 1, #id - 4)
  local new = {[uid] = lead, [id] = delivery, [head] = string.sub(lead, 1, cut),
    [tail] = string.sub(lead, cut + 1)}
  for _, command in ipairs(commands) do
    local cells = {}
    for k, cell in ipairs(command) do
      local text = cell[1]
      for _, mark in ipairs(cell[2]) do text = string.gsub(text, mark, new[mark]) end
      cells[k] = text
    end
    redis.call(unpack(cells))
  end
end
"""


@dataclass(slots=True)
class Copies:
    """Copies of one delivery with its lead. Numbered: each is made once."""

    store: Store
    uid: str
    delivery: str
    destination: str
    commands: list[list[bytes]] = field(default_factory=list)
    cut: int = 0
    made: int = 0

    @classmethod
    async def of(cls, gateway: Gateway, delivery_id: str) -> Copies:
        """Learn what a delivery and its lead left in the store, which should hold little else."""
        store = gateway.store
        found = await store.deliveries.get(delivery_id)
        assert found is not None
        copies = cls(store, found.lead_uid, delivery_id, found.destination)
        async for key in store.connection.redis.scan_iter(match=store.connection.key("*")):
            copies.commands += await copies._learn(key)
        return copies

    async def _learn(self, key: bytes) -> list[list[bytes]]:
        """The commands that leave in one key what the lead and its delivery left there."""
        ask = self.store.connection.command
        names = {self.uid.encode(), self.delivery.encode()}
        own = any(name in key for name in names)
        match (await ask("TYPE", key)).decode():
            case "hash":
                cells = await ask("HGETALL", key)
                flat = (
                    cells
                    if isinstance(cells, list)
                    else [x for item in cells.items() for x in item]
                )
                if own:
                    return [[b"HSET", key, *flat]]
                return self._cut(key, dict(zip(flat[::2], flat[1::2], strict=True)), names)
            case "list" if own:
                return [[b"RPUSH", key, *await ask("LRANGE", key, 0, -1)]]
            case "set":
                members = await ask("SMEMBERS", key)
                return [[b"SADD", key, item] for item in members if own or item in names]
            case "zset":
                flat = await ask("ZRANGE", key, 0, -1, "WITHSCORES")
                return [
                    [b"ZADD", key, score, item]
                    for item, score in zip(flat[::2], flat[1::2], strict=True)
                    if own or item in names
                ]
            case "string" if own:
                return [[b"SET", key, await ask("GET", key)]]
            case _:
                return []

    def _cut(self, key: bytes, cells: dict[bytes, bytes], names: set[bytes]) -> list[list[bytes]]:
        """Fields of a hash for many: named by an id, or by the rest of one the key begins."""
        uid = self.uid.encode()
        learned = [[b"HSET", key, name, value] for name, value in cells.items() if name in names]
        for cut in range(1, 9):
            if key.endswith(b":" + uid[:cut]) and uid[cut:] in cells:
                self.cut = cut
                learned.append([b"HSET", key[:-cut] + _HEAD, _TAIL, cells[uid[cut:]]])
        return learned

    async def make(self, count: int) -> list[str]:
        """Make so many more copies; the ids of their deliveries."""
        first, last = self.made, self.made + count
        self.made = last
        starts = list(range(first, last, AT_ONCE))
        fixed: list[Any] = [self.uid, self.delivery, _HEAD, _TAIL, self.cut]
        flat: list[Any] = [cell for command in self.commands for cell in (len(command), *command)]
        for batch in range(0, len(starts), CALLS):
            pipeline = self.store.connection.redis.pipeline(transaction=False)
            for start in starts[batch : batch + CALLS]:
                size = min(AT_ONCE, last - start)
                pipeline.eval(_LUA, 0, start, size, *fixed, *flat)
            await pipeline.execute()
        return [self._name(number) for number in range(first, last)]

    def _name(self, number: int) -> str:
        digest = hashlib.sha1(f"delivery {number}".encode(), usedforsecurity=False).hexdigest()
        return self.delivery[:4] + digest[: len(self.delivery) - 4]

    def hints(self, ids: list[str], lane: Lane) -> list[Hint]:
        """Hints at copies, as accepting them would have given."""
        return [Hint(item, self.destination, lane) for item in ids]


@asynccontextmanager
async def unlogged(store: Store) -> AsyncIterator[None]:
    """Without the append-only file for the length of a block; it is whole again afterwards."""
    redis = store.connection.redis
    await redis.config_set("appendonly", "no")
    try:
        yield
    finally:
        await redis.config_set("appendonly", "yes")
        async with asyncio.timeout(120):
            while (await redis.info("persistence"))["aof_rewrite_in_progress"]:
                await asyncio.sleep(0.1)
