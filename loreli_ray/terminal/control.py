"""A standing connection to a tmux server in control mode (tmux(1)), for what is asked each second.

Every other call forks a client, which the server has to take in: ten times the cost of the same question here. But the
connection ends with the session that it is attached to, so whoever uses it must be able to do without. It never changes
the size of a window (`ignore-size`) and is told nothing that it has not asked for (`no-output`).
"""

from __future__ import annotations

import os
import select
import subprocess
import threading
import time
from pathlib import Path

from loreli_ray.errors import TerminalError
from loreli_ray.terminal.tmux import base_environment

_PAUSE = 30.0  # after a failure; so that a server that refuses is not asked each second


class ControlClient:
    """Safe to use from several threads. It connects when it is first asked, and again after it was lost."""

    def __init__(self, path: Path, session: str, *, timeout: float) -> None:
        self._path = path
        self._session = session
        self._timeout = timeout
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._read = b""
        self._not_before = float("-inf")

    def ask(self, command: str) -> list[str]:
        """The lines that tmux answers to one command line. Raises `TerminalError` when the connection can't be had."""
        if "\n" in command or not command:
            raise TerminalError("one line is one command", subject=command)
        with self._lock:
            if time.monotonic() < self._not_before:
                raise TerminalError("has just refused a connection", subject=str(self._path))
            try:
                process = self._process or self._connect()
                assert process.stdin is not None
                os.write(process.stdin.fileno(), command.encode() + b"\n")
                return self._answer(process)
            except (OSError, TerminalError) as error:
                self._not_before = time.monotonic() + _PAUSE
                self._drop()
                raise TerminalError(f"the connection is lost: {error}", subject=str(self._path)) from error

    def close(self) -> None:
        """Ends the connection; the next question makes a new one."""
        with self._lock:
            self._drop()

    def _connect(self) -> subprocess.Popen[bytes]:
        command = ["tmux", "-u", "-N", "-C", "-S", str(self._path)]
        command += ["attach-session", "-f", "ignore-size,no-output", "-t", f"={self._session}"]
        self._read = b""
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=base_environment(),
            start_new_session=True,
        )
        return self._process

    def _answer(self, process: subprocess.Popen[bytes]) -> list[str]:
        """The block of our own command (its flag is 1); all else that tmux may tell stands outside of such blocks."""
        deadline = time.monotonic() + self._timeout
        while True:
            words = self._line(process, deadline).split()
            if words[:1] != [b"%begin"] or words[-1] != b"1":
                continue
            end, error = (b" ".join([kind, *words[1:]]) for kind in (b"%end", b"%error"))
            lines: list[str] = []
            while (line := self._line(process, deadline)) not in (end, error):
                lines.append(line.decode(errors="backslashreplace"))
            if line == error:
                raise TerminalError("; ".join(lines), subject=str(self._path))
            return lines

    def _line(self, process: subprocess.Popen[bytes], deadline: float) -> bytes:
        assert process.stdout is not None
        descriptor, poll = process.stdout.fileno(), select.poll()
        poll.register(descriptor, select.POLLIN)
        while b"\n" not in self._read:
            if not poll.poll(1000 * max(0.0, deadline - time.monotonic())):
                raise TerminalError(f"no answer in {self._timeout:g} s", subject=str(self._path))
            chunk = os.read(descriptor, 1 << 16)
            if not chunk:
                raise TerminalError("tmux has closed it", subject=str(self._path))
            self._read += chunk
        line, _, self._read = self._read.partition(b"\n")
        return line

    def _drop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()
        process.wait()
