"""A private tmux server per test, and programs to run in it. Nothing outlives a test, however it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from loreli_ray.terminal import Pane, TerminalServer

PYTHON = (sys.executable, "-I", "-S", "-c")


class Start(Protocol):
    def __call__(
        self,
        code: str,
        *arguments: str,
        agent: str = "kira",
        incarnation: int = 1,
        environment: dict[str, str] | None = None,
        grace: float = 2.0,
    ) -> Pane: ...


def wait_until(predicate: Callable[[], object], *, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not predicate():
        if time.monotonic() > deadline:
            pytest.fail(f"did not happen within {seconds:g} s")
        time.sleep(0.01)


@pytest.fixture(name="wait_until")
def _wait_until() -> Callable[..., None]:
    return wait_until


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TerminalServer]:
    server = TerminalServer(tmp_path_factory.mktemp("tmux") / "private" / "socket", "team")
    yield server
    server.kill(grace=0)


@pytest.fixture
def start(server: TerminalServer, tmp_path: Path) -> Start:
    """Runs Python code in a pane."""

    def run(
        code: str,
        *arguments: str,
        agent: str = "kira",
        incarnation: int = 1,
        environment: dict[str, str] | None = None,
        grace: float = 2.0,
    ) -> Pane:
        return server.launch(
            agent=agent,
            incarnation=incarnation,
            argv=[*PYTHON, code, *arguments],
            cwd=tmp_path,
            environment=environment or {},
            status_file=tmp_path / f"{agent}-{incarnation}.json",
            grace=grace,
        )

    return run


class Reader:
    """A program that takes the terminal raw and keeps every byte it is given."""

    CODE = """
import os, sys, termios, tty
tty.setraw(0)
kept = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.write(1, sys.argv[2].encode() + b"ready")
while data := os.read(0, 65536):
    os.write(kept, data)
"""

    def __init__(self, start: Start, path: Path, *, bracketed: bool) -> None:
        self._path = path
        self._taken = 0
        self.pane = start(self.CODE, str(path), "\x1b[?2004h" if bracketed else "")
        wait_until(lambda: "ready" in self.pane.capture())

    def read(self, size: int) -> bytes:
        """The next `size` bytes that arrived."""
        wait_until(lambda: self._path.stat().st_size >= self._taken + size)
        data = self._path.read_bytes()[self._taken :]
        self._taken += len(data)
        return data

    def read_until(self, end: bytes) -> bytes:
        """What arrived since the last read, once it ends with `end`."""
        wait_until(lambda: self._path.read_bytes()[self._taken :].endswith(end))
        return self.read(0)


@pytest.fixture
def reader(start: Start, tmp_path: Path) -> Reader:
    return Reader(start, tmp_path / "typed", bracketed=False)


@pytest.fixture
def paste_reader(start: Start, tmp_path: Path) -> Reader:
    """A reader that has asked for bracketed paste."""
    return Reader(start, tmp_path / "typed", bracketed=True)
