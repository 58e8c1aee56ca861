"""Hearing of deaths in an event loop."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from loreli_ray.terminal import PaneWatch, start_time, usages


@pytest.fixture
async def watch() -> AsyncIterator[PaneWatch]:
    watch = PaneWatch()
    yield watch
    watch.close()


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait(10)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_death_is_heard_at_once_and_once(watch: PaneWatch, sleeper: subprocess.Popen[bytes]) -> None:
    heard: asyncio.Queue[tuple[str, float]] = asyncio.Queue()
    before = descriptors()
    watch.add(
        "kira",
        pid=sleeper.pid,
        start_time=start_time(sleeper.pid) or 0,
        callback=lambda agent: heard.put_nowait((agent, time.monotonic())),
    )
    assert len(watch) == 1
    killed = time.monotonic()
    sleeper.kill()
    agent, when = await asyncio.wait_for(heard.get(), 10)
    assert agent == "kira"
    assert when - killed < 1
    assert len(watch) == 0
    assert descriptors() == before
    assert heard.empty()


async def test_the_dead_are_heard_of(watch: PaneWatch, sleeper: subprocess.Popen[bytes]) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    before = descriptors()
    # An id that now belongs to another process, and one of no process at all.
    watch.add("recycled", pid=sleeper.pid, start_time=1, callback=heard.put_nowait)
    watch.add("gone", pid=(1 << 22) - 1, start_time=1, callback=heard.put_nowait)
    assert heard.empty()  # never from within the call
    assert {await asyncio.wait_for(heard.get(), 10), await asyncio.wait_for(heard.get(), 10)} == {"recycled", "gone"}
    assert descriptors() == before


async def test_what_is_removed_is_not_heard(watch: PaneWatch, sleeper: subprocess.Popen[bytes]) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    started = start_time(sleeper.pid) or 0
    before = descriptors()
    watch.add("removed", pid=sleeper.pid, start_time=started, callback=heard.put_nowait)
    watch.add("twice", pid=sleeper.pid, start_time=started, callback=lambda _: heard.put_nowait("first"))
    watch.add("twice", pid=sleeper.pid, start_time=started, callback=lambda _: heard.put_nowait("second"))
    watch.remove("removed")
    watch.remove("never there")
    assert len(watch) == 1
    sleeper.kill()
    assert await asyncio.wait_for(heard.get(), 10) == "second"
    await asyncio.sleep(0)
    assert heard.empty()
    watch.add("a", pid=os.getpid(), start_time=start_time(os.getpid()) or 0, callback=heard.put_nowait)
    watch.close()
    assert descriptors() == before


async def test_what_a_tree_uses(sleeper: subprocess.Popen[bytes]) -> None:
    ours = usages([os.getpid()])[os.getpid()]
    assert ours.processes >= 2
    assert ours.cpu > 0
    assert ours.rss > 1 << 20
    assert usages([sleeper.pid])[sleeper.pid].processes == 1
