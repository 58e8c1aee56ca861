"""The command line as its users run it: a process of its own, in temporary folders that must end up empty."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("loreli-ray")
_DEADLINE = 120.0


class Shell:
    """Runs `loreli-ray` in the folder `cwd`; `temporary` is where whatever it starts keeps its things."""

    def __init__(self, cwd: Path, temporary: Path) -> None:
        self.cwd = cwd
        self.temporary = temporary
        self.environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environment |= {"TMPDIR": str(temporary), "LORELI_HOME": str(cwd / "home"), "COLUMNS": "200"}
        self._started: list[subprocess.Popen[str]] = []

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end."""
        return subprocess.run(
            [COMMAND, *arguments],
            cwd=self.cwd,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=_DEADLINE,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Starts a command in a process group of its own; it ends with the test."""
        process = subprocess.Popen(
            [COMMAND, *arguments],
            cwd=self.cwd,
            env=self.environment | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def processes(self) -> list[str]:
        """The processes that have to do with this shell: its folder is in their arguments or their environment."""
        mark, found = str(self.temporary).encode(), list[str]()
        for path in Path("/proc").glob("[0-9]*"):
            try:
                arguments, environment = (path / "cmdline").read_bytes(), (path / "environ").read_bytes()
            except OSError:
                continue  # it ended meanwhile, or is not ours to look at
            if mark in arguments or mark in environment:
                found.append(f"{path.name} {arguments.replace(bytes(1), b' ').decode(errors='replace')[:150]}")
        return found

    def assert_nothing_is_left(self) -> None:
        deadline = time.monotonic() + 10
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert self.processes() == []
        assert list(self.temporary.iterdir()) == []

    def end(self) -> None:
        for process in self._started:
            process.terminate()  # nothing happens to one that has ended
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def end_all(self) -> None:
        """Whatever a failed test left running: found by the test's own temporary folder, so nobody else's."""
        self.end()
        while found := self.processes():
            for line in found:
                with suppress(ProcessLookupError):
                    os.kill(int(line.split()[0]), signal.SIGKILL)
            time.sleep(0.1)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    temporary = Path(tempfile.mkdtemp(prefix="lt", dir="/tmp"))  # short: sockets lie in it
    made = Shell(tmp_path, temporary)
    try:
        yield made
    finally:
        made.end_all()
        shutil.rmtree(temporary, ignore_errors=True)


@pytest.fixture
def until() -> Callable[[Callable[[], object], str], None]:
    """Waits for a condition, with a deadline."""

    def wait(condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + _DEADLINE
        while not condition():
            assert time.monotonic() < deadline, f"it did not happen: {what}"
            time.sleep(0.1)

    return wait
