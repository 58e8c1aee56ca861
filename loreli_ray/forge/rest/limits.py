"""The primary rate limit: so many requests an hour for each token, and as many points for GraphQL.

https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
Counted by each server process for itself; what was answered with 304 is given back.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from loreli_ray.clock import Clock

WINDOW = 3600.0
CORE = "core"


@dataclass(slots=True)
class Window:
    """One token's hour of one resource. `reset` is in seconds since the epoch."""

    limit: int
    reset: int
    used: int = 0
    resource: str = CORE

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)

    def headers(self) -> dict[str, str]:
        return {f"x-ratelimit-{name}": str(value) for name, value in self.shape().items()} | {
            "x-ratelimit-resource": self.resource
        }

    def shape(self) -> dict[str, int]:
        return {"limit": self.limit, "remaining": self.remaining, "reset": self.reset, "used": self.used}


class RateLimits:
    """`limit` requests in each `span`, in seconds."""

    def __init__(self, limit: int, clock: Clock, *, span: float = WINDOW) -> None:
        self._limit = limit
        self._clock = clock
        self._span = span
        self._windows: dict[tuple[int, str], Window] = {}
        self._lock = threading.Lock()

    def window(self, user_id: int, resource: str = CORE) -> Window:
        """A copy of the user's current window."""
        with self._lock:
            return replace(self._current(user_id, resource))

    def take(self, user_id: int, resource: str = CORE, cost: int = 1) -> bool:
        """Counts a request; False if there was not enough left."""
        with self._lock:
            window = self._current(user_id, resource)
            if window.remaining < cost:
                return False
            window.used += cost
            return True

    def give_back(self, user_id: int) -> None:
        with self._lock:
            window = self._current(user_id, CORE)
            window.used = max(0, window.used - 1)

    def _current(self, user_id: int, resource: str) -> Window:
        now = self._clock.now()
        window = self._windows.get((user_id, resource))
        if window is None or now >= window.reset:
            window = Window(self._limit, int(now + self._span), resource=resource)
            self._windows[user_id, resource] = window
        return window
