"""The secondary rate limits: not too much at once, not too much a minute. Off unless asked for, as on GHES.

https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits
Counted by each server process for itself, over the last minute and hour rather than by the clock's.
"""

from __future__ import annotations

import math
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from loreli_ray.clock import Clock
from loreli_ray.forge.refusal import Refusal

MINUTE, HOUR = 60.0, 3600.0
READ_POINTS, WRITE_POINTS = 1, 5
_MESSAGE = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondaryLimits:
    """Of each account: requests at once, points a minute (a read is one, a write five), and changes that make content,
    a minute and an hour. The defaults are GitHub's."""

    concurrent: int = 100
    points: int = 900
    contents: int = 80
    contents_an_hour: int = 500


class Throttle:
    """Without limits it lets everything pass."""

    def __init__(self, limits: SecondaryLimits | None, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._under_way = Counter[str]()
        self._points: defaultdict[int, deque[tuple[float, int]]] = defaultdict(deque)
        self._contents: defaultdict[int, deque[float]] = defaultdict(deque)

    @contextmanager
    def under_way(self, account: str) -> Generator[None]:
        """Around a request of `account`, by whatever tells accounts apart. Raises `Refusal` (403) for one too many."""
        with self._lock:
            if self._limits and self._under_way[account] >= self._limits.concurrent:
                raise _refusal(MINUTE)
            self._under_way[account] += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way[account] -= 1
                if not self._under_way[account]:
                    del self._under_way[account]

    def spend(self, user_id: int, *, writes: bool) -> None:
        """Counts a request, unless it is refused. Raises `Refusal` (403), which says when to come back."""
        if not self._limits:
            return
        now, points = self._clock.now(), WRITE_POINTS if writes else READ_POINTS
        with self._lock:
            spent, made = self._points[user_id], self._contents[user_id]
            while spent and spent[0][0] <= now - MINUTE:
                spent.popleft()
            while made and made[0] <= now - HOUR:
                made.popleft()
            if sum(cost for _, cost in spent) + points > self._limits.points:
                raise _refusal(spent[0][0] + MINUTE - now if spent else MINUTE)
            if writes:
                recent = [when for when in made if when > now - MINUTE]
                if len(recent) >= self._limits.contents:
                    raise _refusal(recent[0] + MINUTE - now if recent else MINUTE)
                if len(made) >= self._limits.contents_an_hour:
                    raise _refusal(made[0] + HOUR - now if made else HOUR)
                made.append(now)
            spent.append((now, points))


def _refusal(seconds: float) -> Refusal:
    return Refusal(403, _MESSAGE, retry_after=max(1, math.ceil(seconds)))
