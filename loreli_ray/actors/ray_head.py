"""A Ray of our own on this machine: one head node on loopback, under the same sub-reaper as the agents' programs.

Ending the reaper ends every process of it and nothing else: `ray stop` would end everybody's. The agents' terminals are
spared, so that a Ray that crashes takes no program along. Its settings are what was
measured to matter (prestarted and preloaded workers, no niceness, no OOM score, token authentication).
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from loreli_ray.actors.settings import remove_runtime
from loreli_ray.actors.spawn import NODE_LABEL, SLOT
from loreli_ray.errors import SessionError
from loreli_ray.files import write_private
from loreli_ray.model import Value
from loreli_ray.terminal import TERMINAL, alive, kill_tree, marked, reaper_command, start_time

#: What every worker imports before it is given an actor. Most become agents; who needs more imports it then.
PRELOADED = "loreli_ray.actors.agent"
_ADDRESS = "127.0.0.2"  # loopback, but not a name for it that Ray replaces by the machine's outer address
_OBJECT_STORE = 100 * 2**20
_START_TIMEOUT = 60.0
_GRACE = 4.0
_OUTPUT = "ray.log"
_TOKEN_PATH = "RAY_AUTH_TOKEN_PATH"
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

#: The heads that this process started: they may outlive it, but while it lives it has to wait for them.
_children: dict[int, subprocess.Popen[bytes]] = {}


class RayHead(Value):
    """A running head: its address, its token file, and the process that ends it."""

    address: str
    token_file: Path
    folder: Path
    pid: int
    started: int

    @property
    def running(self) -> bool:
        return alive(self.pid, self.started)

    def stop(self, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """Ends every process of this Ray and removes its folder. The agents' terminals live on."""
        if self.running:
            os.kill(self.pid, signal.SIGTERM)
        else:  # its reaper was killed: what that would have ended is known by its token
            kill_tree(*(set(marked(_TOKEN_PATH, str(self.token_file))) - {os.getpid()}))
        deadline = time.monotonic() + _GRACE + 10
        while self.running and time.monotonic() < deadline:
            sleep(0.05)
        if self.running:
            raise SessionError(f"process {self.pid} does not end", subject="ray")
        if (child := _children.pop(self.pid, None)) is not None:
            child.wait()
        remove_runtime(self.folder)


def start_ray_head(
    folder: Path, *, slots: int, preload: str = PRELOADED, sleep: Callable[[float], None] = time.sleep
) -> RayHead:
    """Starts a head whose files lie in `folder` (short: sockets lie in it), with room for `slots` agents.

    `preload` names the modules that a worker imports before it is given an actor, with commas between them.

    Raises `SessionError` with Ray's own words when it does not come up.
    """
    token_file, process = folder / "token", None
    try:
        with _uninterrupted():  # else a process could be there that nobody knows of
            write_private(token_file, secrets.token_hex(32))
            process = _popen(folder, token_file, slots=slots, preload=preload)
        address = _await_address(folder, process, sleep=sleep)
    except BaseException:  # an interrupt too must not leave half a Ray
        if process is not None:
            process.terminate()
            process.wait()
        remove_runtime(folder)
        raise
    _children[process.pid] = process
    return RayHead(
        address=address,
        token_file=token_file,
        folder=folder,
        pid=process.pid,
        started=start_time(process.pid) or 0,
    )


def _popen(folder: Path, token_file: Path, *, slots: int, preload: str) -> subprocess.Popen[bytes]:
    command = reaper_command(
        _command(folder, slots=slots), status_file=folder / "exit.json", grace=_GRACE, spare=TERMINAL
    )
    with (folder / _OUTPUT).open("w") as log:
        return subprocess.Popen(
            command,
            env=_environment(token_file, preload=preload),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _await_address(folder: Path, process: subprocess.Popen[bytes], *, sleep: Callable[[float], None]) -> str:
    """The address, once Ray has written it down."""
    file, deadline = folder / "r" / "ray_current_cluster", time.monotonic() + _START_TIMEOUT
    while not (file.exists() and file.read_text().strip()):
        if process.poll() is not None or time.monotonic() > deadline:
            tail = "\n".join((folder / _OUTPUT).read_text(errors="replace").splitlines()[-15:])
            raise SessionError(f"did not start:\n{tail}", subject="ray")
        sleep(0.05)
    return file.read_text().strip()


@contextmanager
def _uninterrupted() -> Generator[None]:
    """Keeps the signals that end a command until the block is done; in the main thread, where they arrive."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[tuple[int, FrameType | None]] = []
    before = {number: signal.signal(number, lambda *given: caught.append(given)) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for number, frame in caught:
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)


def _command(folder: Path, *, slots: int) -> list[str]:
    return [
        str(Path(sys.executable).with_name("ray")),
        "start",
        "--head",
        "--block",
        "--port=0",
        f"--node-ip-address={_ADDRESS}",
        f"--temp-dir={folder / 'r'}",
        "--include-dashboard=false",
        "--num-cpus=8",
        f"--object-store-memory={_OBJECT_STORE}",
        f"--resources={json.dumps({SLOT: slots})}",
        f"--labels={NODE_LABEL}={_machine()}",
        "--disable-usage-stats",
    ]


def _machine() -> str:
    """What this machine is known by, also to the next Ray on it."""
    return hashlib.blake2s(socket.gethostname().encode(), digest_size=8).hexdigest()


def _environment(token_file: Path, *, preload: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "GITHUB_"))}
    return inherited | {
        "RAY_AUTH_MODE": "token",
        _TOKEN_PATH: str(token_file),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_niceness": "0",
        "RAY_worker_oom_score_adjustment": "0",
        "RAY_worker_maximum_startup_concurrency": "8",
        "RAY_enable_worker_prestart": "1",
        "RAY_preload_python_modules": preload,
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
    }
