"""The ledger's schema, and the way to it from every older one.

`PRAGMA user_version` is how many of `MIGRATIONS` a file has been through. Each is applied in a transaction of its own,
together with the new number: a file is of the one version or of the next, whenever the program is killed. A migration
that was released is never changed; what must change is a new one at the end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

Migration = Sequence[str]

UNEXPECTED_DEATH: Final = (
    "kind = 'removed' AND issue > 0 AND json_valid(data) AND json_type(data, '$.unexpected') = 'true'"
)
"""What makes an event an unexpected death on an issue. A query that says it in these words is answered by an index."""

MIGRATIONS: Final[Sequence[Migration]] = (
    (
        "CREATE TABLE agents (name TEXT PRIMARY KEY, incarnation INTEGER NOT NULL, record TEXT NOT NULL) STRICT",
        "CREATE TABLE incarnations (name TEXT PRIMARY KEY, last INTEGER NOT NULL) STRICT",
        "CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
        """
        CREATE TABLE events (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            at REAL NOT NULL,
            kind TEXT NOT NULL,
            agent TEXT NOT NULL,
            issue INTEGER NOT NULL,
            text TEXT NOT NULL,
            data TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX events_by_agent ON events (agent, seq)",
        "CREATE INDEX events_by_kind ON events (kind, seq)",
    ),
    (
        "CREATE INDEX events_by_issue ON events (issue, seq)",
        f"CREATE INDEX deaths_by_time ON events (kind, at) WHERE {UNEXPECTED_DEATH}",
    ),
)
VERSION: Final = len(MIGRATIONS)


def version(db: sqlite3.Connection) -> int:
    """Which schema the file has; 0 when it is new."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def is_ours(db: sqlite3.Connection) -> bool:
    """Whether the file is a ledger, or empty: some other program's database is not to be written to."""
    tables = {str(name) for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return not tables or {"agents", "incarnations", "facts", "events"} <= tables


def migrate(db: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Applies what the file lacks; several processes may do so at once. `db` is in autocommit mode."""
    for number, statements in enumerate(migrations, start=1):
        with db:  # commits at its end, rolls back on an error
            db.execute("BEGIN IMMEDIATE")
            if version(db) < number:
                for statement in statements:
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {number}")
