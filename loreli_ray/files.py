"""Files of ours: private ones, written whole or not at all, and locks between processes."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from loreli_ray.errors import LoreliError

_POLL = 0.01


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, in one rename; its folder is made when it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)


@contextmanager
def locked(
    path: Path,
    *,
    timeout: float,
    error: type[LoreliError] = LoreliError,
    sleep: Callable[[float], None] = time.sleep,
) -> Generator[None]:
    """Holds the lock of `path`, also against other threads; raises `error` when it isn't free in `timeout` s.

    It is flock(2): the kernel frees it when its holder dies.
    """
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
