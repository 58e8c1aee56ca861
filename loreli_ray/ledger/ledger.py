"""The durable record of a session: the fleet's registry and what happened, in SQLite.

Write-ahead log with full synchronisation: what a call has returned from survives `kill -9` and a power cut. One process
writes (the supervisor); any may read. What is damaged, or not ours, is found when the file is opened.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import quote

from loreli_ray.errors import LedgerError, SessionError
from loreli_ray.ledger import trouble
from loreli_ray.ledger.schema import UNEXPECTED_DEATH, VERSION, is_ours, migrate, version
from loreli_ray.model import Event, EventKind, Record

_COLUMNS = "seq, at, kind, agent, issue, text, data"
DEATHS = f"""
WITH escalated AS MATERIALIZED (SELECT issue, max(seq) AS last FROM events WHERE kind = 'escalated' GROUP BY issue)
SELECT issue, at FROM events WHERE {UNEXPECTED_DEATH} AND at > ?
AND seq > coalesce((SELECT last FROM escalated WHERE escalated.issue = events.issue), 0)
ORDER BY seq
"""


class Ledger:
    """The ledger in the file `path`; made when it is not there, brought up to date when an older program wrote it.

    `patience` is how many seconds a call waits for another process that holds the file. Every method raises
    `LedgerError`, in one line that names the file and the way out, when it fails; nothing is half-written then, and
    the ledger goes on when the cause is gone.
    """

    def __init__(self, path: Path, *, patience: float = 5.0) -> None:
        self._path = path
        self._still: tuple[int, int] | None = None
        with self._guard(), ExitStack() as undo:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._connect(str(path), patience=patience, undo=undo)
            if self._db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise LedgerError(trouble.DAMAGED, subject=str(path))
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            migrate(self._db)
            undo.pop_all()

    @classmethod
    def read(cls, path: Path, *, patience: float = 5.0) -> Ledger:
        """The ledger as it is, for reading: nothing is made, migrated or kept from the writer.

        It is for a moment: to see what came later, open it again. Raises `LedgerError` when there is none.
        """
        ledger = cls.__new__(cls)
        ledger._path = path
        ledger._still = None
        with ledger._guard(), ExitStack() as undo:
            if not path.is_file():
                raise LedgerError("there is no ledger", subject=str(path))
            log = path.with_name(f"{path.name}-wal")
            if not log.exists() or log.stat().st_size == 0:
                # Nobody has it open. Without `immutable` SQLite would leave files of its own beside it.
                ledger._still = _stamp(path)
            mode = "mode=ro" if ledger._still is None else "mode=ro&immutable=1"
            ledger._connect(f"file:{quote(str(path.absolute()))}?{mode}", patience=patience, undo=undo)
            if version(ledger._db) == 0:
                raise LedgerError("there is nothing in it yet", subject=str(path))
            undo.pop_all()
        return ledger

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

    def expect(self, name: str) -> None:
        """Raises `SessionError`, which names what comes near, when no agent ever had that name."""
        names = sorted(self.names())
        if name not in names:
            near = get_close_matches(name, names, n=3, cutoff=0.5)
            hint = f"near: {', '.join(near)}" if near else f"known: {', '.join(names[:20]) or 'none'}"
            raise SessionError(f"there never was such an agent ({hint})", subject=name)

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
            data = json.dumps(event.data, allow_nan=False)
            cursor = self._db.execute(
                "INSERT INTO events (at, kind, agent, issue, text, data) VALUES (?, ?, ?, ?, ?, ?)",
                (event.at, event.kind.value, event.agent, event.issue, event.text, data),
            )
        return event.model_copy(update={"seq": cursor.lastrowid})

    def events(
        self,
        *,
        after: int | None = None,
        agent: str = "",
        issue: int = 0,
        kinds: Sequence[EventKind] = (),
        since: float = 0.0,
        limit: int = 1000,
    ) -> list[Event]:
        """Events, oldest first: the last `limit` of them, or with `after` the first `limit` that have a higher number.

        Only those of the agent, of the issue, of one of the kinds, and not before `since` (seconds since the epoch).
        """
        wanted: list[tuple[str, Sequence[object]]] = [
            ("seq > ?", [after] if after is not None else []),
            ("agent = ?", [agent] if agent else []),
            ("issue = ?", [issue] if issue else []),
            (f"kind IN ({', '.join('?' * len(kinds))})", [kind.value for kind in kinds]),
            ("at >= ?", [since] if since else []),
        ]
        clauses = " AND ".join(clause for clause, values in wanted if values) or "TRUE"
        order = "DESC" if after is None else "ASC"
        query = f"SELECT {_COLUMNS} FROM events WHERE {clauses} ORDER BY seq {order} LIMIT ?"
        with self._guard():
            rows = self._db.execute(query, (*(value for _, values in wanted for value in values), limit)).fetchall()
            return [
                Event(seq=seq, at=at, kind=EventKind(kind), agent=name, issue=number, text=text, data=json.loads(data))
                for seq, at, kind, name, number, text, data in (reversed(rows) if after is None else rows)
            ]

    def deaths(self, *, since: float) -> dict[int, tuple[float, ...]]:
        """For each issue the times of its unexpected deaths, in order: those after `since` and after it was escalated.

        They are the events `removed` that have `"unexpected": true`; times are seconds since the epoch.
        """
        found: defaultdict[int, list[float]] = defaultdict(list)
        with self._guard():
            for issue, at in self._db.execute(DEATHS, (since,)):
                found[issue].append(at)
        return {issue: tuple(times) for issue, times in found.items()}

    # ── inside ──

    def _connect(self, address: str, *, patience: float, undo: ExitStack) -> None:
        """Opens the file and looks whether it is ours to use, before anything is written."""
        self._db = sqlite3.connect(address, timeout=patience, isolation_level=None, check_same_thread=False, uri=True)
        undo.callback(self._db.close)
        if (found := version(self._db)) > VERSION:
            raise LedgerError(trouble.newer(found, VERSION), subject=str(self._path))
        if not is_ours(self._db):
            raise LedgerError(trouble.FOREIGN, subject=str(self._path))

    @contextmanager
    def _guard(self) -> Generator[None]:
        try:
            yield
            if self._still is not None and self._still != _stamp(self._path):
                raise LedgerError("it was written to while it was read; ask again", subject=str(self._path))
        except (sqlite3.Error, OSError, TypeError, ValueError) as error:  # the last two: what is no JSON, or no text
            raise LedgerError(trouble.words(error), subject=str(self._path)) from error


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when a file is written to."""
    found = path.stat()
    return found.st_mtime_ns, found.st_size
