"""The simulated portal with somebody at the door, who notes when it was asked, and by whom."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gateway.sandbox.portal import Portal, portal_app


@dataclass(frozen=True)
class Call:
    """One request: when it began, its path, and the contact in its User-Agent."""

    at: float
    path: str
    agent: str


@dataclass
class WatchedPortal:
    portal: Portal = field(default_factory=Portal)
    calls: list[Call] = field(default_factory=list)
    open_now: int = 0
    most_at_once: int = 0
    slow: dict[str, float] = field(default_factory=dict)
    """Seconds by which a path answers late."""

    def app(self) -> Any:
        inner = portal_app(self.portal)

        async def watched(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http" or scope["path"].startswith("/oauth"):
                await inner(scope, receive, send)
                return
            agent = dict(scope["headers"]).get(b"user-agent", b"").decode()
            self.calls.append(Call(time.monotonic(), scope["path"], agent))
            self.open_now += 1
            self.most_at_once = max(self.most_at_once, self.open_now)
            try:
                if wait := self.slow.get(scope["path"]):
                    await asyncio.sleep(wait)
                await inner(scope, receive, send)
            finally:
                self.open_now -= 1

        return watched

    def of(self, path: str) -> list[float]:
        return [call.at for call in self.calls if call.path == path]

    async def until(self, question: Callable[[], Any], seconds: float = 15.0) -> None:
        """Wait until the answer is yes."""
        async with asyncio.timeout(seconds):
            while not question():
                await asyncio.sleep(0.01)
