"""A circuit breaker for each backend on each node (SPEC B13): closed, open with back-off, half-open."""

from __future__ import annotations

from enum import StrEnum

from loreli_ray.model import Value

THRESHOLD = 3
FIRST_PAUSE = 30.0
LONGEST_PAUSE = 1800.0


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker(Value):
    """`failures` since the last success; `opened_at` is when it last opened, `openings` how often in a row."""

    failures: int = 0
    openings: int = 0
    opened_at: float | None = None

    def state(self, now: float) -> BreakerState:
        if self.opened_at is None:
            return BreakerState.CLOSED
        return BreakerState.HALF_OPEN if now >= self.opened_at + self.pause else BreakerState.OPEN

    @property
    def pause(self) -> float:
        """Seconds for which it stays open: doubled with each opening in a row."""
        return min(FIRST_PAUSE * 2 ** min(max(self.openings - 1, 0), 16), LONGEST_PAUSE)

    def failed(self, now: float) -> Breaker:
        """After an unexpected death: opens at the third in a row, and at once when it was half-open.

        While it is open, those who were started before die without making the pause longer.
        """
        failures, state = self.failures + 1, self.state(now)
        if state is BreakerState.OPEN or (state is BreakerState.CLOSED and failures < THRESHOLD):
            return self.model_copy(update={"failures": failures})
        return Breaker(failures=failures, openings=self.openings + 1, opened_at=now)

    def succeeded(self) -> Breaker:
        return Breaker()
