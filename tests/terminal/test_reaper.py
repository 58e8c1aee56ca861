"""The sub-reaper on its own, without a terminal: as the project uses it for daemons."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loreli_ray.terminal import ExitStatus, alive, kill_tree, marked, read_exit, reaper_command, start_time
from loreli_ray.terminal.processes import descendants

PYTHON = (sys.executable, "-I", "-S", "-c")
MARK = "LORELI_TEST_REAPER"

# Nine ways to be somebody's child; each leaves its process id behind.
FAMILY = """
import os, signal, sys, time
folder = sys.argv[1]
def stay(name):
    open(f"{folder}/{name}.new", "w").write(str(os.getpid()))
    os.rename(f"{folder}/{name}.new", f"{folder}/{name}.pid")
    while True: time.sleep(60)
def spawn(name, *steps):
    if os.fork() == 0:
        for step in steps: step()
        stay(name)
def ignore(*numbers):
    return lambda: [signal.signal(n, signal.SIG_IGN) for n in numbers]
def orphan():
    if os.fork(): os._exit(0)
def scrub():
    os.execve(sys.executable, [sys.executable, "-I", "-S", "-c", HELPER, folder], {})
HELPER = '''
import os, sys, time
open(sys.argv[1] + "/scrubbed.new", "w").write(str(os.getpid()))
os.rename(sys.argv[1] + "/scrubbed.new", sys.argv[1] + "/scrubbed.pid")
while True: time.sleep(60)
'''
spawn("plain")
spawn("nohup", ignore(signal.SIGHUP))
spawn("stubborn", ignore(signal.SIGHUP, signal.SIGTERM))
spawn("group", lambda: os.setpgid(0, 0))
spawn("session", os.setsid)
spawn("orphan", orphan)
spawn("daemon", os.setsid, orphan)
spawn("scrubbed", os.setsid, orphan, scrub)
if len(sys.argv) > 2:
    while len([n for n in os.listdir(folder) if n.endswith(".pid")]) < 9: time.sleep(0.01)  # theirs and the reaper's
    sys.exit(int(sys.argv[2]))
stay("leader")
"""
NAMES = ("plain", "nohup", "stubborn", "group", "session", "orphan", "daemon", "scrubbed")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[str]:
    """A mark for every process of the test; whatever has it, or the test's folder as an argument, is ended."""
    value = str(tmp_path)
    yield value
    named = [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if value.encode() in _content(path)]
    kill_tree(*marked(MARK, value), *(pid for pid in named if pid != os.getpid()))


class Run:
    def __init__(self, tmp_path: Path, mark: str, *argv: str, grace: float = 0.3, env_file: Path | None = None) -> None:
        self.status_file = tmp_path / "status.json"
        self.pid_file = tmp_path / "reaper.pid"
        self.process = subprocess.Popen(
            reaper_command(
                argv,
                status_file=self.status_file,
                pid_file=self.pid_file,
                grace=grace,
                env_files=[env_file] if env_file else [],
            ),
            env={**os.environ, MARK: mark},
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self) -> ExitStatus:
        self.stdout, self.stderr = self.process.communicate(timeout=20)
        status = read_exit(self.status_file)
        assert status is not None
        assert self.process.returncode == status.code
        assert not self.pid_file.exists()
        return status


def family(folder: Path, names: tuple[str, ...]) -> dict[str, tuple[int, int]]:
    pids = {name: int((folder / f"{name}.pid").read_text()) for name in names}
    return {name: (pid, start_time(pid) or 0) for name, pid in pids.items()}


@pytest.mark.parametrize(
    ("code", "exit_code", "number"),
    [
        ("pass", 0, None),
        ("raise SystemExit(7)", 7, None),
        ("import os; os.kill(os.getpid(), 9)", None, signal.SIGKILL),
        ("import os; os.kill(os.getpid(), 11)", None, signal.SIGSEGV),
    ],
)
def test_the_end_of_a_program_is_written_down(
    tmp_path: Path, mark: str, code: str, exit_code: int | None, number: int | None
) -> None:
    before = time.time()
    status = Run(tmp_path, mark, *PYTHON, code).end()
    assert (status.exit, status.signal, status.reason, status.error) == (exit_code, number, "exited", "")
    assert before - 1 <= status.started <= status.ended <= time.time() + 1
    assert (tmp_path / "status.json").stat().st_mode & 0o777 == 0o600


def test_a_program_that_is_not_there(tmp_path: Path, mark: str) -> None:
    run = Run(tmp_path, mark, "/no/such/program")
    status = run.end()
    assert (status.exit, status.reason) == (127, "launch-failed")
    assert status.error == "/no/such/program: No such file or directory"
    assert status.error in run.stderr


def test_a_missing_environment_file_is_a_failed_launch(tmp_path: Path, mark: str) -> None:
    status = Run(tmp_path, mark, "true", env_file=tmp_path / "gone").end()
    assert (status.exit, status.reason) == (127, "launch-failed")
    assert "gone" in status.error


def test_variables_come_from_a_file_that_is_removed(tmp_path: Path, mark: str) -> None:
    env_file = tmp_path / "variables"
    env_file.write_text(json.dumps({"ADDED": "ä\nb", "HOME": None}))
    code = "import os; print([os.environ.get(n) for n in ('ADDED', 'HOME')])"
    run = Run(tmp_path, mark, *PYTHON, code, env_file=env_file)
    assert run.end().exit == 0
    assert run.stdout == "['ä\\nb', None]\n"
    assert not env_file.exists()


def test_sigterm_ends_the_whole_family(tmp_path: Path, mark: str, wait_until: Callable[..., None]) -> None:
    names = (*NAMES, "leader")
    run = Run(tmp_path, mark, *PYTHON, FAMILY, str(tmp_path))
    wait_until(lambda: len(list(tmp_path.glob("*.pid"))) == len(names) + 1)  # and the reaper's own
    members = family(tmp_path, names)
    assert set(descendants(run.process.pid)) >= {pid for pid, _ in members.values()}

    run.process.terminate()
    status = run.end()
    assert (status.reason, status.signal) == ("terminated", signal.SIGTERM)
    assert [name for name, (pid, started) in members.items() if alive(pid, started)] == []


def test_what_a_program_leaves_behind_ends_with_it(tmp_path: Path, mark: str) -> None:
    status = Run(tmp_path, mark, *PYTHON, FAMILY, str(tmp_path), "5").end()
    assert (status.exit, status.reason) == (5, "exited")
    members = family(tmp_path, NAMES)
    assert [name for name, (pid, started) in members.items() if alive(pid, started)] == []


def test_what_is_marked_is_spared_with_all_beneath_it(
    tmp_path: Path, mark: str, wait_until: Callable[..., None]
) -> None:
    code = """
import os, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", NESTED], env={**os.environ, "SPARED": "1"}, start_new_session=True)
subprocess.Popen(["sleep", "60"], start_new_session=True)
while len([n for n in os.listdir(".") if n.endswith(".pid")]) < 2: time.sleep(0.01)
""".replace(
        "NESTED",
        repr(
            "import os, subprocess; open('outer.pid', 'w'); "
            f"subprocess.run(['sh', '-c', 'touch inner.pid; sleep 60; true'], env={{{MARK!r}: {mark!r}}})"
        ),
    )
    command = reaper_command([*PYTHON, code], status_file=tmp_path / "exit.json", grace=5, spare="SPARED")
    subprocess.run(command, cwd=tmp_path, check=True, env={**os.environ, MARK: mark})
    left = marked(MARK, mark)
    try:
        names = sorted(Path(f"/proc/{pid}/comm").read_text().strip() for pid in left)
        assert names[:1] == ["python"] or names[0].startswith("python"), "the spared one lives"
        assert "sh" in names, "and what it started, though that has no mark"
        assert len([name for name in names if name == "sleep"]) == 1, "the other one has ended"
    finally:
        kill_tree(*left)


def test_a_stopped_program_is_ended_gracefully(tmp_path: Path, mark: str, wait_until: Callable[..., None]) -> None:
    code = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
open(sys.argv[1], "w").write("up")
while True: time.sleep(60)
"""
    run = Run(tmp_path, mark, *PYTHON, code, str(tmp_path / "up"), grace=10)
    wait_until((tmp_path / "up").exists)
    (program,) = descendants(run.process.pid)
    os.kill(program, signal.SIGSTOP)
    run.process.terminate()
    assert run.end().exit == 3


def test_the_program_dies_with_a_killed_reaper(tmp_path: Path, mark: str, wait_until: Callable[..., None]) -> None:
    run = Run(tmp_path, mark, *PYTHON, "import time; time.sleep(60)")
    wait_until(lambda: descendants(run.process.pid))
    (program,) = descendants(run.process.pid)
    started = start_time(program) or 0
    run.process.kill()
    run.process.communicate(timeout=10)
    wait_until(lambda: not alive(program, started))
    assert read_exit(run.status_file) is None


def test_signals_of_the_caller_are_not_the_programs(tmp_path: Path, mark: str) -> None:
    code = """
import signal
print(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())), signal.getsignal(signal.SIGHUP) == signal.SIG_DFL)
"""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        run = Run(tmp_path, mark, *PYTHON, code)
    finally:
        signal.signal(signal.SIGHUP, ignored)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert run.end().exit == 0
    assert run.stdout == "[] True\n"
