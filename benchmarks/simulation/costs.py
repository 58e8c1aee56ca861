"""What each part of a tick costs: wall time and CPU time, without the time of the parts within it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from time import perf_counter, process_time

REST = "rest"


class Meter:
    """The parts of a tick add up; `turn` ends it. Times are in seconds, as (wall, CPU)."""

    def __init__(self) -> None:
        self.ticks: list[dict[str, tuple[float, float]]] = []
        self._parts: dict[str, tuple[float, float]] = {}
        self._began = (perf_counter(), process_time())

    @contextmanager
    def __call__(self, part: str) -> Generator[None]:
        """Measures one part. Parts are not nested."""
        wall, cpu = perf_counter(), process_time()
        try:
            yield
        finally:
            before = self._parts.get(part, (0.0, 0.0))
            self._parts[part] = (before[0] + perf_counter() - wall, before[1] + process_time() - cpu)

    def begin(self) -> None:
        """A tick begins."""
        self._parts = {}
        self._began = (perf_counter(), process_time())

    def end(self) -> None:
        """It is over: what none of its parts took is the rest."""
        wall, cpu = perf_counter() - self._began[0], process_time() - self._began[1]
        rest = (wall - sum(part[0] for part in self._parts.values()), cpu - sum(p[1] for p in self._parts.values()))
        self.ticks.append({**self._parts, REST: rest})

    def parts(self) -> dict[str, list[tuple[float, float]]]:
        """Of each part, what it took in each tick."""
        found: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for tick in self.ticks:
            for part, took in tick.items():
                found[part].append(took)
        return found
