"""Both clocks keep to the same contract; the manual one moves only when it is told to."""

from __future__ import annotations

import asyncio
import time

import pytest

from loreli_ray.clock import Clock, ManualClock, SystemClock


@pytest.mark.parametrize("clock", [SystemClock(), ManualClock()])
async def test_sleeping_moves_time(clock: Clock) -> None:
    now, monotonic = clock.now(), clock.monotonic()
    await clock.sleep(0.05)
    assert clock.monotonic() - monotonic >= 0.049
    assert clock.now() > now


def test_the_system_clock_is_wall_time() -> None:
    assert abs(SystemClock().now() - time.time()) < 5


async def test_manual_time_stands_still() -> None:
    clock = ManualClock(start=100.0)
    assert (clock.now(), clock.monotonic()) == (100.0, 100.0)
    clock.advance(5.0)
    began = time.monotonic()
    await clock.sleep(3600.0)
    assert time.monotonic() - began < 5
    assert clock.now() == 3705.0


async def test_manual_sleep_lets_others_run() -> None:
    clock, done = ManualClock(), asyncio.Event()
    asyncio.get_running_loop().call_soon(done.set)
    await clock.sleep(1.0)
    assert done.is_set()
