"""Calling tmux: libtmux's server object with a deadline on every call and an environment of our own.

libtmux waits for tmux without a limit, and a tmux server that has run out of file descriptors never answers. Calls go
through `Server.cmd`, so that is the one place to put it right. The exit status alone is not trusted (a process that
ignores SIGCHLD reads 0 for all of them): what counts is that tmux wrote nothing to its standard error.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import libtmux
from libtmux.common import tmux_cmd

from loreli_ray.errors import PaneGone, TerminalError, UsageError

TERMINAL = "LORELI_TERMINAL"
MAX_SOCKET_PATH = 107  # bytes, unix(7)
_KEPT = frozenset({"PATH", "HOME", "SHELL", "USER", "LOGNAME", "LANG", "LANGUAGE", "TERM", "TMPDIR", "TZ"})
_GONE = ("no server running", "error connecting", "server exited", "lost server", "can't find pane", "no such pane")


def base_environment() -> dict[str, str]:
    """What tmux, and so every program in it, sees of our environment: harmless names only, no Ray and no secrets.

    And the mark by which whoever ends all else leaves tmux, and the agents in it, alone.
    """
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith("LC_")}
    return {**kept, TERMINAL: "1"}


class TmuxCommand(tmux_cmd):
    """One run of tmux (`name`, in messages). Raises `TerminalError` when it fails to run or to end in `timeout` s."""

    def __init__(self, name: str, *args: str, stdin: str, timeout: float) -> None:  # pyright: ignore[reportMissingSuperCall]
        self.cmd = ["tmux", *args]
        try:
            done = subprocess.run(
                self.cmd,
                input=stdin.encode(),
                capture_output=True,
                env=base_environment(),
                cwd="/",
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise TerminalError(f"tmux did not answer within {timeout:g} s", subject=f"tmux {name}") from error
        except OSError as error:
            raise TerminalError(f"tmux can't be run: {error.strerror}") from error
        self.returncode = done.returncode
        self.stdout = done.stdout.decode(errors="backslashreplace").rstrip("\n").split("\n") if done.stdout else []
        self.stderr = done.stderr.decode(errors="backslashreplace").split("\n")[:-1]


class Tmux(libtmux.Server):
    """The tmux server on one socket; nothing here starts it but `run(..., start=True)`."""

    def __init__(self, path: Path, *, timeout: float = 10.0) -> None:
        if not path.is_absolute() or len(os.fsencode(path)) > MAX_SOCKET_PATH:
            raise UsageError(
                f"a tmux socket needs an absolute path of at most {MAX_SOCKET_PATH} bytes", subject=str(path)
            )
        super().__init__(socket_path=str(path), config_file=os.devnull)
        self.path = path
        self._timeout = timeout

    def cmd(
        self, cmd: str, *args: Any, target: str | int | None = None, stdin: str = "", start: bool = False
    ) -> TmuxCommand:
        """libtmux's way to call tmux, with `stdin` and, unless `start`, without starting a server (-N)."""
        server = ["-u", "-f", os.devnull, "-S", str(self.path)] + ([] if start else ["-N"])
        aim = [] if target is None else ["-t", str(target)]
        return TmuxCommand(cmd, *server, cmd, *aim, *map(str, args), stdin=stdin, timeout=self._timeout)

    def run(self, cmd: str, *args: str, stdin: str = "", start: bool = False) -> list[str]:
        """The lines tmux answered. Raises `PaneGone` when the pane or the server isn't there, else `TerminalError`."""
        done = self.cmd(cmd, *args, stdin=stdin, start=start)
        if done.stderr or done.returncode:
            message = "; ".join(done.stderr) or f"exit status {done.returncode}"
            kind = PaneGone if any(text in message for text in _GONE) else TerminalError
            raise kind(f"{cmd}: {message}", subject=str(self.path))
        return done.stdout

    def server_pid(self) -> int | None:
        """The process that listens on the socket (SO_PEERCRED, unix(7)); it need not be able to answer."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(self._timeout)
            try:
                connection.connect(str(self.path))
            except (FileNotFoundError, ConnectionRefusedError):
                return None
            except OSError as error:
                raise TerminalError(f"can't be reached: {error}", subject=str(self.path)) from error
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return struct.unpack("3i", credentials)[0]


@contextmanager
def no_signal_blocked() -> Generator[None]:
    """For starting a server from a Ray worker, whose threads block SIGINT: tmux and every pane would inherit that."""
    before = signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
