"""What an agent's screen showed last, kept for people when it is removed (SPEC S11)."""

from __future__ import annotations

from pathlib import Path

from loreli_ray.errors import SessionError


def death_log(logs: Path, name: str) -> Path:
    """Where it lies, in a session's folder of logs."""
    return logs / f"{name}.death.log"


def read_death_log(logs: Path, name: str, *, lines: int) -> str:
    """Its last `lines`. Raises `SessionError` when there is none."""
    try:
        text = death_log(logs, name).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise SessionError(f"there is no log of its death ({error.strerror})", subject=name) from error
    return "\n".join(text.splitlines()[-lines:])
