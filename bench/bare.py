"""A bare aiohttp loop, the fastest that could be hoped for: posts one body again and again.

``python -m bench.bare URL COUNT IN_FLIGHT BYTES`` in a process of its own, on uvloop as the worker
is; prints the CPU seconds it used. The sink's times say how fast it was.
"""

from __future__ import annotations

import asyncio
import sys
import time

import aiohttp
import uvloop


async def main(url: str, count: int, in_flight: int, size: int) -> None:
    left = count
    body = b"x" * size
    connector = aiohttp.TCPConnector(limit=in_flight)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def one_after_the_other() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                async with session.post(url, data=body) as answer:
                    await answer.read()

        before = time.process_time()
        await asyncio.gather(*(one_after_the_other() for _ in range(in_flight)))
        print(time.process_time() - before, flush=True)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], *(int(value) for value in sys.argv[2:5])))
