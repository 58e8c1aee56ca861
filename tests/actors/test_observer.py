"""What a node sees of its agents, on real tmux and without Ray."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loreli_ray.actors.observer import STATUS, Observer
from loreli_ray.clock import SystemClock
from loreli_ray.config import Config
from loreli_ray.model import Observation, Sign
from loreli_ray.terminal import Pane, TerminalServer, descendants

CONFIG = Config.model_validate(
    {
        "timeouts": {"stall": 1.0, "rapid_death": 0.5},
        "backends": {"a": {"command": ["a"], "provider": "openai", "failures": {"auth": "no key"}}},
    }
)
SLEEP = "import time; time.sleep(600)"


@pytest.fixture
def server(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TerminalServer]:
    made = TerminalServer(tmp_path_factory.mktemp("tmux") / "private" / "socket", "team")
    try:
        yield made
    finally:
        made.kill(grace=0)


@pytest.fixture
def start(server: TerminalServer, tmp_path: Path) -> Callable[..., Pane]:
    def run(code: str, *, agent: str = "ann") -> Pane:
        folder = tmp_path / agent
        (folder / "workspace" / ".git" / "logs").mkdir(parents=True)
        return server.launch(
            agent=agent,
            incarnation=3,
            argv=[sys.executable, "-c", code],
            cwd=folder,
            environment={},
            status_file=folder / STATUS,
            grace=1.0,
        )

    return run


@pytest.fixture
def look(server: TerminalServer, tmp_path: Path) -> Callable[..., dict[str, Observation]]:
    observer = Observer(server, folder=tmp_path, config=CONFIG, clock=SystemClock())

    def looked(**known: set[str]) -> dict[str, Observation]:
        return {seen.name: seen for seen in observer.look(**known)[1]}

    return looked


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, f"it did not happen: {what}"
        time.sleep(0.05)


Start = Callable[..., Pane]
Look = Callable[..., dict[str, Observation]]


def test_events_and_commits_are_progress_and_the_later_one_counts(start: Start, look: Look, tmp_path: Path) -> None:
    start(SLEEP)
    seen = look()["ann"]
    assert (seen.incarnation, seen.progress_at, seen.progress_by) == (3, None, None)
    events, reflog = tmp_path / "ann" / "events.jsonl", tmp_path / "ann" / "workspace" / ".git" / "logs" / "HEAD"
    events.write_text("{}\n")
    os.utime(events, (1000.0, 1000.0))
    assert (look()["ann"].progress_at, look()["ann"].progress_by) == (1000.0, Sign.EVENT)
    reflog.write_text("commit\n")
    os.utime(reflog, (2000.0, 2000.0))
    assert (look()["ann"].progress_at, look()["ann"].progress_by) == (2000.0, Sign.COMMIT)
    os.utime(events, (time.time() + 1e6, time.time() + 1e6))
    assert (look()["ann"].progress_at or 0) <= time.time(), "nobody gets on in the future"


def test_a_tree_that_uses_the_processor_is_busy_and_one_that_sleeps_is_not(start: Start, look: Look) -> None:
    start("import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])", agent="ann")
    start("import time\nwhile True: print('|', end='\\r', flush=True); time.sleep(0.1)", agent="bob")
    until(lambda: look()["ann"].busy_by is Sign.PROCESS, "its child is seen to work")
    began = time.time()
    until(lambda: (look()["ann"].busy_at or 0) > began + 1, "it still is")
    seen = look()
    assert seen["bob"].motion_at is not None
    assert (seen["bob"].busy_at or 0) < began, "a spinner uses too little"
    assert (seen["ann"].memory or 0) > (1 << 20)


def test_a_tool_call_under_way_is_work(start: Start, look: Look) -> None:
    start(SLEEP)
    before = time.time()
    seen = look(calling={"ann"})["ann"]
    assert seen.busy_by is Sign.TOOL_CALL
    assert (seen.busy_at or 0) >= before


def test_a_screen_that_came_to_rest_is_told_once(start: Start, look: Look) -> None:
    pane = start("print('no key', flush=True)\nfor line in iter(input, 'end'): print('got', line, flush=True)")
    tails: list[str] = []

    def told(text: str) -> bool:
        tails.extend(tail for tail in [look()["ann"].tail] if tail is not None)
        return any(text in tail for tail in tails)

    until(lambda: told("no key"), "the end of its screen is told")
    count = len(tails)
    assert look()["ann"].tail is None, "once"
    assert len(tails) == count
    pane.send("more", settle=0)
    until(lambda: told("got more"), "and again after it has moved")


@pytest.mark.parametrize("how", ["program", "tree", "server"])
def test_every_death_is_seen_with_what_is_known_of_it(
    start: Start, look: Look, server: TerminalServer, how: str
) -> None:
    pane = start(SLEEP)
    until(lambda: len(descendants(pane.pid)) == 1, "the program runs")
    assert look()["ann"].exit is None
    match how:
        case "program":
            os.kill(descendants(pane.pid)[0], signal.SIGKILL)
        case "tree":
            for pid in [pane.pid, *descendants(pane.pid)]:
                os.kill(pid, signal.SIGKILL)
        case _:
            os.kill(server.pid() or 0, signal.SIGKILL)
    until(lambda: (seen := look(owned={"ann"}).get("ann")) is not None and seen.exit is not None, "its end is seen")
    ended = look(owned={"ann"})["ann"].exit
    assert ended is not None
    if how == "program":
        assert ended.signal == signal.SIGKILL
    if how == "server":
        assert look() == {}, "nobody asks after those who are not on record"
