"""What was written lately, by its key, and one call at a time for each key.

A listing of the host may not show yet what was just written, and two calls may want to write the same: asking the host
alone would write it twice.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

T = TypeVar("T")

_REMEMBERED = 2000


class Written(Generic[T]):
    """A memory of one kind of things."""

    def __init__(self) -> None:
        self._known: OrderedDict[object, T] = OrderedDict()
        self._locks: WeakValueDictionary[object, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def alone(self, *key: object) -> AsyncGenerator[T | None]:
        """What was written under the key; nobody else writes there meanwhile."""
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            yield self._known.get(key)

    def keep(self, *key: object, value: T) -> None:
        self._known[key] = value
        self._known.move_to_end(key)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
