"""Sign-ins in the store: codes that were used, sessions that were ended, in every web process."""

from __future__ import annotations

from gateway.store.connection import Connection
from gateway.store.sealing import Marks


class SignIns:
    """Remembers, by keyed hash and no longer than the thing itself would have lived."""

    def __init__(self, connection: Connection, marks: Marks) -> None:
        self._c = connection
        self._marks = marks

    async def use(self, code: str, seconds: float) -> bool:
        """Use a code up; False if somebody already did. ``seconds`` it would have lived."""
        key = self._c.key("signin", self._marks.of("code", code))
        answer = await self._c.command("SET", key, "1", "NX", "PX", max(1, round(seconds * 1000)))
        return answer is not None

    async def end(self, session: str, seconds: float) -> None:
        """End a session before its time."""
        key = self._c.key("signin", self._marks.of("session", session))
        await self._c.command("SET", key, "1", "PX", max(1, round(seconds * 1000)))

    async def is_ended(self, session: str) -> bool:
        """Whether a session was ended before its time."""
        key = self._c.key("signin", self._marks.of("session", session))
        return bool(await self._c.command("EXISTS", key))
