"""From every older schema to today's: all of it, or none; with what the older program wrote."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from loreli_ray.errors import LedgerError
from loreli_ray.ledger import Ledger
from loreli_ray.ledger.ledger import DEATHS
from loreli_ray.ledger.schema import MIGRATIONS, VERSION, migrate
from loreli_ray.model import Event, EventKind, Record
from tests.ledger.kit import event, program, record

# What the first released program wrote when it made a ledger, and what it then kept in it.
VERSION_1 = """
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
PRAGMA user_version = 1;
PRAGMA journal_mode = WAL;
INSERT INTO incarnations VALUES ('kira', 3), ('lee', 1);
INSERT INTO facts VALUES ('breakers', '{"n/claude": {"failures": 2}}');
INSERT INTO events (at, kind, agent, issue, text, data) VALUES
    (10.5, 'spawned', 'kira', 0, 'action of anthropic (yin)', '{"role": "action"}'),
    (11.0, 'claimed', 'kira', 7, 'Add a greeting', '{}'),
    (12.0, 'removed', 'kira', 7, 'it ended', '{"reason": "exited", "unexpected": true}'),
    (13.0, 'removed', 'lee', 7, 'it was asked to', '{"reason": "shutdown"}'),
    (14.0, 'removed', 'lee', 7, 'written by hand', 'NaN');
"""
SAVED = """
{"spec": {"session": "s", "identity": {"name": "kira", "theme": "scifi", "provider": "anthropic", "side": "yin"},
"incarnation": 3, "role": "action", "backend": "claude", "node": "n"}, "facts": {"registered_at": 1.5}}
"""
OPENER = """
import sys
from pathlib import Path
from loreli_ray.ledger import Ledger
print("ready", flush=True)
sys.stdin.readline()
Ledger(Path(sys.argv[1]))
"""
DYING = """
import os, signal, sqlite3, sys
from loreli_ray.ledger.ledger import DEATHS
from loreli_ray.ledger.schema import MIGRATIONS, migrate
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.create_function("die", 0, lambda: os.kill(os.getpid(), signal.SIGKILL))
next_one = ["CREATE TABLE half (x)", "UPDATE events SET text = 'lost'", "INSERT INTO half SELECT die()"]
migrate(db, [*MIGRATIONS, next_one])
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def old(path: Path) -> Path:
    """A ledger as the first program left it."""
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(VERSION_1)
        db.execute("INSERT INTO agents VALUES ('kira', 3, ?)", (SAVED,))
    return path


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    opened = Ledger(path)
    yield opened
    opened.close()


def schema(path: Path) -> tuple[int, set[str]]:
    """The version of a file, and what is in its schema."""
    with closing(sqlite3.connect(path)) as db:
        names = {str(name) for (name,) in db.execute("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")}
        return int(db.execute("PRAGMA user_version").fetchone()[0]), names


def assert_all_is_there(ledger: Ledger) -> None:
    assert ledger.records() == [Record.model_validate_json(SAVED)]
    assert ledger.names() == {"kira", "lee"}
    assert ledger.get("breakers") == {"n/claude": {"failures": 2}}
    assert [(one.seq, one.at, one.kind, one.agent, one.issue) for one in ledger.events(limit=4, after=0)] == [
        (1, 10.5, "spawned", "kira", 0),
        (2, 11.0, "claimed", "kira", 7),
        (3, 12.0, "removed", "kira", 7),
        (4, 13.0, "removed", "lee", 7),
    ]
    assert ledger.deaths(since=0) == {7: (12.0,)}


def test_the_first_schema_is_migrated(old: Path) -> None:
    ledger = Ledger(old)
    assert_all_is_there(ledger)
    assert ledger.next_incarnation("kira") == 4
    assert ledger.append(event(7)).seq == 6
    ledger.close()
    with closing(sqlite3.connect(old.with_name("new.db"))) as db:
        db.isolation_level = None
        migrate(db)
    assert schema(old) == schema(old.with_name("new.db")), "an old file becomes what a new one is"
    assert schema(old)[0] == VERSION


def test_the_first_schema_is_read_as_it_is(old: Path) -> None:
    before = old.read_bytes()
    ledger = Ledger.read(old)
    assert_all_is_there(ledger)
    ledger.close()
    assert old.read_bytes() == before
    assert [path.name for path in old.parent.iterdir()] == [old.name]


def test_killed_in_the_middle_of_a_migration(old: Path) -> None:
    process = program(DYING, old)
    _, said = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, said
    version, names = schema(old)
    assert (version, "half" in names) == (VERSION, False), "those before it hold, of it there is nothing"
    ledger = Ledger(old)
    assert_all_is_there(ledger)
    ledger.close()


def test_killed_at_any_moment_of_opening(old: Path) -> None:
    with closing(sqlite3.connect(old)) as db, db:
        rows = ((float(n), json.dumps({"unexpected": True})) for n in range(15, 20_000))
        db.executemany(
            "INSERT INTO events (at, kind, agent, issue, text, data) VALUES (?, 'removed', '', 9, '', ?)", rows
        )
    whole = old.read_bytes()
    chance = random.Random(3)
    for _ in range(8):
        old.write_bytes(whole)
        process = program(OPENER, old)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.stdin.write("go\n")
        process.stdin.flush()
        time.sleep(chance.uniform(0, 0.15))  # not a wait: the moment is what is tried out
        process.kill()
        process.communicate()
        version, names = schema(old)
        assert version in (1, 2)
        assert names >= {"events_by_issue", "deaths_by_time"} if version == 2 else "events_by_issue" not in names
        ledger = Ledger(old)
        assert len(ledger.deaths(since=14.0)[9]) == 19_985
        ledger.close()
        for beside in old.parent.glob("*-*"):
            beside.unlink()


def test_a_migration_that_fails_leaves_nothing(old: Path) -> None:
    with closing(sqlite3.connect(old, isolation_level=None)) as db:
        migrate(db)
        with pytest.raises(sqlite3.OperationalError):
            migrate(db, [*MIGRATIONS, ["CREATE TABLE half (x)", "INSERT INTO nowhere VALUES (1)"]])
        assert not db.in_transaction
    assert schema(old)[0] == VERSION
    assert "half" not in schema(old)[1]


def test_a_newer_schema_is_left_alone(ledger: Ledger, path: Path) -> None:
    ledger.append(event(1))
    ledger.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    for way in (Ledger, Ledger.read):
        with pytest.raises(LedgerError, match=rf"^{path}: its schema is version 99, .*; use the newer loreli_ray"):
            way(path)
    assert path.read_bytes() == before


# ── what the second schema is for ──


def died(ledger: Ledger, issue: int, at: float, *, unexpected: object = True) -> None:
    data = {"reason": "exited", "unexpected": unexpected}
    ledger.append(Event(kind=EventKind.REMOVED, at=at, agent="kira", issue=issue, data=data))


def test_deaths(ledger: Ledger) -> None:
    assert ledger.deaths(since=0) == {}
    died(ledger, 1, 10)
    died(ledger, 2, 11)
    died(ledger, 1, 12, unexpected=False)
    died(ledger, 1, 13, unexpected="true")
    died(ledger, 0, 14)
    ledger.append(Event(kind=EventKind.RAPID_DEATH, at=15, issue=1, data={"unexpected": True}))
    died(ledger, 1, 16)
    assert ledger.deaths(since=0) == {1: (10, 16), 2: (11,)}
    assert ledger.deaths(since=10) == {1: (16,), 2: (11,)}, "after, not at"
    ledger.append(Event(kind=EventKind.ESCALATED, at=17, issue=1))
    assert ledger.deaths(since=0) == {2: (11,)}
    died(ledger, 1, 9)
    assert ledger.deaths(since=0) == {1: (9,), 2: (11,)}, "the order is the ledger's, whatever a clock says"
    assert ledger.deaths(since=16) == {}


def test_indexes_answer(ledger: Ledger, path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        plan = " ".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {DEATHS}", (0.0,)))
        assert "USING INDEX deaths_by_time" in plan
        assert "SCAN events" not in plan
        wanted = "SELECT * FROM events WHERE issue = 7 ORDER BY seq DESC LIMIT 5"
        plan = " ".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {wanted}"))
        assert "USING INDEX events_by_issue" in plan
        assert "TEMP B-TREE" not in plan


def test_a_record_of_today_is_read_tomorrow(ledger: Ledger, path: Path) -> None:
    ledger.save(record())
    ledger.close()
    again = Ledger(path)
    assert again.records() == [record()]
    again.close()
