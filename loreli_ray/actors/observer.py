"""What a node sees of its agents without asking them: one call of tmux and a little of /proc, for all of them.

The strongest evidence first: how a program ended (its reaper's status file); what shows that it gets on (events that it
or a hook of it writes down, commits); that something works for it (processor time of its tree, a tool call under way);
that its screen moves, and what stands on it once it has come to rest.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from loreli_ray.backends import EVENTS
from loreli_ray.clock import Clock
from loreli_ray.config import Config
from loreli_ray.errors import PaneGone
from loreli_ray.model import Exit, Observation, Sign
from loreli_ray.terminal import PaneInfo, TerminalServer, read_exit, usages

SAMPLE = 10.0  # seconds between two looks at the processes, which cost more than all the rest
STATUS = "exit.json"
_REFLOG = "workspace/.git/logs/HEAD"
_TAIL = 15
_TICK = 2.0  # tmux tells of activity in whole seconds: within one, more may follow unseen


class Observer:
    """The agents of one node, whose folders lie in `folder`. Blocking; one look at a time."""

    def __init__(self, server: TerminalServer, *, folder: Path, config: Config, clock: Clock) -> None:
        self._server = server
        self._folder = folder
        self._config = config
        self._clock = clock
        self._reads_screens = any(backend.failures for backend in config.backends.values())
        self._sampled = float("-inf")
        self._used: dict[int, float] = {}
        self._busy: dict[str, float] = {}
        self._memory: dict[str, int] = {}
        self._read: dict[str, int] = {}

    def look(
        self, *, owned: Collection[str] = (), calling: Collection[str] = ()
    ) -> tuple[list[PaneInfo], list[Observation]]:
        """The agents' panes, and what was seen of every agent that has one, or had one and is in `owned`.

        `calling` are those with a tool call under way. Raises `TerminalError` when tmux does not answer.
        """
        panes = [pane for pane in self._server.panes() if pane.agent]
        now = self._clock.now()
        self._sample(panes, now)
        self._busy.update(dict.fromkeys(calling, now))
        seen = [self._observation(pane, now=now, calls=pane.agent in calling) for pane in panes]
        missing = set(owned) - {pane.agent for pane in panes}
        seen += [Observation(name=name, exit=ended) for name in missing if (ended := self._ended(name)) is not None]
        return panes, seen

    def _observation(self, pane: PaneInfo, *, now: float, calls: bool) -> Observation:
        name = pane.agent
        gone = pane.dead or pane.start_time == 0
        progress = max(
            (self._changed(f"{self._folder}/{name}/{EVENTS}"), Sign.EVENT),
            (self._changed(f"{self._folder}/{name}/{_REFLOG}"), Sign.COMMIT),
        )
        return Observation(
            name=name,
            incarnation=pane.incarnation,
            motion_at=float(pane.activity),
            progress_at=min(progress[0], now) or None,
            progress_by=progress[1] if progress[0] else None,
            busy_at=self._busy.get(name),
            busy_by=None if name not in self._busy else Sign.TOOL_CALL if calls else Sign.PROCESS,
            memory=self._memory.get(name, 0),
            tail=None if gone else self._tail(pane, now),
            exit=self._exit(pane, now) if gone else None,
        )

    def _exit(self, pane: PaneInfo, now: float) -> Exit:
        """Without a status file its reaper was killed, too: nobody wrote down how it ended."""
        return self._ended(pane.agent) or Exit(code=pane.exit, signal=pane.signal, at=now)

    def _ended(self, name: str) -> Exit | None:
        ended = read_exit(self._folder / name / STATUS)
        return None if ended is None else Exit(code=ended.exit, signal=ended.signal, at=ended.ended)

    @staticmethod
    def _changed(path: str) -> float:
        """When a file was last written; 0 when it is not there. Text, because a `Path` costs ten times the question."""
        try:
            return os.stat(path).st_mtime  # noqa: PTH116
        except OSError:
            return 0.0

    def _sample(self, panes: list[PaneInfo], now: float) -> None:
        """Who has used the processor since the last sample."""
        at = self._clock.monotonic()
        if (elapsed := at - self._sampled) < min(SAMPLE, self._config.timeouts.stall / 4):
            return
        trees = usages([pane.pid for pane in panes])
        for pane in panes:
            used = trees[pane.pid].cpu - self._used.get(pane.pid, trees[pane.pid].cpu)
            if used / elapsed >= self._config.supervision.busy:
                self._busy[pane.agent] = now
            self._memory[pane.agent] = trees[pane.pid].rss
        self._sampled = at
        self._used = {pid: usage.cpu for pid, usage in trees.items()}
        names = {pane.agent for pane in panes}
        for known in (self._busy, self._memory, self._read):
            for name in set(known) - names:
                del known[name]

    def _tail(self, pane: PaneInfo, now: float) -> str | None:
        """The end of a screen that has come to rest, once; for programs whose words of failure are known."""
        rested = now - pane.activity > max(self._config.timeouts.rapid_death, _TICK)
        if not self._reads_screens or not rested or self._read.get(pane.agent) == pane.activity:
            return None
        self._read[pane.agent] = pane.activity
        try:
            return self._server.pane(pane).capture(_TAIL)
        except PaneGone:
            return None
