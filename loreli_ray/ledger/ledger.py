"""The durable record of a session: the fleet's registry and what happened, in SQLite.

Write-ahead log with full synchronisation: what a call has returned from survives `kill -9` and a power cut. One process
writes (the supervisor); any may read.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pydantic import ValidationError

from loreli_ray.errors import LedgerError
from loreli_ray.model import Event, EventKind, Record

VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS agents (name TEXT PRIMARY KEY, incarnation INTEGER NOT NULL, record TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS incarnations (name TEXT PRIMARY KEY, last INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    agent TEXT NOT NULL,
    issue INTEGER NOT NULL,
    text TEXT NOT NULL,
    data TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS events_by_agent ON events (agent, seq);
CREATE INDEX IF NOT EXISTS events_by_kind ON events (kind, seq);
"""


class Ledger:
    """The ledger in the file `path`; made when it is not there. Every method raises `LedgerError` when it fails.

    `patience` is how many seconds a call waits for another process that holds the file.
    """

    def __init__(self, path: Path, *, patience: float = 5.0) -> None:
        self._path = path
        with self._guard(), ExitStack() as undo:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
            undo.callback(self._db.close)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._migrate()
            undo.pop_all()

    def close(self) -> None:
        self._db.close()

    # ── the registry ──

    def save(self, record: Record) -> None:
        """Writes an agent's line, over an earlier one of the same name."""
        with self._guard():
            self._db.execute(
                "INSERT INTO agents VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET incarnation = ?2, record = ?3",
                (record.name, record.spec.incarnation, record.model_dump_json()),
            )

    def remove(self, name: str) -> None:
        with self._guard():
            self._db.execute("DELETE FROM agents WHERE name = ?", (name,))

    def records(self) -> list[Record]:
        """The fleet, in order of registration."""
        with self._guard():
            rows = self._db.execute("SELECT record FROM agents ORDER BY rowid").fetchall()
            return [Record.model_validate_json(text) for (text,) in rows]

    def next_incarnation(self, name: str) -> int:
        """A number that is higher than any before for this name; it is used up by asking."""
        with self._guard():
            upsert = "INSERT INTO incarnations VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET last = last + 1"
            row = self._db.execute(f"{upsert} RETURNING last", (name,)).fetchone()
        return int(row[0])

    def names(self) -> frozenset[str]:
        """Every name that was ever given out in this session."""
        with self._guard():
            return frozenset(row[0] for row in self._db.execute("SELECT name FROM incarnations"))

    # ── single facts ──

    def put(self, key: str, value: object) -> None:
        """Keeps one fact of the session; `value` is JSON."""
        with self._guard():
            self._db.execute(
                "INSERT INTO facts VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = ?2", (key, json.dumps(value))
            )

    def get(self, key: str) -> object:
        """The fact of that key; None without one."""
        with self._guard():
            row = self._db.execute("SELECT value FROM facts WHERE key = ?", (key,)).fetchone()
            return json.loads(row[0]) if row else None

    # ── events ──

    def append(self, event: Event) -> Event:
        """Stores an event; the same with its number."""
        with self._guard():
            cursor = self._db.execute(
                "INSERT INTO events (at, kind, agent, issue, text, data) VALUES (?, ?, ?, ?, ?, ?)",
                (event.at, event.kind.value, event.agent, event.issue, event.text, json.dumps(event.data)),
            )
        return event.model_copy(update={"seq": cursor.lastrowid})

    def events(
        self, *, after: int = 0, agent: str = "", kinds: Sequence[EventKind] = (), limit: int = 1000
    ) -> list[Event]:
        """The last `limit` events with a number above `after`, oldest first."""
        clauses, arguments = ["seq > ?"], list[object]([after])
        if agent:
            clauses.append("agent = ?")
            arguments.append(agent)
        if kinds:
            clauses.append(f"kind IN ({', '.join('?' * len(kinds))})")
            arguments += [kind.value for kind in kinds]
        query = f"SELECT seq, at, kind, agent, issue, text, data FROM events WHERE {' AND '.join(clauses)}"
        with self._guard():
            rows = self._db.execute(f"{query} ORDER BY seq DESC LIMIT ?", (*arguments, limit)).fetchall()
            return [
                Event(seq=seq, at=at, kind=EventKind(kind), agent=name, issue=issue, text=text, data=json.loads(data))
                for seq, at, kind, name, issue, text, data in reversed(rows)
            ]

    # ── inside ──

    def _migrate(self) -> None:
        version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
        if version == VERSION:
            return
        if version != 0:
            raise LedgerError(f"its schema is version {version}; this program reads {VERSION}", subject=str(self._path))
        self._db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")

    @contextmanager
    def _guard(self) -> Generator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, TypeError, ValueError) as error:  # the last two: what is no JSON, or no text
            why = "a line can't be read" if isinstance(error, ValidationError) else str(error)
            raise LedgerError(why, subject=str(self._path)) from error
