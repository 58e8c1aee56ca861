"""One look at many panes: the product's `Observer`, and the seed's way, in turn on the same tmux server.

Processor time is the client's (this process and the children it waited for) and the tmux server's; what the server
uses anyway, because the programs print, is measured apart and taken off.
"""

from __future__ import annotations

import hashlib
import resource
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.supervision.ground import launch, settings, terminal
from benchmarks.supervision.processes import cpu
from loreli_ray.actors.observer import SAMPLE, Observer
from loreli_ray.clock import SystemClock
from loreli_ray.terminal import TerminalServer, base_environment

_NODE = "bench"
_GROUPS = 7
_SEED_SWEEPS = 3
_QUIET = 3.0


@dataclass(frozen=True)
class Cost:
    """Of one look: processor time and time on the wall, in ms."""

    cpu_ms: float
    wall_ms: float


class _Paced(SystemClock):
    """Each look is `pace` seconds after the last one, so that what is done in some looks only weighs as it should."""

    def __init__(self, pace: float) -> None:
        self._pace = pace
        self._at = 0.0

    def monotonic(self) -> float:
        return self._at

    def tick(self) -> None:
        self._at += self._pace


class Field:
    """Panes that print, on a tmux server of their own."""

    def __init__(self, server: TerminalServer, observer: Observer, clock: _Paced, *, every: int) -> None:
        self._server = server
        self._observer = observer
        self._clock = clock
        self._every = every  # looks from one sample of the processes to the next
        self.agents: list[str] = []
        self.panes: list[str] = []

    def measure(self) -> tuple[Cost, Cost]:
        """One look of the product's, amortised over what it does in some looks only, and one of the seed's."""
        pid = self._server.pid()
        assert pid is not None
        begun, used = time.monotonic(), cpu(pid)
        time.sleep(_QUIET)
        rate = (cpu(pid) - used) / (time.monotonic() - begun)
        ours = [self._cost(self._looks, pid=pid, rate=rate, of=self._every) for _ in range(_GROUPS)]
        seed = [self._cost(self._as_the_seed, pid=pid, rate=rate) for _ in range(_SEED_SWEEPS)]
        return _typical(ours), _typical(seed)

    def _looks(self) -> None:
        for _ in range(self._every):
            self._clock.tick()
            panes, seen = self._observer.look(owned=self.agents)
            assert len(panes) == len(seen) == len(self.agents)

    def _as_the_seed(self) -> None:
        """For each pane: is it alive, what does it show, is that new."""
        for pane in self.panes:
            self._tmux("display-message", "-p", "-t", pane, "#{pane_dead}")
            hashlib.md5(self._tmux("capture-pane", "-p", "-S", "-50", "-t", pane)).hexdigest()

    def _tmux(self, *arguments: str) -> bytes:
        argv = ["tmux", "-S", str(self._server.socket), *arguments]
        return subprocess.run(argv, capture_output=True, check=True, env=base_environment()).stdout

    @staticmethod
    def _cost(work: Callable[[], None], *, pid: int, rate: float, of: int = 1) -> Cost:
        """What `of` looks cost, each."""
        begun, server, client = time.monotonic(), cpu(pid), _own()
        work()
        wall = time.monotonic() - begun
        used = _own() - client + cpu(pid) - server - rate * wall
        return Cost(cpu_ms=1000 * used / of, wall_ms=1000 * wall / of)


@contextmanager
def field() -> Generator[Callable[[int], Field]]:
    """Grows a field to so many panes."""
    with settings() as where, terminal(where, _NODE) as server:
        sweep = where.config.supervision.sweep
        clock = _Paced(sweep)
        folder: Path = where.node_folder(_NODE) / "agents"
        observer = Observer(server, folder=folder, config=where.config, clock=clock)
        made = Field(server, observer, clock, every=round(SAMPLE / sweep))

        def grow(panes: int) -> Field:
            while len(made.agents) < panes:
                agent = f"agent-{len(made.agents) + 1}"
                made.panes.append(launch(server, where, _NODE, agent).pane_id)
                made.agents.append(agent)
            time.sleep(1.0)  # the programs start
            return made

        yield grow


def _own() -> float:
    uses = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in uses)


def _typical(costs: list[Cost]) -> Cost:
    return Cost(cpu_ms=median(cost.cpu_ms for cost in costs), wall_ms=median(cost.wall_ms for cost in costs))
