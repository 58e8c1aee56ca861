"""What is wrong with a ledger, and the way out: SQLite's result codes (sqlite.org/rescode.html) in words for people."""

from __future__ import annotations

import sqlite3
from typing import Final

from pydantic import ValidationError

_AWAY: Final = (
    "move it away, with its -wal and -shm files, or put a copy of it back; "
    "without one the session begins a new record, and finds its issues and claims on the git host"
)
_WORDS: Final = {
    sqlite3.SQLITE_NOTADB: f"it is no database; {_AWAY}",
    sqlite3.SQLITE_CORRUPT: f"it is damaged; {_AWAY}",
    sqlite3.SQLITE_BUSY: "another process holds it (locked); end that (`fuser` names it), or try again",
    sqlite3.SQLITE_READONLY: "it can't be written (read-only); check the rights of the file and of its folder",
    sqlite3.SQLITE_CANTOPEN: "it can't be opened; check that its folder is there, and the rights of both",
    sqlite3.SQLITE_FULL: "the disk is full; free some space (nothing was half-written)",
    sqlite3.SQLITE_IOERR: "its disk fails or has no room for it; check space, quota, disk (nothing was half-written)",
}
DAMAGED: Final = _WORDS[sqlite3.SQLITE_CORRUPT]
FOREIGN: Final = "it is the database of another program; move that away"


def words(error: Exception) -> str:
    """One line: what is wrong, and what to do about it."""
    if isinstance(error, ValidationError):
        return "a line can't be read; a newer program wrote it, or it is damaged"
    code = getattr(error, "sqlite_errorcode", None)  # what Python itself raises has none
    known = _WORDS.get(code & 0xFF) if isinstance(code, int) else None
    return known or " ".join(str(error).split())


def newer(found: int, known: int) -> str:
    """What to do about a file of a program to come."""
    return f"its schema is version {found}, this program knows {known}; use the newer loreli_ray that wrote it"
