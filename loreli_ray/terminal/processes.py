"""Processes as /proc shows them: trees, what they use, marks in their environment, and their end.

A process id alone never names a process for long: it is always kept together with its start time (proc(5), field 22 of
stat, in clock ticks since boot). A zombie counts as dead: it does nothing any more, and its parent may never take it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from loreli_ray.errors import TerminalError
from loreli_ray.terminal.reaper import descendants

__all__ = ["Usage", "alive", "descendants", "kill_tree", "marked", "start_time", "usages"]

_PROC = Path("/proc")
_DEAD = frozenset({"Z", "X"})
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_STATE, _PARENT, _START, _RSS = 0, 1, 19, 21
_TIMES = slice(11, 15)  # utime, stime, and those of children that it has waited for


@dataclass(frozen=True, slots=True)
class Usage:
    """What a tree of processes uses: `cpu` in seconds, `rss` in bytes (a page that two of them share counts twice)."""

    processes: int
    cpu: float
    rss: int


def start_time(pid: int) -> int | None:
    """When `pid` began, in clock ticks since boot; None when it does not live."""
    fields = _stat(pid)
    return int(fields[_START]) if fields and fields[_STATE] not in _DEAD else None


def alive(pid: int, started: int) -> bool:
    """Whether the very process that began at `started` still runs."""
    return start_time(pid) == started


def usages(roots: Collection[int]) -> dict[int, Usage]:
    """What each of `roots` uses together with its descendants; all zero where there is no such process.

    /proc is read once for all of them. What ended children have used counts with the parent that waited for them.
    """
    names = os.listdir(_PROC)  # noqa: PTH208
    found = {int(name): fields for name in names if name.isdigit() and (fields := _stat(int(name)))}
    children: dict[int, list[int]] = {}
    for pid, fields in found.items():
        children.setdefault(int(fields[_PARENT]), []).append(pid)
    return {root: _sum([found[pid] for pid in _tree(root, children) if pid in found]) for root in roots}


def marked(variable: str, value: str | None = None) -> dict[int, str]:
    """The processes started with `variable` in their environment (and with that `value`, if given), with its value."""
    start = variable.encode() + b"="
    found: dict[int, str] = {}
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        for item in variables:
            if item.startswith(start):
                found[int(entry.name)] = os.fsdecode(item.removeprefix(start))
                break
    return found if value is None else {pid: text for pid, text in found.items() if text == value}


def kill_tree(*pids: int, timeout: float = 5.0, sleep: Callable[[float], None] = time.sleep) -> int:
    """Ends `pids` and everything beneath them with SIGKILL; returns how many processes that were.

    The tree is stopped before it is killed, so that nothing in it can get away by starting something new.
    Raises `TerminalError` when some of it still lives after `timeout` seconds.
    """
    members: dict[int, int] = {}
    while found := _unseen(pids, members):
        for pid in found:
            _signal(pid, signal.SIGSTOP)
        members |= found
    for pid, started in members.items():
        if start_time(pid) == started:
            _signal(pid, signal.SIGKILL)
    deadline = time.monotonic() + timeout
    while left := [pid for pid, started in members.items() if alive(pid, started)]:
        if time.monotonic() > deadline:
            raise TerminalError(f"can't be ended: {', '.join(map(str, left))}", subject="process")
        sleep(0.005)
    return len(members)


def _unseen(roots: tuple[int, ...], seen: dict[int, int]) -> dict[int, int]:
    """The living members of the trees under `roots` and `seen` that `seen` does not hold, with their start times."""
    candidates = {member for root in {*roots, *seen} for member in (root, *descendants(root))}
    times = {pid: start_time(pid) for pid in candidates if pid not in seen}
    return {pid: started for pid, started in times.items() if started is not None and alive(pid, started)}


def _tree(root: int, children: Mapping[int, list[int]]) -> list[int]:
    found = [root]
    for pid in found:  # grows as it is read
        found += children.get(pid, ())
    return found


def _sum(members: list[list[str]]) -> Usage:
    return Usage(
        processes=len(members),
        cpu=sum(sum(map(int, fields[_TIMES])) for fields in members) / _TICKS,
        rss=sum(int(fields[_RSS]) for fields in members) * _PAGE,
    )


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return  # what is not allowed shows as a process that still lives


def _stat(pid: int) -> list[str]:
    """The fields after the program's name, from the state on; none when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 (a Path for each process costs more than the rest)
            return file.read().rpartition(b")")[2].decode().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
