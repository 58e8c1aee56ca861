"""Whatever dies or hangs while a team works: each issue is landed once, nothing is left behind, no commit is lost.

On real Ray, real tmux and real git; each fault is the real one (a signal, a stopped server, an answer that is lost).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from loreli_ray.terminal import descendants
from tests.actors.trouble import Trouble

pytestmark = [pytest.mark.ray, pytest.mark.timeout(400)]
Make = Callable[..., Any]
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@contextmanager
def stopped(pid: int) -> Generator[None]:
    """A process that does nothing meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):  # somebody has ended it
            os.kill(pid, signal.SIGCONT)


def test_a_killed_tree_loses_no_commit(team: Make) -> None:
    working = team(pace=2.0)
    agent = working.doing("handing in")
    commit = working.head(agent)
    assert not working.kept(commit), "it is not pushed yet"
    reaper = working.pane(agent).pid
    for pid in [reaper, *descendants(reaper)]:
        os.kill(pid, signal.SIGKILL)
    working.until_landed()
    assert working.kept(commit), "what it had not pushed is rescued"
    (died,) = working.events("died", agent)
    assert died["text"] == "gone without a trace" or "signal" in died["text"]
    working.assert_nothing_is_left()


def test_a_killed_program_is_in_the_ledger_with_its_cause(team: Make) -> None:
    working = team(pace=2.0)
    agent = working.doing("handing in")
    commit = working.head(agent)
    working.kill_program(agent)
    (died,) = working.until(lambda _: working.events("died", agent), "its death is noted")
    assert died["text"] == "signal 9"
    working.until_landed()
    (removed,) = working.events("removed", agent)
    assert removed["data"]["unexpected"] is True
    assert working.kept(commit)
    working.assert_nothing_is_left()


def test_killed_control_actors_come_back_in_turn_and_the_work_goes_on(team: Make) -> None:
    working = team(pace=0.8)
    working.working()
    session = working.session.settings
    node = next(session.folder.glob("nodes/*")).name
    for kind in ("supervisor", "scaler", "reactor", "hub", f"node/{node}"):
        pid = working.actor_pid(kind)
        os.kill(pid, signal.SIGKILL)
        working.until(lambda _, kind=kind, pid=pid: working.actor_pid(kind) not in (None, pid), f"{kind} is back")
    working.until_landed()
    recorded = [event["issue"] for event in working.events("landed")]
    assert sorted(recorded) == working.stage.issues, "every landing is in the ledger, once"
    working.assert_nothing_is_left()


def test_a_killed_tmux_server_takes_nobodys_work_along(team: Make) -> None:
    working = team(pace=1.5)
    agent = working.doing("handing in")
    commit = working.head(agent)
    server = working.terminal().pid()
    assert server is not None
    os.kill(server, signal.SIGKILL)
    working.until(lambda _: working.events("removed", agent), "its agents are removed")
    working.until_landed()
    assert working.kept(commit)
    working.assert_nothing_is_left()


def test_a_stopped_actor_is_replaced_and_its_program_never_notices(team: Make) -> None:
    working = team(pace=1.0, supervision={"probe": 1.0, "lease": 24.0})
    agent = working.working()["name"]
    program = working.program(agent)
    pid = working.actor_pid(f"agent/{agent}")
    with stopped(pid):
        working.until(lambda _: working.events("adopted", agent), "a new actor has the agent")
        assert working.program(agent) == program
        working.until(lambda _: not Path(f"/proc/{pid}").exists(), "the hung actor is ended")
    working.until_landed()
    assert not working.events("died", agent)
    working.assert_nothing_is_left()


def test_agents_that_cannot_reach_the_supervisor_fence_themselves(team: Make) -> None:
    working = team(pace=2.0, supervision={"sweep": 0.5, "probe": 1.0, "lease": 4.0})
    agent = working.doing("handing in")
    commit, program = working.head(agent), working.program(agent)
    with stopped(working.actor_pid("supervisor")):
        deadline = time.monotonic() + 60
        while Path(f"/proc/{program}").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not Path(f"/proc/{program}").exists(), "its program is stopped, so that no two are at work"
    working.until_landed()
    assert working.events("removed", agent)
    assert working.kept(commit)
    working.assert_nothing_is_left()


def test_a_git_host_that_is_away_for_half_a_minute_is_waited_for(team: Make) -> None:
    working = team(pace=1.0)
    working.working()
    working.stage.server.stop()
    gone = time.monotonic()
    while time.monotonic() < gone + 30:
        working.status()
        time.sleep(0.5)
    working.stage.server.start()
    working.until_landed()
    assert not [e for e in working.events("removed") if e["data"]["unexpected"]], "nobody died of it"
    working.assert_nothing_is_left()


@pytest.mark.parametrize(
    ("trouble", "methods"),
    [
        (lambda: Trouble(500, share=0.1), {"GET", "POST"}),
        (lambda: Trouble(429, share=0.1, headers={"retry-after": "1"}), {"GET", "POST"}),
        (lambda: Trouble(502, share=0.4, methods=WRITES, carried_out=True), {"POST", "PUT", "DELETE"}),
    ],
    ids=["500", "429", "502-after-the-write"],
)
def test_a_git_host_in_trouble_gets_nothing_twice(
    team: Make, trouble: Callable[[], Trouble], methods: set[str]
) -> None:
    fault = trouble()
    working = team(pace=0.3, around=fault.around)
    done = working.until_landed()
    assert set(fault.struck) >= methods, "the trouble was there"
    pulls, texts = working.written()
    assert pulls == len(done) == len(working.stage.issues), "one pull request for each issue"
    marks = [line for text in texts for line in text.splitlines() if line.startswith("<!--")]
    assert marks, "all is marked"
    assert len(texts) == len(set(texts)), "nothing is written twice"
    working.assert_nothing_is_left()
