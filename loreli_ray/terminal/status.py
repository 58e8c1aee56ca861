"""How a program ended, as its sub-reaper wrote it down.

The file is the authority: tmux 3.3a can lose the exit status of a pane (its SIGCHLD is swallowed by libutempter).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from loreli_ray.errors import TerminalError

Reason = Literal["exited", "terminated", "launch-failed"]


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """`exit` or `signal` is None, never both; times are seconds since the epoch; `pid` is the program's own."""

    pid: int
    exit: int | None
    signal: int | None
    started: float
    ended: float
    reason: Reason
    error: str = ""

    @property
    def code(self) -> int:
        """As a shell has it: the exit status, or 128 + the signal."""
        return self.exit if self.exit is not None else 128 + (self.signal or 0)


def read_exit(path: Path) -> ExitStatus | None:
    """What the status file says; None while there is none. Raises `TerminalError` when it can't be read."""
    try:
        values = cast("dict[str, object]", json.loads(path.read_text(encoding="utf-8")))
        return ExitStatus(**values)  # pyright: ignore[reportArgumentType]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise TerminalError(f"not a status file: {error}", subject=str(path)) from error
