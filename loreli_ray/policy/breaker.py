"""A circuit breaker for each backend on each node (SPEC B13): closed, open with back-off, half-open.

Half-open lets one agent through at a time, the trial: its death opens the breaker again for twice as long, its first
useful act closes it. A person may close it by hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from loreli_ray.config import TimeoutsConfig
from loreli_ray.model import Record, Value

THRESHOLD = 3
FIRST_PAUSE = 30.0
LONGEST_PAUSE = 1800.0


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker(Value):
    """`failures` since the last success, the last of them at `failed_at`.

    `opened_at` is when it last opened, `openings` how often in a row. Times are seconds since the epoch.
    """

    failures: int = 0
    failed_at: float | None = None
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
            return self.model_copy(update={"failures": failures, "failed_at": now})
        return Breaker(failures=failures, failed_at=now, openings=self.openings + 1, opened_at=now)

    def closed_by(self, record: Record, *, now: float, timeouts: TimeoutsConfig) -> bool:
        """Whether this agent shows that its backend works again: begun after the last failure, it outlived the time of
        a rapid death, and its model has called a tool."""
        facts = record.facts
        if self.failed_at is None or facts.registered_at < self.failed_at or facts.started_at is None:
            return False
        return facts.tool_at is not None and now - facts.started_at > timeouts.rapid_death

    def lets_through(self, now: float, *, registered: Iterable[float]) -> bool:
        """Whether another agent may be started. `registered` are the times at which those of its agents began that
        still live: in the half-open state one of them may be the trial."""
        match self.state(now):
            case BreakerState.CLOSED:
                return True
            case BreakerState.OPEN:
                return False
            case BreakerState.HALF_OPEN:
                assert self.opened_at is not None
                return not any(at >= self.opened_at + self.pause for at in registered)
