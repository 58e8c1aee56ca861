"""What every actor of a session is told when it is made. It travels in the constructor, never in the environment."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from loreli_ray.clock import Clock, SystemClock
from loreli_ray.config import Config
from loreli_ray.model import Value


class SessionSettings(Value):
    """One session. `folder` is its durable home; `runtime` its place for sockets, short because they must be."""

    id: str
    repo: str
    config: Config
    folder: Path
    runtime: Path

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.db"

    @property
    def endpoint(self) -> Path:
        """Where the session's HTTP API is, and its token."""
        return self.folder / "endpoint.json"

    @property
    def credentials(self) -> Path:
        return self.folder / "credentials.json"

    def node_folder(self, node: str) -> Path:
        return self.folder / "nodes" / node[:12]

    def socket(self, node: str) -> Path:
        """The tmux server's socket on a node."""
        return self.runtime / node[:8] / "tmux"

    def clock(self) -> Clock:
        return SystemClock()


def runtime_root() -> Path:
    """The parent of all runtime folders of this user: short and private."""
    return Path(tempfile.gettempdir()) / f"loreli-{os.getuid()}"


def remove_runtime(folder: Path) -> None:
    """Removes one runtime folder, and with the last one their parent."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # others still have theirs there
        folder.parent.rmdir()
