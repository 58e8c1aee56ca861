"""What processes use, as /proc shows it (proc(5)): processor time in seconds, memory in MiB."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from loreli_ray.terminal import descendants

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_RAY = "ray::"


def cpu(pid: int) -> float:
    """What its living threads have used, to the nanosecond, and the children it has waited for, to 10 ms."""
    used = sum(int(thread.read_text().split()[0]) for thread in (_PROC / str(pid) / "task").glob("*/schedstat"))
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return used / 1e9 + (int(fields[13]) + int(fields[14])) / _TICKS


def memory(pid: int) -> float:
    """Its proportional set size: a page that n processes share counts 1/n for each."""
    for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"process {pid} has no memory")


def actors(head: int) -> dict[str, list[int]]:
    """The processes of the actors under a Ray head, by class; a worker that waits for its first actor is none."""
    found: dict[str, list[int]] = {}
    for pid in descendants(head):
        try:
            title = (_PROC / str(pid) / "cmdline").read_bytes().partition(b"\0")[0].decode(errors="replace")
        except FileNotFoundError:
            continue
        if title.startswith(_RAY):
            found.setdefault(title.removeprefix(_RAY).split(".")[0].strip(), []).append(pid)
    return {kind: pids for kind, pids in found.items() if kind not in _OF_RAY}


_OF_RAY = frozenset({"IDLE", "DashboardAgent", "RuntimeEnvAgent"})


@dataclass(frozen=True)
class Use:
    """`cpu` in percent of one core, `memory` in MiB (PSS), of `processes` together."""

    processes: int
    cpu: float
    memory: float


class Meter:
    """Measures groups of processes from its making to `read`."""

    def __init__(self, groups: dict[str, list[int]], *, now: float) -> None:
        self._groups = groups
        self._begun = now
        self._used = {pid: cpu(pid) for pids in groups.values() for pid in pids}

    def read(self, *, now: float) -> dict[str, Use]:
        elapsed = now - self._begun
        return {
            group: Use(
                processes=len(pids),
                cpu=100 * sum(cpu(pid) - self._used[pid] for pid in pids) / elapsed,
                memory=sum(map(memory, pids)),
            )
            for group, pids in self._groups.items()
        }


def total(uses: Iterable[Use]) -> Use:
    """All of them together."""
    uses = list(uses)
    return Use(
        processes=sum(use.processes for use in uses),
        cpu=sum(use.cpu for use in uses),
        memory=sum(use.memory for use in uses),
    )
