"""The one write queue of an account: one write at a time, apart from each other, what matters first.

GitHub asks for a second between two writes, and holds back who creates more than 80 things in a minute or 500 an hour
(https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#pause-between-mutative-requests).
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from enum import IntEnum
from itertools import count

from loreli_ray.clock import Clock
from loreli_ray.errors import RateLimited

WINDOWS = ((80, 60.0), (500, 3600.0))


class Priority(IntEnum):
    """What is written first. Only `FINISH` may draw on the reserve that is left for people."""

    FINISH = 0  # ends what was begun: merge, close, tidy up
    WORK = 1  # what others wait for
    SHOW = 2  # projections for people


class WriteQueue:
    """`interval` is the least time between two writes, `patience` the longest that the windows may hold one (seconds).

    `len()` is how many writes wait or are under way.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        interval: float,
        patience: float,
        windows: tuple[tuple[int, float], ...] = WINDOWS,
    ) -> None:
        self._clock = clock
        self._interval = interval
        self._patience = patience
        self._windows = windows
        self._created: deque[float] = deque(maxlen=max(most for most, _ in windows))
        self._last = float("-inf")
        self._waiting: list[tuple[Priority, int]] = []
        self._busy = False
        self._numbers = count()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting) + self._busy

    @asynccontextmanager
    async def turn(self, priority: Priority, *, creates: bool) -> AsyncGenerator[None]:
        """The body runs when it is this write's turn. Raises `RateLimited` when the windows hold it for too long."""
        await self._wait(priority, creates=creates)
        try:
            yield
        finally:
            self._last = self._clock.monotonic()
            if creates:
                self._created.append(self._last)
            self._busy = False
            self._tell()

    async def _wait(self, priority: Priority, *, creates: bool) -> None:
        ticket = (priority, next(self._numbers))
        heapq.heappush(self._waiting, ticket)
        try:
            while True:
                if self._busy or self._waiting[0] != ticket:
                    await self._changed.wait()
                    continue
                held = self._held(creates=creates)
                if held > self._patience:
                    raise RateLimited("too much was written lately", subject="the write queue", retry_after=held)
                wait = max(held, self._last + self._interval - self._clock.monotonic())
                if wait <= 0:
                    self._busy = True
                    return
                await self._clock.sleep(wait)  # meanwhile something more urgent may come
        finally:
            self._waiting.remove(ticket)
            heapq.heapify(self._waiting)
            self._tell()

    def _held(self, *, creates: bool) -> float:
        """How long GitHub's windows ask a write to wait."""
        if not creates:
            return 0.0
        now = self._clock.monotonic()
        full = [self._created[-most] + span - now for most, span in self._windows if len(self._created) >= most]
        return max(0.0, *full) if full else 0.0

    def _tell(self) -> None:
        """Has all that wait look again."""
        self._changed.set()
        self._changed = asyncio.Event()
