"""The private tmux server of one session on one node.

Invariants
- One server per socket, in a folder that only its owner can enter, started without the user's tmux configuration, with
  a whitelisted environment, no signal blocked, and many file descriptors (at its limit tmux 3.3a hangs silently).
- One window per agent, so that the window's activity is the agent's; its leader is a sub-reaper, never a shell.
- What is secret reaches a program through a file of mode 0600 that the reaper removes; no argument, no option and no
  environment of tmux ever holds it.
- Starting, launching and looking for orphans exclude each other across processes: no half-launched pane is ever seen.
- There is no state but tmux's own: any process may open the same socket and go on.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from uuid import uuid4

from loreli_ray.errors import PaneGone, TerminalError, UsageError
from loreli_ray.files import locked
from loreli_ray.terminal.control import ControlClient
from loreli_ray.terminal.pane import MARKER, Pane, PaneInfo, end_panes
from loreli_ray.terminal.processes import alive, kill_tree, marked, start_time
from loreli_ray.terminal.reaper import reaper_command
from loreli_ray.terminal.tmux import Tmux, no_signal_blocked

_NAME = re.compile(r"\w[\w.-]*")
_SESSION = re.compile(r"[A-Za-z0-9_-]+")
_OPEN_FILES = 8192
_LOCK_TIMEOUT = 30.0
_FORMAT = "|".join(
    f"#{{{name}}}"
    for name in (
        *("pane_id", "pane_pid", "pane_dead", "pane_dead_status", "pane_dead_signal", "window_activity"),
        *("@loreli_agent", "@loreli_incarnation", "@loreli_pane", "@loreli_status"),
    )
)


class TerminalServer:
    """Blocking, and safe to use from several threads and processes. Every call ends: tmux has a deadline."""

    def __init__(
        self,
        socket: Path,
        session: str,
        *,
        history: int = 2000,
        timeout: float = 10.0,
        standing: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`socket`: absolute, at most 107 bytes; its folder is made with mode 0700. `history`: lines kept per pane.

        `timeout`: seconds for one call of tmux. `standing`: keeps a connection for `panes`, for who asks each second.
        Raises `UsageError` for a socket or session that can't be.
        """
        if not _SESSION.fullmatch(session):
            raise UsageError("a session's name has letters, digits, - and _ only", subject=session)
        self.socket = socket
        self.session = session
        self._history = history
        self._sleep = sleep
        self._tmux = Tmux(socket, timeout=timeout)
        self._timeout = timeout
        self._standing = ControlClient(socket, session, timeout=timeout) if standing else None
        self._found = False
        #: How the marks of all its panes begin.
        self.tag = hashlib.blake2s(os.fsencode(socket), digest_size=6).hexdigest()

    def pid(self) -> int | None:
        """The server's process; None when there is none."""
        return self._tmux.server_pid()

    def alive(self) -> bool:
        """Whether a server listens on the socket (the file alone may outlive it)."""
        return self.pid() is not None

    def ensure(self) -> None:
        """Starts the server if there is none. Raises `TerminalError`."""
        if not self.alive():
            self._private_folder()
            with self._exclusive():
                self._ensure()

    def launch(
        self,
        *,
        agent: str,
        incarnation: int,
        argv: Sequence[str],
        cwd: Path,
        environment: Mapping[str, str],
        status_file: Path,
        grace: float,
        width: int = 200,
        height: int = 50,
    ) -> Pane:
        """Runs `argv`, with `environment` on top of a few harmless variables, in a new window under a reaper.

        `grace`: seconds between SIGTERM and SIGKILL whenever the program is ended. `status_file` will hold how it ended
        (see `read_exit`); an old one is removed. A program that can't be started is a pane that dies at once with 127.
        Raises `UsageError` for arguments that can't be, `TerminalError` when tmux fails; then nothing is left behind.
        """
        if not _NAME.fullmatch(agent) or not argv:
            raise UsageError("an agent needs a name of letters, digits, - _ . and a command", subject=agent)
        if not cwd.is_dir():
            raise UsageError(f"{cwd} is not a folder to run in", subject=agent)
        status_file.unlink(missing_ok=True)
        self._private_folder()
        marker = f"{self.tag}-{uuid4().hex}"
        # tmux's own variables would let a program type into other panes.
        variables = {**environment, MARKER: marker, "TMUX": None, "TMUX_PANE": None}
        env_file = self.socket.with_name(f"{marker}.env")
        command = reaper_command(argv, status_file=status_file, grace=grace, env_files=[env_file])
        try:
            env_file.touch(mode=0o600, exist_ok=False)
            env_file.write_text(json.dumps(variables), encoding="utf-8")
            with self._exclusive():
                self._ensure()
                pane_id, pid = self._new_window(agent, command, cwd=cwd, size=(width, height))
                info = PaneInfo(
                    pane_id=pane_id,
                    pid=pid,
                    start_time=start_time(pid) or 0,
                    dead=False,
                    exit=None,
                    signal=None,
                    activity=0,
                    agent=agent,
                    incarnation=incarnation,
                    marker=marker,
                    status_file=status_file,
                )
                self._tag_pane(info, size=(width, height))
        except (TerminalError, OSError):
            env_file.unlink(missing_ok=True)
            raise
        return self.pane(info)

    def panes(self) -> list[PaneInfo]:
        """Every pane of the server, in one call of tmux; none when there is no server."""
        if self._standing is not None and self._found:
            try:
                return [_info(line) for line in self._standing.ask(f"list-panes -a -F '{_FORMAT}'")]
            except TerminalError:  # its session has ended, or the server: that is said by the call below
                self._found = False
        done = self._tmux.cmd("list-panes", "-a", "-F", _FORMAT)
        if not done.stderr:
            self._found = bool(done.stdout)
            return [_info(line) for line in done.stdout]
        if "no current target" in done.stderr[0] or not self.alive():  # no session yet, or no server
            return []
        raise TerminalError("; ".join(done.stderr), subject=str(self.socket))

    def find(self, agent: str) -> Pane | None:
        """The pane of `agent`'s newest incarnation, alive or dead, by the pane's own options."""
        found = [info for info in self.panes() if info.agent == agent]
        return self.pane(max(found, key=lambda info: info.incarnation or 0)) if found else None

    def collect_orphans(self, owned: Collection[str], *, grace: float = 5.0) -> int:
        """Ends every pane whose agent is not in `owned`, and processes of panes that are gone; returns how many panes.

        When no pane is left after that, the server goes, too. `owned` must include the agents that are being launched.
        """
        if not self.socket.parent.is_dir():
            return 0  # nothing was ever started here
        with self._exclusive():
            panes = self.panes()
            known = {info.marker for info in panes}
            strays = [pid for pid, mark in self._marked().items() if mark not in known]
        orphans = [self.pane(info) for info in panes if info.agent not in owned]
        kill_tree(*strays)
        end_panes(orphans, grace=grace)
        if orphans:
            with self._exclusive():
                if not self.panes():
                    self._end_server()
        return len(orphans)

    def kill(self, *, grace: float = 5.0) -> None:
        """Ends every program and all it started, then the server, and returns when it is really gone."""
        if not self.socket.parent.is_dir():
            return
        with self._exclusive(timeout=grace + _LOCK_TIMEOUT):
            try:
                panes = [self.pane(info) for info in self.panes()]
            except TerminalError:
                panes = []  # a server that hangs is ended together with all beneath it
            try:
                end_panes(panes, grace=grace)
            finally:
                self._end_server()
                if self._standing is not None:
                    self._standing.close()

    def attach_command(self, agent: str, *, read_only: bool = False) -> list[str]:
        """The command with which a person watches `agent` in a terminal. Raises `PaneGone` when it has no pane."""
        pane = self.find(agent)
        if pane is None:
            raise PaneGone("has no pane", subject=agent)
        tmux = ["env", "-u", "TMUX", "tmux", "-u", "-S", str(self.socket), "attach-session", "-t", pane.pane_id]
        return [*tmux, "-r"] if read_only else tmux

    def pane(self, info: PaneInfo) -> Pane:
        """A handle on a pane that `panes` has shown."""
        return Pane(self._tmux, info, sleep=self._sleep)

    def _marked(self) -> dict[int, str]:
        """The programs of this server and all they started, wherever they went, with their panes' marks."""
        return {pid: mark for pid, mark in marked(MARKER).items() if mark.startswith(f"{self.tag}-")}

    def _exclusive(self, *, timeout: float = _LOCK_TIMEOUT) -> AbstractContextManager[None]:
        return locked(
            self.socket.with_name(f"{self.socket.name}.mutex"), timeout=timeout, error=TerminalError, sleep=self._sleep
        )

    def _private_folder(self) -> None:
        folder = self.socket.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
        if status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise TerminalError("must be a folder of mode 0700 that is ours", subject=str(folder))

    def _ensure(self) -> None:
        if self.alive():
            return
        options = (
            ("-s", "exit-empty", "off"),
            ("-s", "set-clipboard", "off"),
            ("-g", "default-terminal", "tmux-256color"),
            ("-g", "history-limit", str(self._history)),
            ("-g", "status", "off"),
            ("-g", "update-environment", ""),
            ("-gw", "remain-on-exit", "on"),
            ("-gw", "remain-on-exit-format", ""),
            ("-gw", "automatic-rename", "off"),
            ("-gw", "allow-rename", "off"),
        )
        with no_signal_blocked():
            self._tmux.run(
                "start-server", *(word for option in options for word in (";", "set-option", *option)), start=True
            )
        pid = self.pid()
        if pid is None:
            raise TerminalError("the server is gone as soon as it was started", subject=str(self.socket))
        hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (min(hard, _OPEN_FILES) if hard > 0 else _OPEN_FILES, hard))

    def _new_window(self, agent: str, command: Sequence[str], *, cwd: Path, size: tuple[int, int]) -> tuple[str, int]:
        exists = not self._tmux.cmd("has-session", "-t", f"={self.session}").stderr
        place = ("new-window", "-d", "-t", f"={self.session}:") if exists else ("new-session", "-d", "-s", self.session)
        answer = self._tmux.run(
            *("set-option", "-g", "default-size", f"{size[0]}x{size[1]}", ";"),
            *(*place, "-n", agent, "-c", str(cwd), "-P", "-F", "#{pane_id} #{pane_pid}", "--", *map(_literal, command)),
        )
        pane_id, pid = answer[0].split()
        return pane_id, int(pid)

    def _tag_pane(self, info: PaneInfo, *, size: tuple[int, int]) -> None:
        """Writes who it is on the pane itself, and keeps its size whoever looks at it."""
        options = {
            "agent": info.agent,
            "incarnation": info.incarnation,
            "pane": info.marker,
            "status": info.status_file,
        }
        tags = [
            ("set-option", "-p", "-t", info.pane_id, f"@loreli_{name}", str(value), ";")
            for name, value in options.items()
        ]
        words = [word for tag in tags for word in tag]
        try:
            self._tmux.run(*words, "resize-window", "-t", info.pane_id, "-x", str(size[0]), "-y", str(size[1]))
        except TerminalError:
            end_panes([self.pane(replace(info, agent="", incarnation=None, marker=""))], grace=0)
            raise

    def _end_server(self) -> None:
        """Ends strays and the server itself, waits until it is gone, and removes its socket."""
        kill_tree(*self._marked())
        pid = self.pid()
        if pid is not None:
            started = start_time(pid) or 0
            try:
                self._tmux.run("kill-server")
            except TerminalError:  # it hangs, or has just gone
                kill_tree(pid)
            deadline = time.monotonic() + self._timeout
            while alive(pid, started):
                if time.monotonic() > deadline:
                    kill_tree(pid)
                self._sleep(0.005)
        self.socket.unlink(missing_ok=True)


def _literal(word: str) -> str:
    """tmux takes a `;` at the end of an argument for its own separator."""
    return f"{word[:-1]}\\;" if word.endswith(";") else word


def _number(text: str) -> int | None:
    return int(text) if text else None


#: The same few paths are read out of tmux each second.
_path = lru_cache(maxsize=1024)(Path)


def _info(line: str) -> PaneInfo:
    pane_id, pid, dead, status, number, activity, agent, incarnation, marker, status_file = line.split("|", 9)
    return PaneInfo(
        pane_id=pane_id,
        pid=int(pid),
        start_time=start_time(int(pid)) or 0,
        dead=dead == "1",
        exit=_number(status),
        signal=_number(number),
        activity=int(activity),
        agent=agent,
        incarnation=_number(incarnation),
        marker=marker,
        status_file=_path(status_file) if status_file else None,
    )
