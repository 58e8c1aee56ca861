"""The sub-reaper: the small process that stands between a pane and the program in it.

It exists because nothing else ends a program *and everything it ever started*: daemons leave the process group, the
session, and their parent. As a child subreaper (prctl(2), PR_SET_CHILD_SUBREAPER) this process becomes the parent of
every orphan beneath it, so that "I have no child" means "nothing is left".

Invariants
- It is a stand-alone script of the standard library, started with `python -I -S` (see `reaper_command`), and quick.
- Every signal is blocked for its whole life and taken with sigtimedwait(2): there are no handlers and no races.
- The program runs in a process group of its own, in the foreground of the terminal when there is one: Ctrl-C is for it.
- SIGTERM and SIGHUP end the program; its own end also ends whatever it left behind. Only then is the status file
  written, in one rename, and the reaper exits as the program did (128 + n for signal n, as shells have it).
- What was started with the variable `--spare` in its environment, and all beneath it, is none of its business.
"""

from __future__ import annotations

import ctypes
import errno
import getopt
import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Mapping, Sequence

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_CANT_START = 127
_ENDING = frozenset({signal.SIGTERM, signal.SIGHUP})
_TERMINAL_STOPS = frozenset({signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})
_POLL = 0.05


def reaper_command(
    argv: Sequence[str],
    *,
    status_file: str | os.PathLike[str],
    grace: float,
    pid_file: str | os.PathLike[str] | None = None,
    env_files: Iterable[str | os.PathLike[str]] = (),
    drain: float = 0.15,
    spare: str = "",
) -> list[str]:
    """The command line that runs `argv` under a reaper.

    `grace` is the time in seconds between SIGTERM and SIGKILL. `drain` is how long the reaper outlives the program on a
    terminal: tmux throws away what it has not read when the leader of a pane exits. Each of `env_files` holds one JSON
    object of variables, `null` to remove one; it is read and unlinked before the program starts. Descendants that were
    started with the variable `spare` in their environment outlive the reaper.
    """
    command = [sys.executable, "-I", "-S", os.path.abspath(__file__)]  # noqa: PTH100 (pathlib is slow to import)
    command += ["--status", os.fspath(status_file), "--grace", str(grace), "--drain", str(drain)]
    if pid_file is not None:
        command += ["--pid-file", os.fspath(pid_file)]
    if spare:
        command += ["--spare", spare]
    for path in env_files:
        command += ["--env-file", os.fspath(path)]
    return [*command, "--", *argv]


def parents() -> dict[int, int]:
    """The parent of every process that can be seen and is no zombie (proc(5), fields 3 and 4 of stat)."""
    found: dict[int, int] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                    # The name of the program, in brackets, may hold anything: what counts follows the last bracket.
                    state, parent = file.read().rpartition(b")")[2].split()[:2]
            except (FileNotFoundError, ProcessLookupError):
                continue
            if state not in (b"Z", b"X"):
                found[int(name)] = int(parent)
    return found


def descendants(pid: int) -> list[int]:
    """Every process beneath `pid`, parents before their children."""
    children: dict[int, list[int]] = {}
    for child, parent in parents().items():
        children.setdefault(parent, []).append(child)
    found = list(children.get(pid, ()))
    for member in found:
        found.extend(children.get(member, ()))
    return found


class Reaper:
    """One program and all that comes of it, from start to status file."""

    def __init__(self, argv: Sequence[str], *, grace: float, spare: str = "") -> None:
        self._spare = spare
        self._argv = list(argv)
        self._grace = grace
        self._terminal = _own_terminal()
        self._program = 0
        self._wait_status: int | None = None
        self._terminated = False
        self._refused: set[int] = set()
        self.started = time.time()
        self.ended = self.started

    @property
    def terminal(self) -> int | None:
        return self._terminal

    def run(self, environment: Mapping[str, str]) -> dict[str, object]:
        """Runs the program to its end and clears up; returns the content of the status file."""
        error = self._start(environment)
        if error:
            self._reap()
            return self.not_started(error)
        while self._wait_status is None and not self._terminated:
            self._terminated = self._next_signal() in _ENDING
        self._end_all()
        return self._status("terminated" if self._terminated else "exited", error=self._survivors())

    def not_started(self, error: str) -> dict[str, object]:
        """The content of the status file when there is no program to run."""
        return self._status("launch-failed", exit_code=_CANT_START, error=error)

    def _start(self, environment: Mapping[str, str]) -> str:
        """Forks the program; returns why it could not be started, or nothing."""
        reaper = os.getpid()
        read, write = os.pipe()
        self._program = os.fork()
        if self._program == 0:
            try:
                self._become_program(environment, reaper=reaper)
            except OSError as error:
                os.write(write, f"{self._argv[0]}: {error.strerror}".encode())
            except ValueError as error:  # a NUL in an argument or in the environment
                os.write(write, f"{self._argv[0]}: {error}".encode())
            finally:
                os._exit(_CANT_START)
        os.close(write)
        self._own_group()
        with open(read, "rb") as failure:  # noqa: PTH123
            return failure.read().decode()

    def _become_program(self, environment: Mapping[str, str], *, reaper: int) -> None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != reaper:  # it died before the line above
            os._exit(_CANT_START)
        self._own_group()
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execvpe(self._argv[0], self._argv, dict(environment))

    def _own_group(self) -> None:
        """Done by parent and child alike, so that neither has to wait for the other."""
        try:
            os.setpgid(self._program, self._program)
        except (PermissionError, ProcessLookupError):
            return  # the child was first, and has gone on or has ended
        self._to_foreground()

    def _to_foreground(self) -> None:
        if self._terminal is None:
            return
        try:
            os.tcsetpgrp(self._terminal, self._program or os.getpid())
        except (PermissionError, ProcessLookupError):
            return  # the program has ended
        except OSError as error:
            if error.errno not in (errno.EIO, errno.ENOTTY):  # the terminal is gone: SIGHUP is on its way
                raise

    def _next_signal(self, timeout: float | None = None) -> int | None:
        waited = _ENDING | {signal.SIGCHLD}
        info = signal.sigwaitinfo(waited) if timeout is None else signal.sigtimedwait(waited, timeout)
        if info is not None and info.si_signo == signal.SIGCHLD:
            self._reap()
        return None if info is None else info.si_signo

    def _reap(self) -> bool:
        """Takes every child that has ended; says whether any child is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if os.WIFSTOPPED(status):
                self._resume(pid, os.WSTOPSIG(status))
            elif pid == self._program:
                self._wait_status, self.ended = status, time.time()

    def _resume(self, pid: int, stop: int) -> None:
        """Nobody could type `fg` after a Ctrl-Z here. A plain SIGSTOP is somebody's wish, and is left alone."""
        if pid == self._program and stop in _TERMINAL_STOPS and not self._terminated:
            self._to_foreground()
            os.killpg(pid, signal.SIGCONT)

    def _end_all(self) -> None:
        """SIGTERM to every descendant, SIGKILL after the grace, until none is left."""
        asked: set[int] = set()
        deadline = time.monotonic() + self._grace
        while self._reap():
            members = self._members()
            if self._spare and not members:
                return
            if time.monotonic() < deadline:
                for pid in members:
                    if pid not in asked:
                        self._signal(pid, signal.SIGTERM)
                        self._signal(pid, signal.SIGCONT)  # a stopped process takes no signal but SIGKILL
                asked.update(members)
            else:
                self._refused = {pid for pid in members if not self._signal(pid, signal.SIGKILL)}
                if members and self._refused.issuperset(members):
                    return  # all that is left belongs to another user
            self._next_signal(_POLL)

    def _members(self) -> list[int]:
        """Every descendant that is to be ended."""
        found = descendants(os.getpid())
        if not self._spare:
            return found
        spared = {pid for pid in found if _has_variable(pid, self._spare)}
        return [pid for pid in found if pid not in spared.union(*map(descendants, spared))]

    def _signal(self, pid: int, number: int) -> bool:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return True

    def _survivors(self) -> str:
        left = sorted(self._refused & set(self._members()))
        return f"not allowed to end {', '.join(map(str, left))}" if left else ""

    def _status(self, reason: str, *, exit_code: int | None = None, error: str = "") -> dict[str, object]:
        number: int | None = None
        if exit_code is None and self._wait_status is not None:
            code = os.waitstatus_to_exitcode(self._wait_status)
            exit_code, number = (code, None) if code >= 0 else (None, -code)
        return {
            "pid": self._program,
            "exit": exit_code,
            "signal": number,
            "started": self.started,
            "ended": self.ended,
            "reason": reason,
            "error": error,
        }


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _has_variable(pid: int, name: str) -> bool:
    """Whether a process was started with a variable of that name (proc(5), environ)."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123
            return any(item.startswith(name.encode() + b"=") for item in file.read().split(b"\0"))
    except OSError:  # it has ended, or is another user's
        return False


def _own_terminal() -> int | None:
    """The controlling terminal, if this process is in its foreground; nobody else's is taken over."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return None
    try:
        if os.tcgetpgrp(terminal) == os.getpgrp():
            return terminal
    except OSError:  # hung up already
        pass
    os.close(terminal)
    return None


def _environment(files: Iterable[str]) -> dict[str, str]:
    """Our own environment, changed as `files` say; the files are gone afterwards."""
    values = dict(os.environ)
    for path in files:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            os.unlink(path)  # noqa: PTH108
            for name, value in json.load(file).items():
                if value is None:
                    values.pop(name, None)
                else:
                    values[name] = value
    return values


def _write(path: str, text: str) -> None:
    """Writes `path` in one rename, readable by its owner only."""
    temporary = f"{path}.{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(text)
    os.replace(temporary, path)  # noqa: PTH105


def main(arguments: Sequence[str]) -> int:
    """`reaper.py --status FILE [--pid-file FILE] [--grace S] [--drain S] [--spare NAME] [--env-file FILE]… -- ARGV…`"""
    names = ["status=", "pid-file=", "grace=", "drain=", "env-file=", "spare="]
    options, argv = getopt.getopt(list(arguments), "", names)
    given = dict(options)
    if "--status" not in given or not argv:
        print(main.__doc__, file=sys.stderr)
        return 2

    signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    if "--pid-file" in given:
        _write(given["--pid-file"], f"{os.getpid()}\n")
    reaper = Reaper(argv, grace=float(given.get("--grace", "5")), spare=given.get("--spare", ""))
    try:
        environment = _environment(value for name, value in options if name == "--env-file")
        status = reaper.run(environment)
    except (OSError, ValueError) as error:
        status = reaper.not_started(str(error))
    return _finish(given, status, drain=float(given.get("--drain", "0.15")) if reaper.terminal is not None else 0.0)


def _finish(given: Mapping[str, str], status: Mapping[str, object], *, drain: float) -> int:
    if status["error"]:
        _say(str(status["error"]))
    try:
        _write(given["--status"], json.dumps(status))
        if "--pid-file" in given:
            os.unlink(given["--pid-file"])  # noqa: PTH108
    except OSError as error:
        _say(f"{error.filename}: {error.strerror}")
    time.sleep(drain)
    code = status["exit"] if status["exit"] is not None else 128 + int(str(status["signal"] or 0))
    return int(str(code))


def _say(text: str) -> None:
    try:
        os.write(2, f"{text}\r\n".encode())
    except OSError:
        return  # the terminal is gone, and with it whoever could have read this


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
