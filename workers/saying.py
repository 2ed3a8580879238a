"""What a worker says of its deliveries: a line each, but for those that fail alike by the thousand.

While a destination is down each try of each lead would be a line. The first is said in full; what
follows for the same reason is counted and said once a minute. Ids and reasons only, nothing of what
a lead says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from gateway.store import Finished
from workers.flights import Landing

EVERY = 60.0
"""Seconds between two words about the same trouble."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Trouble:
    """Deliveries that were put off for one reason at one destination."""

    said_at: float
    more: int = 0


class Saying:
    """One per worker. ``clock`` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._troubles: dict[tuple[str, str], _Trouble] = {}

    def landed(self, landing: Landing, finished: Finished) -> None:
        """Say how one attempt ended, unless that was said just now of others like it."""
        work, report = landing.work, landing.report
        state, destination_now = finished.state, finished.destination_now
        self._sum_up()
        fields = {
            "delivery": work.id,
            "source": work.lead.source,
            "lead": work.lead.id,
            "destination": work.destination,
            "attempt": report.number,
            "reason": report.reason.value,
            "ms": report.duration_ms,
        }
        if report.status is not None:
            fields["status"] = report.status
        if state in ("dead", "failed"):
            log.error("delivery " + state, **fields)
        elif state == "delivered":
            log.info("delivered", **fields)
        elif self._is_new(work.destination, report.reason.value):
            if report.wait is not None:
                fields["next_try_in"] = round(report.wait, 1)
            log.warning("delivery " + state, **fields)
        if state == "failed":
            log.error("the store could not write an attempt down", problem=destination_now)
        elif destination_now:
            log.warning("destination " + destination_now, destination=work.destination)

    def _is_new(self, destination: str, reason: str) -> bool:
        trouble = self._troubles.get((destination, reason))
        if trouble is None:
            self._troubles[destination, reason] = _Trouble(self._clock())
            return True
        trouble.more += 1
        return False

    def _sum_up(self) -> None:
        """Say how many there were of what is a minute old; forget what has not come again."""
        now = self._clock()
        for (destination, reason), trouble in list(self._troubles.items()):
            if now - trouble.said_at < EVERY:
                continue
            if trouble.more:
                log.warning(
                    "deliveries put off",
                    destination=destination,
                    reason=reason,
                    count=trouble.more,
                    seconds=round(now - trouble.said_at),
                )
                self._troubles[destination, reason] = _Trouble(now)
            else:
                del self._troubles[destination, reason]
