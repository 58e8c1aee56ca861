"""The primary rate limit: so many requests an hour for each token.

https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
Counted by each server process for itself; what was answered with 304 is given back.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from loreli_ray.clock import Clock

WINDOW = 3600.0


@dataclass(slots=True)
class Window:
    """One token's hour. `reset` is in seconds since the epoch."""

    limit: int
    reset: int
    used: int = 0

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)

    def headers(self) -> dict[str, str]:
        return {f"x-ratelimit-{name}": str(value) for name, value in self.shape().items()} | {
            "x-ratelimit-resource": "core"
        }

    def shape(self) -> dict[str, int]:
        return {"limit": self.limit, "remaining": self.remaining, "reset": self.reset, "used": self.used}


class RateLimits:
    def __init__(self, limit: int, clock: Clock) -> None:
        self._limit = limit
        self._clock = clock
        self._windows: dict[int, Window] = {}
        self._lock = threading.Lock()

    def window(self, user_id: int) -> Window:
        """A copy of the user's current window."""
        with self._lock:
            window = self._current(user_id)
            return Window(window.limit, window.reset, window.used)

    def take(self, user_id: int) -> bool:
        """Counts a request; False if there was none left."""
        with self._lock:
            window = self._current(user_id)
            if not window.remaining:
                return False
            window.used += 1
            return True

    def give_back(self, user_id: int) -> None:
        with self._lock:
            window = self._current(user_id)
            window.used = max(0, window.used - 1)

    def _current(self, user_id: int) -> Window:
        now = self._clock.now()
        window = self._windows.get(user_id)
        if window is None or now >= window.reset:
            window = self._windows[user_id] = Window(self._limit, int(now + WINDOW))
        return window
