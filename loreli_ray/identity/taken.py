"""Names that are taken: branches of open pull requests begin with the name of the agent that works on them.

Names must be known before the first is handed out, so they are fetched once; later ticks bring the branches anyway.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable

_BRANCH = re.compile(r"(?P<agent>[a-z][a-z0-9]*(?:-[a-z0-9]+)*)/[1-9][0-9]*-[^/]+")


def names_of_branches(heads: Iterable[str]) -> frozenset[str]:
    """The agents that `heads` (names of branches) belong to: only those of the form `<agent>/<issue>-<slug>` do."""
    return frozenset(found["agent"] for found in map(_BRANCH.fullmatch, heads) if found)


class TakenNames:
    """The names that are taken elsewhere. `fetch` gets the heads of the open pull requests."""

    def __init__(self, fetch: Callable[[], Awaitable[Iterable[str]]]) -> None:
        self._fetch = fetch
        self._names: frozenset[str] | None = None

    @property
    def names(self) -> frozenset[str]:
        """What is known so far."""
        return self._names or frozenset()

    async def seed(self) -> frozenset[str]:
        """The names; fetches them when nothing is known yet. When `fetch` raises, the next call tries again."""
        if self._names is None:
            heads = await self._fetch()
            if self._names is None:  # else an update came meanwhile, and is newer
                self.update(heads)
        return self.names

    def update(self, heads: Iterable[str]) -> None:
        """Replaces the names by those of `heads`, the open pull requests' at a later tick."""
        self._names = names_of_branches(heads)
