"""Hearing of a pane's death at once: one pidfd per pane leader in the event loop.

A pidfd (pidfd_open(2)) becomes readable when its process ends; it costs nothing until then and can't be lost, unlike
the hooks of tmux 3.3a. Each watch fires once, and its file descriptor is closed before its callback runs.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from loreli_ray.terminal.processes import alive

Callback = Callable[[str], None]


class PaneWatch:
    """The pane leaders of one node. To be used from one event loop only."""

    def __init__(self) -> None:
        self._watched: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._watched)

    def add(self, agent: str, *, pid: int, start_time: int, callback: Callback) -> None:
        """Calls `callback(agent)` once when the process ends, soon if it has; takes the place of an earlier watch."""
        self.remove(agent)
        loop = asyncio.get_running_loop()
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            loop.call_soon(callback, agent)
            return
        if not alive(pid, start_time):  # asked after the open: from here on the descriptor can't mean another process
            os.close(descriptor)
            loop.call_soon(callback, agent)
            return
        self._watched[agent] = descriptor
        loop.add_reader(descriptor, self._ended, agent, callback)

    def remove(self, agent: str) -> None:
        """Forgets `agent`; does nothing if it is not watched."""
        descriptor = self._watched.pop(agent, None)
        if descriptor is not None:
            asyncio.get_running_loop().remove_reader(descriptor)
            os.close(descriptor)

    def close(self) -> None:
        """Forgets all."""
        for agent in list(self._watched):
            self.remove(agent)

    def _ended(self, agent: str, callback: Callback) -> None:
        self.remove(agent)
        callback(agent)
