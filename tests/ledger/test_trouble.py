"""Torn, locked, full, read-only: each is said in one line, nothing is half-written, and it goes on afterwards."""

from __future__ import annotations

import ctypes
import os
import random
import resource
import signal
import sqlite3
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from loreli_ray.errors import LedgerError
from loreli_ray.ledger import Ledger
from loreli_ray.model import Event, EventKind
from tests.ledger.kit import event, program, record

WRITER = """
import sys
from pathlib import Path
from loreli_ray.ledger import Ledger
from loreli_ray.model import Event, EventKind
ledger = Ledger(Path(sys.argv[1]))
while True:
    event = ledger.append(Event(kind=EventKind.PROGRESS, at=1.0, agent="kira", text="x" * 500, data={"y": "z" * 500}))
    print(event.seq, ledger.next_incarnation("kira"), flush=True)
"""
FILLER = """
import sys
from pathlib import Path
from loreli_ray.errors import LedgerError
from loreli_ray.ledger import Ledger
from loreli_ray.model import Event, EventKind
try:
    ledger = Ledger(Path(sys.argv[1]), patience=0.1)
    for n in range(int(sys.argv[2])):
        print(ledger.append(Event(kind=EventKind.PROGRESS, at=1.0, text="x" * 2000)).seq, flush=True)
except LedgerError as error:
    print(error, file=sys.stderr)
"""
PAGE = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "sessions"
    folder.mkdir()
    return folder / "ledger.db"


@pytest.fixture
def filled(path: Path) -> Path:
    """A ledger with something in it, closed."""
    ledger = Ledger(path)
    ledger.save(record())
    for n in range(200):
        ledger.append(event(n))
    ledger.close()
    return path


def assert_clear(error: BaseException, path: Path, *words: str) -> None:
    """One line that begins with the file and says what is wrong and what to do."""
    said = str(error)
    assert said.startswith(f"{path}: ")
    assert "\n" not in said
    assert "; " in said
    for word in words:
        assert word in said


def assert_whole(path: Path, *, seqs: int) -> None:
    """Every event up to that number is there, whole and in order; and it goes on."""
    ledger = Ledger(path)
    found = ledger.events(after=0, limit=10**6)
    assert len(found) >= seqs
    assert [one.seq for one in found] == list(range(1, len(found) + 1))
    assert {len(one.text) for one in found} <= {500, 2000}
    assert ledger.append(Event(kind=EventKind.PROGRESS, at=2.0, text="x" * 500)).seq == len(found) + 1
    ledger.close()


# ── kill -9 ──


def test_every_acknowledged_event_survives_a_kill(path: Path) -> None:
    acknowledged, chance = 0, random.Random(1)
    for _ in range(12):
        writer = program(WRITER, path)
        assert writer.stdout is not None
        try:
            lines = [writer.stdout.readline() for _ in range(chance.randint(1, 40))]
            time.sleep(chance.uniform(0, 0.01))  # not a wait: the moment is what is tried out
            os.kill(writer.pid, signal.SIGKILL)
            lines += writer.stdout.readlines()
        finally:
            writer.kill()
            _, said = writer.communicate()
        seq, incarnation = map(int, [line for line in lines if line.endswith("\n")][-1].split())
        assert seq > acknowledged, said
        acknowledged = seq
        ledger = Ledger(path)
        assert ledger.next_incarnation("kira") > incarnation
        ledger.close()
        reader = Ledger.read(path)
        last = reader.events(after=seq - 1, limit=1)
        assert (last[0].seq, last[0].text, last[0].data) == (seq, "x" * 500, {"y": "z" * 500})
        reader.close()
    assert_whole(path, seqs=acknowledged)


# ── what the file is ──


@pytest.mark.parametrize("garbage", [b"not a database at all, but long enough to be looked at", bytes(range(256)) * 80])
def test_no_database(path: Path, garbage: bytes) -> None:
    path.write_bytes(garbage)
    for way in (Ledger, Ledger.read):
        with pytest.raises(LedgerError) as caught:
            way(path)
        assert_clear(caught.value, path, "no database", "move it away")
    assert path.read_bytes() == garbage


def test_the_database_of_another_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE bookmarks (url)")
    before = path.read_bytes()
    with pytest.raises(LedgerError) as caught:
        Ledger(path)
    assert_clear(caught.value, path, "another program")
    assert path.read_bytes() == before


@pytest.mark.parametrize("part", [0.25, 0.5, 0.9])
def test_cut_off_in_the_middle(filled: Path, part: float) -> None:
    whole = filled.read_bytes()
    torn = whole[: int(len(whole) * part)]
    filled.write_bytes(torn)
    with pytest.raises(LedgerError) as caught:
        Ledger(filled)
    assert_clear(caught.value, filled, "damaged", "put a copy of it back")
    assert filled.read_bytes() == torn, "for who wants to save what can be saved"
    filled.write_bytes(whole)
    ledger = Ledger(filled)
    assert len(ledger.events()) == 200
    ledger.close()


def test_a_damaged_page_anywhere(filled: Path) -> None:
    whole = filled.read_bytes()
    for page in range(1, len(whole) // PAGE):
        filled.write_bytes(whole[: page * PAGE] + bytes([0xA5]) * PAGE + whole[(page + 1) * PAGE :])
        with pytest.raises(LedgerError) as caught:
            Ledger(filled)
        assert_clear(caught.value, filled, "damaged")


# ── what is around it ──


def test_held_by_another_process(path: Path) -> None:
    ledger = Ledger(path, patience=0.1)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    for write in (lambda: ledger.append(event(1)), lambda: ledger.next_incarnation("kira"), lambda: ledger.put("a", 1)):
        with pytest.raises(LedgerError) as caught:
            write()
        assert_clear(caught.value, path, "locked", "fuser")
    assert ledger.events() == [], "reading goes on"
    holder.execute("ROLLBACK")
    holder.close()
    assert ledger.append(event(1)).seq == 1
    ledger.close()


def test_held_while_it_is_opened(filled: Path) -> None:
    holder = sqlite3.connect(filled, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(LedgerError) as caught:
        Ledger(filled, patience=0.1)
    assert_clear(caught.value, filled, "locked")
    holder.close()
    Ledger(filled).close()


def test_a_quota_that_is_used_up(path: Path) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    writer = program(FILLER, path, "1000", before=limited)
    acknowledged, said = writer.communicate(timeout=60)
    assert_clear(LedgerError(said.strip()), path, "check space, quota, disk")
    assert 0 < len(acknowledged.split()) < 1000
    assert_whole(path, seqs=len(acknowledged.split()))


@contextmanager
def small_disk(folder: Path) -> Generator[None]:
    folder.mkdir(exist_ok=True)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"none", bytes(folder), b"tmpfs", 0, b"size=512k") != 0:
        pytest.skip(f"a small disk can't be mounted here: {os.strerror(ctypes.get_errno())}")
    try:
        yield
    finally:
        assert libc.umount(bytes(folder)) == 0


def test_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk"):
        path, ballast = tmp_path / "disk" / "ledger.db", tmp_path / "disk" / "ballast"
        ballast.write_bytes(bytes(200_000))
        ledger = Ledger(path)
        acknowledged = 0

        def fill() -> None:
            nonlocal acknowledged
            while True:
                acknowledged = ledger.append(Event(kind=EventKind.PROGRESS, at=1.0, text="x" * 2000)).seq

        for _ in range(2):
            with pytest.raises(LedgerError) as caught:
                fill()
            assert_clear(caught.value, path, "full", "free some space")
        assert len(ledger.events(limit=10**6)) == acknowledged > 0
        ballast.unlink()
        assert ledger.append(Event(kind=EventKind.PROGRESS, at=1.0, text="x" * 500)).seq == acknowledged + 1
        ledger.close()
        assert_whole(path, seqs=acknowledged + 1)


def unprivileged() -> None:
    """Root too is refused what the rights of a file refuse: prctl(PR_CAPBSET_DROP), which counts from the next exec."""
    libc = ctypes.CDLL(None)
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        libc.prctl(24, capability, 0, 0, 0)


def test_a_read_only_folder(filled: Path) -> None:
    new = filled.with_name("new.db")
    filled.parent.chmod(0o500)
    try:
        for path in (filled, new):
            writer = program(FILLER, path, "1", before=unprivileged)
            acknowledged, said = writer.communicate(timeout=60)
            assert acknowledged == ""
            assert_clear(LedgerError(said.strip()), path, "the rights")
        reader = program(
            "import sys; from pathlib import Path; from loreli_ray.ledger import Ledger;"
            "print(len(Ledger.read(Path(sys.argv[1])).events()))",
            filled,
            before=unprivileged,
        )
        assert reader.communicate(timeout=60) == ("200\n", "")
    finally:
        filled.parent.chmod(0o700)
    ledger = Ledger(filled)
    assert ledger.append(event(200)).seq == 201
    ledger.close()
    assert not new.exists()


def test_no_place_for_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "ledger.db", tmp_path):
        with pytest.raises(LedgerError, match=str(path)):
            Ledger(path)


# ── for reading only ──


def test_reading_leaves_no_trace(filled: Path) -> None:
    before = filled.read_bytes()
    reader = Ledger.read(filled)
    assert len(reader.events()) == 200
    assert reader.records() == [record()]
    for write in (lambda: reader.append(event(1)), lambda: reader.put("a", 1), lambda: reader.remove("kira")):
        with pytest.raises(LedgerError) as caught:
            write()
        assert_clear(caught.value, filled, "read-only")
    reader.close()
    assert [path.name for path in filled.parent.iterdir()] == [filled.name]
    assert filled.read_bytes() == before


def test_reading_makes_nothing(path: Path) -> None:
    with pytest.raises(LedgerError, match=f"^{path}: there is no ledger"):
        Ledger.read(path)
    assert list(path.parent.iterdir()) == []
    path.touch()
    with pytest.raises(LedgerError, match=f"^{path}: there is nothing in it yet"):
        Ledger.read(path)
    assert path.stat().st_size == 0


def test_a_reader_and_the_writer_are_not_in_each_others_way(path: Path) -> None:
    ledger = Ledger(path, patience=0.1)
    ledger.append(event(1))
    reader = Ledger.read(path, patience=0.1)
    assert [one.issue for one in reader.events()] == [1]
    ledger.append(event(2))
    assert [one.issue for one in reader.events()] == [1, 2]
    writing = sqlite3.connect(path, isolation_level=None)
    writing.execute("BEGIN IMMEDIATE")
    assert len(reader.events()) == 2
    writing.execute("ROLLBACK")
    writing.close()
    reader.close()
    ledger.close()


def test_a_writer_that_comes_while_a_file_at_rest_is_read(filled: Path) -> None:
    reader = Ledger.read(filled)
    ledger = Ledger(filled)
    ledger.append(event(200))
    ledger.close()
    with pytest.raises(LedgerError) as caught:
        reader.events()
    assert_clear(caught.value, filled, "ask again")
    reader.close()
    again = Ledger.read(filled)
    assert again.events(after=200) == [event(200).model_copy(update={"seq": 201})]
    again.close()
