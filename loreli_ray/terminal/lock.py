"""A lock between processes: flock(2) on a file, which the kernel frees when its holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from loreli_ray.errors import LoreliError

_POLL = 0.01


@contextmanager
def locked(
    path: Path,
    *,
    timeout: float,
    error: type[LoreliError] = LoreliError,
    sleep: Callable[[float], None] = time.sleep,
) -> Generator[None]:
    """Holds the lock of `path`, also against other threads; raises `error` when it isn't free in `timeout` s."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + timeout
        while not _taken(descriptor):
            if time.monotonic() > deadline:
                raise error(f"held by another process for more than {timeout:g} s", subject=str(path))
            sleep(_POLL)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
