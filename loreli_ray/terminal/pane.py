"""One pane with one program in it, and everything that can be done to it.

A pane is known by its agent, incarnation and marker (options of the pane itself) and by its leader's process id: tmux
gives out %0, %1 … again after a crash, so a stored id alone would hit a stranger. Whatever changes a pane is fenced
*inside* tmux: the check and the act are one command, and a pane that isn't ours any more is left alone.
"""

from __future__ import annotations

import os
import re
import select
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from loreli_ray.errors import PaneGone, TerminalError, UsageError
from loreli_ray.files import locked
from loreli_ray.terminal.clean import clean_input, clean_output
from loreli_ray.terminal.processes import alive, kill_tree, marked
from loreli_ray.terminal.status import ExitStatus, read_exit
from loreli_ray.terminal.tmux import Tmux

MARKER = "LORELI_PANE"
SETTLE = 0.3
_MARGIN = 2.0  # what a reaper may take beyond its grace: the kill, the drain, a busy machine
_FENCED = "loreli-fenced"
_IDENTITY = "#{pane_pid}/#{@loreli_agent}/#{@loreli_incarnation}/#{@loreli_pane}"
_KEY = re.compile(r"[A-Za-z0-9-]+")


@dataclass(frozen=True, slots=True)
class PaneInfo:
    """What tmux and /proc say of a pane.

    `pid` is the leader's (the reaper's), `start_time` its start in clock ticks (0 when it is gone), `activity` the last
    output in seconds since the epoch. `exit` and `signal` are tmux's word and may be missing on a dead pane: the status
    file is the authority. A pane that is not ours has no agent, incarnation, marker and status file.
    """

    pane_id: str
    pid: int
    start_time: int
    dead: bool
    exit: int | None
    signal: int | None
    activity: int
    agent: str
    incarnation: int | None
    marker: str
    status_file: Path | None


class Pane:
    """A handle on one pane. Blocking, and safe to use from several threads and processes."""

    def __init__(self, tmux: Tmux, info: PaneInfo, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._tmux = tmux
        self._sleep = sleep
        self.info = info
        self.agent = info.agent
        self.incarnation = info.incarnation
        self.pane_id = info.pane_id
        self.pid = info.pid
        self.start_time = info.start_time
        self.marker = info.marker
        self.status_file = info.status_file

    def __repr__(self) -> str:
        return f"Pane({self.agent}#{self.incarnation} {self.pane_id} pid={self.pid})"

    @property
    def _identity(self) -> str:
        incarnation = "" if self.incarnation is None else self.incarnation
        return f"{self.pid}/{self.agent}/{incarnation}/{self.marker}"

    def send(self, text: str, *, enter: bool = True, settle: float = SETTLE) -> None:
        """Pastes `text` (see `clean_input`) as one block and, after `settle` seconds, presses Enter.

        An empty text is only the Enter. Senders of other threads and processes wait for each other.
        Raises `PaneGone` when the pane is dead or another's, `UsageError` when the text is too long.
        """
        text = clean_input(text)
        with locked(self._lock_file, timeout=30, error=TerminalError, sleep=self._sleep):
            if text:
                self._paste(text)
            if enter:
                if text:
                    self._sleep(settle)
                self._fenced(f"send-keys -t {self.pane_id} Enter")

    def press(self, *keys: str) -> None:
        """Presses keys by their tmux names: `Escape`, `Down`, `C-c`. Raises `PaneGone`, `UsageError` for odd names."""
        if not keys or not all(_KEY.fullmatch(key) for key in keys):
            raise UsageError(f"not the names of keys: {' '.join(keys)!r}", subject=self.agent)
        self._fenced(f"copy-mode -q -t {self.pane_id} ; send-keys -t {self.pane_id} {' '.join(keys)}")

    def interrupt(self) -> None:
        """Ctrl-C, for the program."""
        self.press("C-c")

    def capture(self, lines: int | None = None) -> str:
        """The screen, or the last `lines` lines of screen and history, cleaned. Works on a dead pane, too."""
        if lines is not None and lines < 1:
            raise UsageError(f"can't capture {lines} lines", subject=self.agent)
        start = "0" if lines is None else f"-{lines}"
        answer = self._tmux.run(
            *("display-message", "-p", "-t", self.pane_id, _IDENTITY, ";"),
            *("capture-pane", "-p", "-t", self.pane_id, "-S", start),
        )
        if answer[:1] != [self._identity]:
            raise self._gone()
        text = clean_output("\n".join(answer[1:]))
        return text if lines is None else "\n".join(text.split("\n")[-lines:])

    def alive(self) -> bool:
        """Whether the leader runs; asks the kernel, not tmux."""
        return alive(self.pid, self.start_time)

    def exit_status(self) -> ExitStatus | None:
        """How the program ended; None while it runs, and for ever when the reaper itself was killed."""
        return None if self.status_file is None else read_exit(self.status_file)

    def stop(self, grace: float) -> ExitStatus | None:
        """Ends the program and all it started; the pane keeps what it showed.

        `grace`: not less than the one it was launched with.
        """
        end_panes([self], grace=grace, close=False)
        return self.exit_status()

    def close(self) -> None:
        """Removes the pane from tmux, with what is on its screen. Nothing happens when it is gone."""
        condition = f"#{{==:{_IDENTITY},{self._identity}}}"
        self._lock_file.unlink(missing_ok=True)
        try:
            self._tmux.run("if-shell", "-F", "-t", self.pane_id, condition, f"kill-pane -t {self.pane_id}")
        except PaneGone:
            return

    @property
    def _lock_file(self) -> Path:
        return self._tmux.path.with_name(f"{self.marker or self.pid}.lock")

    def _paste(self, text: str) -> None:
        buffer = f"loreli-{uuid4().hex}"
        self._fenced(
            f"copy-mode -q -t {self.pane_id} ; paste-buffer -p -r -d -b {buffer} -t {self.pane_id}",
            first=("load-buffer", "-b", buffer, "-", ";"),
            otherwise=f"delete-buffer -b {buffer} ; ",
            stdin=text,
        )

    def _fenced(self, commands: str, *, first: Sequence[str] = (), otherwise: str = "", stdin: str = "") -> None:
        """Runs `commands` if the pane is alive and ours, as seen by tmux at that very moment."""
        condition = f"#{{==:#{{pane_dead}}/{_IDENTITY},0/{self._identity}}}"
        fence = ("if-shell", "-F", "-t", self.pane_id, condition, commands, f"{otherwise}display-message -p {_FENCED}")
        command, *arguments = (*first, *fence)
        if _FENCED in self._tmux.run(command, *arguments, stdin=stdin):
            raise self._gone()

    def _gone(self) -> PaneGone:
        return PaneGone(
            f"pane {self.pane_id} of incarnation {self.incarnation} is dead or another's", subject=self.agent
        )


def end_panes(panes: Sequence[Pane], *, grace: float, close: bool = True) -> None:
    """Ends panes side by side: SIGTERM to the reapers, SIGKILL to their trees after `grace`, then strays; and the panes
    themselves when `close`.

    Raises `TerminalError` after every pane was tried, when something could not be ended.
    """
    _ask_to_end(panes, timeout=grace + _MARGIN)
    problems = [problem for pane in panes if pane.alive() and (problem := _kill(pane.pid))]
    marks = {pane.marker for pane in panes} - {""}
    problems += [problem for pid, mark in marked(MARKER).items() if mark in marks and (problem := _kill(pid))]
    for pane in panes if close else ():
        try:
            pane.close()
        except TerminalError as error:
            problems.append(str(error))
    if problems:
        raise TerminalError("; ".join(problems), subject=", ".join(pane.agent or pane.pane_id for pane in panes))


def _ask_to_end(panes: Sequence[Pane], *, timeout: float) -> None:
    """SIGTERM to the leaders, and at most `timeout` seconds for all of them to end."""
    poll = select.poll()
    waiting: set[int] = set()
    deadline = time.monotonic() + timeout
    try:
        for pane in panes:
            try:
                descriptor = os.pidfd_open(pane.pid)
            except ProcessLookupError:
                continue
            waiting.add(descriptor)
            poll.register(descriptor, select.POLLIN)
            if pane.alive():  # or the descriptor is a stranger's
                signal.pidfd_send_signal(descriptor, signal.SIGTERM)
            else:
                _forget(poll, waiting, descriptor)
        while waiting and (left := deadline - time.monotonic()) > 0:
            for descriptor, _ in poll.poll(left * 1000):
                _forget(poll, waiting, descriptor)
    finally:
        for descriptor in waiting:
            os.close(descriptor)


def _forget(poll: select.poll, waiting: set[int], descriptor: int) -> None:
    poll.unregister(descriptor)
    waiting.remove(descriptor)
    os.close(descriptor)


def _kill(pid: int) -> str:
    try:
        kill_tree(pid)
    except TerminalError as error:
        return str(error)
    return ""
