"""The record of a session: what was acknowledged is there, whatever happens next; what is broken says so."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loreli_ray.errors import LedgerError
from loreli_ray.ledger import Ledger
from loreli_ray.model import Assignment, Cause, Event, EventKind, Exit, Facts, Feedback, Role
from tests.ledger.kit import event, record


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions" / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    opened = Ledger(path)
    yield opened
    opened.close()


def reopened(ledger: Ledger, path: Path) -> Ledger:
    ledger.close()
    return Ledger(path)


# ── the registry ──


def test_records(ledger: Ledger, path: Path) -> None:
    full = record("lee", incarnation=3).model_copy(
        update={
            "tier": 2,
            "facts": Facts(
                registered_at=1.25,
                exit=Exit(code=None, signal=9, at=7.0),
                stop_cause=Cause.STALLED,
                question="Which “é”?\0\n",
            ),
            "assignment": Assignment(
                role=Role.ACTION,
                issue=4,
                title="Title",
                generation=2,
                branch="lee/4-title",
                base="main",
                start="abc",
                feedback=(Feedback(key="r1", kind="review", text="No."),),
            ),
        }
    )
    for one in (record("kira"), full, record("ann")):
        ledger.save(one)
    again = record("kira", incarnation=2)
    ledger.save(again)
    assert ledger.records() == [again, full, record("ann")]
    ledger.remove("ann")
    ledger.remove("ann")
    ledger = reopened(ledger, path)
    assert ledger.records() == [again, full]
    ledger.close()


def test_incarnations_only_rise(ledger: Ledger, path: Path) -> None:
    assert [ledger.next_incarnation("kira") for _ in range(3)] == [1, 2, 3]
    assert ledger.next_incarnation("lee") == 1
    assert ledger.names() == {"kira", "lee"}
    ledger.save(record("kira", incarnation=3))
    ledger.remove("kira")
    ledger = reopened(ledger, path)
    assert ledger.next_incarnation("kira") == 4
    with ThreadPoolExecutor(8) as pool:
        given_out = list(pool.map(ledger.next_incarnation, ["kira"] * 40))
    assert sorted(given_out) == list(range(5, 45))
    ledger.close()


def test_single_facts(ledger: Ledger, path: Path) -> None:
    assert ledger.get("breaker") is None
    value: dict[str, Any] = {"open": [1, 2.5, None, True, "\ud800 \0 é"]}
    ledger.put("breaker", 1)
    ledger.put("breaker", value)
    ledger.put("none", None)
    ledger = reopened(ledger, path)
    assert ledger.get("breaker") == value
    assert ledger.get("none") is None
    ledger.close()


# ── events ──


def test_events(ledger: Ledger, path: Path) -> None:
    kinds = [EventKind.PROGRESS, EventKind.STALL, EventKind.PROGRESS, EventKind.LANDED, EventKind.STALL]
    agents = ["kira", "kira", "lee", "", "lee"]
    stored = [ledger.append(event(n, kind=kinds[n], agent=agents[n])) for n in range(5)]
    assert [one.seq for one in stored] == [1, 2, 3, 4, 5]
    assert stored[2] == event(2, agent="lee").model_copy(update={"seq": 3})
    ledger = reopened(ledger, path)
    assert ledger.events() == stored
    assert ledger.events(after=3) == stored[3:]
    assert ledger.events(after=5) == []
    assert ledger.events(limit=2) == stored[3:]
    assert ledger.events(agent="lee") == [stored[2], stored[4]]
    assert ledger.events(kinds=[EventKind.STALL, EventKind.LANDED]) == [stored[1], stored[3], stored[4]]
    assert ledger.events(agent="lee", kinds=[EventKind.STALL], after=1, limit=1) == [stored[4]]
    ledger.close()


_json: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(), data=st.dictionaries(st.text(), _json))
def test_any_event_comes_back(ledger: Ledger, text: str, data: dict[str, Any]) -> None:
    stored = ledger.append(Event(kind=EventKind.ERROR, at=0.1, text=text, data=data))
    assert ledger.events(after=stored.seq - 1) == [stored]
    assert (stored.text, stored.data) == (text, data)


def test_what_cannot_be_kept_is_refused(ledger: Ledger, path: Path) -> None:
    bad = record().model_copy(update={"facts": Facts(registered_at=1.0, doing="\ud800")})
    for write in (
        lambda: ledger.append(Event(kind=EventKind.ERROR, at=1.0, data={"x": object()})),
        lambda: ledger.append(Event(kind=EventKind.ERROR, at=1.0, data={"x": math.inf})),
        lambda: ledger.append(Event(kind=EventKind.ERROR, at=1.0, text="\ud800")),
        lambda: ledger.put("x", {1, 2}),
        lambda: ledger.save(bad),
    ):
        with pytest.raises(LedgerError, match=str(path)):
            write()
    assert ledger.events() == []
    assert ledger.records() == []


# ── what goes wrong ──


def test_a_reader_beside_the_writer(ledger: Ledger, path: Path) -> None:
    reader = Ledger(path, patience=0.1)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert reader.events() == []
    holder.execute("ROLLBACK")
    holder.close()
    stored = ledger.append(event(1))
    assert reader.events() == [stored]
    reader.close()


def test_many_may_open_a_new_one(path: Path) -> None:
    def use(n: int) -> int:
        ledger = Ledger(path)
        seq = ledger.append(event(n)).seq
        ledger.close()
        return seq

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(use, range(8))) == list(range(1, 9))


def test_lines_that_nobody_can_read(ledger: Ledger, path: Path) -> None:
    ledger.save(record())
    ledger.append(event(1))
    ledger.put("fact", 1)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE agents SET record = '{}'")
        db.execute("UPDATE events SET kind = 'unheard-of'")
        db.execute("UPDATE facts SET value = '{'")
    db.close()
    for read in (ledger.records, ledger.events, lambda: ledger.get("fact")):
        with pytest.raises(LedgerError, match=str(path)):
            read()


def test_closed_is_closed(ledger: Ledger, path: Path) -> None:
    ledger.close()
    ledger.close()
    with pytest.raises(LedgerError, match=str(path)):
        ledger.records()
