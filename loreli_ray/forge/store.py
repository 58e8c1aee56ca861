"""The forge's SQLite file.

Invariants: write-ahead log; every write is one `BEGIN IMMEDIATE` transaction, so threads and processes may share the
file; a connection is used by one thread at a time; while a write transaction is open git does nothing but move one ref.
"""

from __future__ import annotations

import fcntl
import sqlite3
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager
from contextvars import ContextVar
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from loreli_ray.errors import ForgeError
from loreli_ray.forge.schema import MIGRATIONS

BUSY_SECONDS = 30.0

# The id of the user whom the current request is from, if it changes something; `acting()` in SQL.
ACTING: ContextVar[int | None] = ContextVar("acting", default=None)

Record = TypeVar("Record")


class Database:
    """One transaction: SQL in, records out."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, sql: str, *values: object) -> int:
        """Executes one statement; the number of rows it changed."""
        return self._connection.execute(sql, values).rowcount

    def insert(self, table: str, **columns: object) -> int:
        """Adds a row and returns its id. Table and column names are the forge's own, never a client's."""
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        cursor = self._connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(columns.values()))
        return cursor.lastrowid or 0

    def update(self, table: str, key: int, **columns: object) -> None:
        """Changes columns of the row with id `key`; no columns, no statement."""
        if columns:
            names = ", ".join(f"{name} = ?" for name in columns)
            self.run(f"UPDATE {table} SET {names} WHERE id = ?", *columns.values(), key)

    def value(self, sql: str, *values: object) -> Any:
        """The first column of the first row, or None."""
        row = self._connection.execute(sql, values).fetchone()
        return row[0] if row else None

    def column(self, sql: str, *values: object) -> list[Any]:
        """The first column of every row."""
        return [row[0] for row in self._connection.execute(sql, values)]

    def all(self, kind: type[Record], sql: str, *values: object) -> list[Record]:
        """Every row as a record of `kind`."""
        return [_record(kind, row) for row in self._connection.execute(sql, values)]

    def one(self, kind: type[Record], sql: str, *values: object) -> Record | None:
        """The first row as a record of `kind`, or None."""
        row = self._connection.execute(sql, values).fetchone()
        return _record(kind, row) if row else None


class Store:
    """Opens transactions on one file and keeps its idle connections."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._closed = False

    @classmethod
    def open(cls, path: Path) -> Store:
        """Makes the file or brings it up to date. Raises `ForgeError` if it is not ours, or newer than this program."""
        store = cls(path)
        try:
            # Only the opening is locked: SQLite can't switch to the write-ahead log with a second opener about.
            with path.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                path.touch(mode=0o600)  # it holds tokens, and SQLite gives its log the same mode
                with closing(store._connect()) as connection:
                    connection.execute("PRAGMA journal_mode = WAL")
                store._migrate()
        except (sqlite3.Error, OSError) as error:
            store.close()
            raise ForgeError(f"can't be opened: {error}", subject=str(path)) from error
        except ForgeError:
            store.close()
            raise
        return store

    @contextmanager
    def read(self) -> Generator[Database]:
        """One consistent view of the data."""
        with self._transaction("BEGIN") as database:
            yield database

    @contextmanager
    def write(self) -> Generator[Database]:
        """One change, whole or not at all."""
        with self._transaction("BEGIN IMMEDIATE") as database:
            yield database

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _transaction(self, begin: str) -> Generator[Database]:
        with self._lock:
            if self._closed:
                raise ForgeError("is closed", subject=str(self.path))
            connection = self._idle.pop() if self._idle else None
        connection = connection or self._connect()
        try:
            connection.execute(begin)
            try:
                yield Database(connection)
            except BaseException:
                if connection.in_transaction:  # a full disk may have ended it already
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        with self._lock:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.create_function("acting", 0, ACTING.get)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _migrate(self) -> None:
        with self.write() as database:
            version: int = database.value("PRAGMA user_version")
            if version > len(MIGRATIONS):
                raise ForgeError(
                    f"has schema version {version}, this program knows up to {len(MIGRATIONS)}", subject=str(self.path)
                )
            for statements in MIGRATIONS[version:]:
                for statement in statements:
                    database.run(statement)
            database.run(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _record(kind: type[Record], row: sqlite3.Row) -> Record:
    columns = fields(kind)  # pyright: ignore[reportArgumentType]  # records are dataclasses
    return kind(**{f.name: bool(row[f.name]) if f.type == "bool" else row[f.name] for f in columns})
