"""The write queue: apart from each other, one at a time, what matters first, and within GitHub's windows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loreli_ray.clock import ManualClock
from loreli_ray.errors import RateLimited
from loreli_ray.hub.queue import Priority, WriteQueue


class PatientClock(ManualClock):
    """Who sleeps, sleeps until somebody else moves the time."""

    def __init__(self) -> None:
        super().__init__()
        self._moved = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        until = self.monotonic() + seconds
        while self.monotonic() < until:
            await self._moved.wait()

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        self._moved.set()
        self._moved = asyncio.Event()


class Line:
    """A queue, and what went through it: when, and what."""

    def __init__(
        self, *, interval: float = 1.0, patience: float = 1e9, clock: Callable[[], ManualClock] = ManualClock
    ) -> None:
        self.clock = clock()
        self.start = self.clock.monotonic()
        self.queue = WriteQueue(clock=self.clock, interval=interval, patience=patience)
        self.done: list[tuple[float, str]] = []
        self.inside = 0

    async def write(
        self, name: str, priority: Priority = Priority.WORK, *, creates: bool = False, takes: float = 0.0
    ) -> None:
        async with self.queue.turn(priority, creates=creates):
            self.inside += 1
            assert self.inside == 1
            self.done.append((self.clock.monotonic() - self.start, name))
            await asyncio.sleep(0)
            self.clock.advance(takes)
            self.inside -= 1

    @property
    def names(self) -> str:
        return "".join(name for _, name in self.done)


async def test_one_at_a_time_with_a_pause_after_each() -> None:
    line = Line(interval=5.0)
    await asyncio.gather(*(line.write(name, takes=2.0) for name in "abc"))
    assert line.done == [(0.0, "a"), (7.0, "b"), (14.0, "c")]
    line.clock.advance(3.0)
    await line.write("d")
    assert line.done[-1] == (21.0, "d")


async def test_what_matters_goes_first() -> None:
    line = Line()
    order = [(Priority.SHOW, "z"), (Priority.SHOW, "y"), (Priority.WORK, "b"), (Priority.FINISH, "a")]
    async with asyncio.TaskGroup() as group:
        for priority, name in order:
            group.create_task(line.write(name, priority))
    assert line.names == "abzy" or line.names == "zaby", "what was first may have gone before the others came"
    assert len(line.queue) == 0


async def test_what_matters_overtakes_one_that_waits_for_its_time() -> None:
    line = Line(interval=10.0, clock=PatientClock)
    await line.write("0")
    waiting: set[asyncio.Task[None]] = set()
    for name, priority in (("s", Priority.SHOW), ("f", Priority.FINISH)):
        waiting.add(asyncio.create_task(line.write(name, priority)))
        await asyncio.sleep(0)  # it has begun to wait
    while waiting:
        line.clock.advance(10.0)
        _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert line.done == [(0.0, "0"), (10.0, "f"), (20.0, "s")]


async def test_one_that_fails_or_is_cancelled_is_no_obstacle() -> None:
    line = Line()

    async def fails() -> None:
        async with line.queue.turn(Priority.WORK, creates=False):
            raise ZeroDivisionError

    blocked = asyncio.Event()

    async def holds() -> None:
        async with line.queue.turn(Priority.WORK, creates=False):
            await blocked.wait()

    holder = asyncio.create_task(holds())
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(line.write(name)) for name in "abc"]
    await asyncio.sleep(0)
    assert len(line.queue) == 4
    waiting[0].cancel()
    blocked.set()
    await asyncio.gather(holder, *waiting, return_exceptions=True)
    with pytest.raises(ZeroDivisionError):
        await fails()
    await line.write("d")
    assert line.names == "bcd"
    assert len(line.queue) == 0


async def test_what_is_created_keeps_to_the_windows() -> None:
    line = Line(interval=0.0)
    for n in range(600):
        await line.write(str(n), creates=True)
    times = [at for at, _ in line.done]
    for most, span in ((80, 60.0), (500, 3600.0)):
        assert min(after - before for before, after in zip(times, times[most:], strict=False)) >= span
    assert times[79] == 0.0
    assert times[80] == 60.0
    await line.write("x")
    assert line.done[-1][0] == times[-1], "what creates nothing does not wait"


async def test_a_window_that_is_full_for_long() -> None:
    line = Line(interval=0.0, patience=30.0)
    for n in range(80):
        await line.write(str(n), creates=True)
    with pytest.raises(RateLimited) as caught:
        await line.write("late", creates=True)
    assert caught.value.retry_after == pytest.approx(60.0)
    line.clock.advance(31.0)
    await line.write("later", creates=True)
    assert len(line.done) == 81


@given(st.lists(st.sampled_from(Priority), max_size=12))
def test_all_are_written(wanted: list[Priority]) -> None:
    async def run() -> Line:
        line = Line()
        await asyncio.gather(*(line.write(str(p.value), p) for p in wanted))
        return line

    line = asyncio.run(run())
    assert sorted(line.names) == sorted(str(p.value) for p in wanted)
    assert all(after - before >= 1.0 for (before, _), (after, _) in pairwise(line.done))
    assert line.names[1:] == "".join(sorted(line.names[1:])), "the first may have gone before the others came"
