"""The private tmux server: launching, finding again, orphans, secrets, and its end."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loreli_ray.errors import PaneGone, TerminalError, UsageError
from loreli_ray.terminal import MARKER, Pane, TerminalServer, alive, descendants, kill_tree, marked, start_time
from loreli_ray.terminal.tmux import MAX_SOCKET_PATH, Tmux

Start = Callable[..., Pane]
Wait = Callable[..., None]

SLEEP = "import time; time.sleep(600)"
# A program with a daemon: another session, another parent, and no variable of ours.
DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork(): os._exit(0)
    os.execve("/bin/sleep", ["sleep", "30"], {})
while True: time.sleep(60)
"""


@pytest.fixture
def second(server: TerminalServer) -> Iterator[TerminalServer]:
    """Another session on the same machine."""
    other = TerminalServer(server.socket.with_name("other"), "other")
    yield other
    other.kill(grace=0)


def family(pane: Pane) -> list[tuple[int, int]]:
    return [(pid, start_time(pid) or 0) for pid in (pane.pid, *descendants(pane.pid))]


def living(members: list[tuple[int, int]]) -> list[int]:
    return [pid for pid, started in members if alive(pid, started)]


def test_starting_and_ending(server: TerminalServer) -> None:
    assert not server.alive()
    assert server.panes() == []
    assert server.find("kira") is None
    server.kill()
    server.ensure()
    pid = server.pid()
    assert pid is not None
    assert server.panes() == []
    server.ensure()
    assert server.pid() == pid
    assert server.socket.parent.stat().st_mode & 0o777 == 0o700
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    assert soft >= min(hard, 4096) or hard == resource.RLIM_INFINITY
    started = start_time(pid) or 0
    server.kill()
    assert not server.alive()
    assert not alive(pid, started)
    assert not server.socket.exists()


def test_many_may_start_it_at_once(server: TerminalServer, start: Start) -> None:
    panes: list[Pane] = []

    def launch(number: int) -> None:
        panes.append(start(SLEEP, agent=f"a{number}"))

    threads = [threading.Thread(target=launch, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(info.agent for info in server.panes()) == [f"a{n}" for n in range(6)]
    assert len({pane.pane_id for pane in panes}) == 6


def test_one_look_at_all_panes(server: TerminalServer, start: Start, wait_until: Wait) -> None:
    living_pane, dead = start(SLEEP), start("raise SystemExit(7)", agent="Mr.é-1", incarnation=3)
    wait_until(lambda: any(info.dead for info in server.panes()))
    infos = {info.agent: info for info in server.panes()}
    info = infos["kira"]
    assert (info.pid, info.start_time, info.dead) == (living_pane.pid, living_pane.start_time, False)
    assert (info.incarnation, info.marker, info.status_file) == (1, living_pane.marker, living_pane.status_file)
    assert info.activity > 1_600_000_000
    assert infos["Mr.é-1"].dead
    assert infos["Mr.é-1"].incarnation == 3
    # tmux may lose the exit status, but what it says must be right.
    assert infos["Mr.é-1"].exit in (7, None)
    assert not dead.alive()


def test_the_argv_is_run_as_it_is(server: TerminalServer, tmp_path: Path, wait_until: Wait) -> None:
    words = ["a b", ";", "x;", "$HOME", "#{pane_id}", "", "'", "-t"]
    pane = server.launch(
        agent="kira",
        incarnation=1,
        argv=[sys.executable, "-c", "import os, sys; print(sys.argv[1:], os.getcwd(), os.get_terminal_size())", *words],
        cwd=tmp_path,
        environment={},
        status_file=tmp_path / "status",
        grace=1,
        width=300,
        height=20,
    )
    wait_until(lambda: not pane.alive())
    size = os.terminal_size((300, 20))
    assert pane.capture().replace("\n", "") == f"{words} {tmp_path} {size!r}"


def test_a_pane_is_found_again_by_whoever_comes_next(server: TerminalServer, start: Start, wait_until: Wait) -> None:
    start(SLEEP, agent="other")
    first = start("import sys\nfor line in sys.stdin: print('got', line, flush=True)")
    again = TerminalServer(server.socket, server.session).find("kira")
    assert again is not None
    assert again.info == server.find("kira").info  # pyright: ignore[reportOptionalMemberAccess]
    assert (again.pid, again.start_time, again.marker) == (first.pid, first.start_time, first.marker)
    again.send("hello")
    wait_until(lambda: "got hello" in first.capture())
    assert again.stop(2) == first.exit_status()
    start("pass", incarnation=2)
    start(SLEEP, incarnation=3)
    newest = server.find("kira")
    assert newest is not None
    assert newest.incarnation == 3


def test_what_can_not_be_meant_is_refused(server: TerminalServer, start: Start, tmp_path: Path) -> None:
    for agent in ("", "a|b", "a b", "../x", "a,b", "#{x}"):
        with pytest.raises(UsageError):
            start(SLEEP, agent=agent)
    with pytest.raises(UsageError):
        TerminalServer(Path("/tmp") / ("x" * MAX_SOCKET_PATH), "team")
    with pytest.raises(UsageError):
        TerminalServer(tmp_path / "s", "a:b")
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    with pytest.raises(TerminalError, match="0700"):
        TerminalServer(shared / "s", "team").ensure()
    with pytest.raises(UsageError, match="not a folder"):
        server.launch(
            agent="kira",
            incarnation=1,
            argv=["true"],
            cwd=tmp_path / "gone",
            environment={},
            status_file=tmp_path / "status",
            grace=1,
        )
    assert server.panes() == []


# Secrets and surroundings


def test_nobody_sees_a_secret_but_the_program(
    server: TerminalServer, start: Start, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_JOB_ID", "01000000")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONBREAKPOINT", "ray.util.rpdb.set_trace")
    monkeypatch.setenv("HUB_TOKEN", "hub-secret-1")
    code = (
        "import os; print(*sorted(os.environ), os.environ['GATE'], sep='\\n', flush=True); import time; time.sleep(60)"
    )
    pane = start(code, environment={"GATE": "secret-2", "PATH": "/bin"})
    wait_until(lambda: "secret-2" in pane.capture())

    names = set(pane.capture().split("\n"))
    assert names >= {"GATE", "PATH", MARKER}
    assert not names & {"RAY_JOB_ID", "OMP_NUM_THREADS", "PYTHONBREAKPOINT", "HUB_TOKEN", "TMUX", "TMUX_PANE"}

    tmux = Tmux(server.socket)
    shown = [
        *tmux.run("show-environment", "-g"),
        *tmux.run("show-environment", "-t", server.session),
        *tmux.run("list-panes", "-a", "-F", "#{pane_start_command}"),
        *tmux.run("show-options", "-p", "-t", pane.pane_id),
    ]
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    surroundings = [Path(f"/proc/{pid}/environ").read_bytes() for pid in (server.pid(), pane.pid)]
    for secret in ("hub-secret-1", "secret-2"):
        assert not any(secret in line for line in shown)
        assert not any(secret.encode() in line for line in [*commands, *surroundings])
    assert not any(line.startswith(("RAY_", "OMP_", "PYTHON", "HUB_")) for line in shown)
    assert list(server.socket.parent.glob("*.env")) == []


def test_a_launch_that_fails_leaves_nothing(server: TerminalServer, start: Start) -> None:
    server.ensure()
    pid = server.pid()
    assert pid is not None
    started = start_time(pid) or 0
    stuck = TerminalServer(server.socket, server.session, timeout=0.3)
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(TerminalError, match="did not answer"):
            stuck.launch(
                agent="kira",
                incarnation=1,
                argv=["true"],
                cwd=Path("/"),
                environment={"TOKEN": "secret"},
                status_file=server.socket.with_name("status"),
                grace=1,
            )
        assert list(server.socket.parent.glob("*.env")) == []
        stuck.kill(grace=0)  # a server that hangs is ended, too
        assert not alive(pid, started)
    finally:
        if alive(pid, started):
            os.kill(pid, signal.SIGCONT)


def test_a_person_can_look(server: TerminalServer, start: Start, wait_until: Wait) -> None:
    pane = start(SLEEP)
    command = server.attach_command("kira", read_only=True)
    watcher = subprocess.Popen(
        ["script", "-qc", " ".join(command), "/dev/null"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm"},
    )
    try:
        tmux = Tmux(server.socket)
        wait_until(lambda: tmux.run("list-clients", "-F", "#{pane_id} #{client_readonly}") == [f"{pane.pane_id} 1"])
        assert tmux.run("display-message", "-p", "-t", pane.pane_id, "#{pane_width}x#{pane_height}") == ["200x50"]
    finally:
        watcher.kill()
        watcher.wait(10)
    with pytest.raises(PaneGone):
        server.attach_command("nobody")


# The end of panes and servers


def test_orphans_are_collected(server: TerminalServer, second: TerminalServer, start: Start, tmp_path: Path) -> None:
    kept, orphan, dead = start(SLEEP), start(DAEMON, agent="o1"), start("pass", agent="o2")
    foreign = second.launch(
        agent="o1",
        incarnation=1,
        argv=["sleep", "600"],
        cwd=tmp_path,
        environment={},
        status_file=tmp_path / "x",
        grace=1,
    )
    members = family(orphan)
    assert server.collect_orphans({"kira", "else"}, grace=2) == 2
    assert [info.agent for info in server.panes()] == ["kira"]
    assert living(members) == []
    assert kept.alive()
    assert not dead.alive()
    assert foreign.alive()
    assert server.collect_orphans({"kira"}) == 0
    assert server.collect_orphans(set(), grace=2) == 1
    assert not server.alive()
    assert foreign.alive()


def test_strays_of_a_lost_pane_are_collected(server: TerminalServer, start: Start, wait_until: Wait) -> None:
    pane = start("import subprocess; subprocess.Popen(['setsid', 'sleep', '600']).wait()")
    wait_until(lambda: len(marked(MARKER, pane.marker)) == 2)
    members = family(pane)
    os.kill(pane.pid, signal.SIGKILL)
    pane.close()
    assert server.panes() == []
    wait_until(lambda: len(living(members)) == 1)
    assert server.collect_orphans(set()) == 0
    assert living(members) == []


@pytest.mark.parametrize("how", ["kill-pane", "server-sigkill", "kill", "stop"])
def test_nothing_outlives_its_pane(server: TerminalServer, start: Start, wait_until: Wait, how: str) -> None:
    pane = start(DAEMON, grace=0.5)
    wait_until(lambda: len(descendants(pane.pid)) == 2)
    members = family(pane)
    if how == "kill-pane":
        Tmux(server.socket).run("kill-pane", "-t", pane.pane_id)
    elif how == "server-sigkill":
        os.kill(server.pid() or 0, signal.SIGKILL)
    elif how == "kill":
        server.kill(grace=1)
        assert living(members) == []
    else:
        pane.stop(1)
        assert living(members) == []
    wait_until(lambda: not living(members))
    status = pane.exit_status()
    assert status is not None
    assert status.reason == "terminated"


def test_a_new_server_after_a_crash_knows_nothing_of_the_old(
    server: TerminalServer, start: Start, wait_until: Wait
) -> None:
    old = start(SLEEP)
    os.kill(server.pid() or 0, signal.SIGKILL)
    wait_until(lambda: not old.alive())
    assert not server.alive()  # though the socket is still there
    assert server.panes() == []
    new = start(SLEEP, incarnation=2)
    assert new.pane_id == old.pane_id
    with pytest.raises(PaneGone):
        old.send("for another")
    assert new.alive()


def test_a_tree_is_killed_with_its_branches(wait_until: Wait) -> None:
    code = "import os, time; os.fork(); os.fork(); time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        wait_until(lambda: len(descendants(process.pid)) == 3)
        members = [(pid, start_time(pid) or 0) for pid in (process.pid, *descendants(process.pid))]
        assert kill_tree(process.pid) == 4
        assert living(members) == []
    finally:
        process.kill()
        process.wait(10)
    assert kill_tree(process.pid) == 0


def test_where_nothing_was_ever_started_there_is_nothing_to_collect(tmp_path: Path) -> None:
    never = TerminalServer(tmp_path / "never" / "socket", "team")
    assert never.collect_orphans(set()) == 0
    never.kill()
    assert not (tmp_path / "never").exists()


# The standing connection


@pytest.fixture
def standing(server: TerminalServer) -> Iterator[TerminalServer]:
    """Another view of the same server, that keeps a connection."""
    view = TerminalServer(server.socket, server.session, standing=True)
    try:
        yield view
    finally:
        view.kill(grace=1)


def clients(server: TerminalServer) -> list[str]:
    return Tmux(server.socket).run("list-clients", "-F", "#{client_control_mode} #{client_flags}")


def test_a_standing_connection_sees_what_a_call_sees(
    server: TerminalServer, standing: TerminalServer, start: Start
) -> None:
    assert standing.panes() == []
    first = start("import time; time.sleep(60)")
    assert [pane.agent for pane in standing.panes()] == ["kira"]
    assert standing.panes() == server.panes()
    (client,) = clients(server)
    assert client.startswith("1 ")
    assert "ignore-size" in client
    assert "no-output" in client
    second = start("print('x' * 100000)", agent="bob")
    assert sorted(pane.agent for pane in standing.panes()) == ["bob", "kira"]
    first.stop(1)
    second.stop(1)
    assert all(pane.dead or pane.start_time == 0 for pane in standing.panes())
    assert len(clients(server)) == 1, "it is still the same connection"


def test_a_standing_connection_outlives_neither_session_nor_server_and_comes_back(
    server: TerminalServer, standing: TerminalServer, start: Start, wait_until: Wait
) -> None:
    start("import time; time.sleep(60)")
    assert len(standing.panes()) == len(standing.panes()) == 1
    os.kill(server.pid() or 0, signal.SIGKILL)
    wait_until(lambda: not standing.panes())
    start("import time; time.sleep(60)", incarnation=2)
    wait_until(lambda: [pane.incarnation for pane in standing.panes()] == [2])
    standing.kill(grace=1)
    mine = [pid for pid, name in marked("LORELI_TERMINAL").items() if name and _has_argument(pid, server.socket)]
    assert not mine, "no client and no server is left"


def _has_argument(pid: int, path: Path) -> bool:
    try:
        return str(path).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
