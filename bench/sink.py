"""A receiver that answers after a delay, in a process of its own; prints its port, then serves."""

from __future__ import annotations

import asyncio
import sys
import time

from aiohttp import web


class Sink:
    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.times: list[float] = []
        self.open = 0
        self.most = 0

    async def receive(self, request: web.Request) -> web.Response:
        self.open += 1
        self.most = max(self.most, self.open)
        await request.read()
        if self.delay:
            await asyncio.sleep(self.delay)
        self.times.append(time.time())
        self.open -= 1
        return web.Response(text="{}", content_type="application/json")

    async def state(self, request: web.Request) -> web.Response:
        times, self.times = self.times, []
        most, self.most = self.most, 0
        return web.json_response({"times": times, "most": most})


async def main() -> None:
    sink = Sink(float(sys.argv[1]))
    app = web.Application()
    app.router.add_post("/leads", sink.receive)
    app.router.add_get("/state", sink.state)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    server = site._server
    assert isinstance(server, asyncio.Server)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.sleep(900)


if __name__ == "__main__":
    asyncio.run(main())
