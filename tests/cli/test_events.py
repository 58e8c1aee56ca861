"""`events` and `logs` of sessions that have ended: from the ledger and the death logs that they left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loreli_ray.ledger import Ledger
from loreli_ray.model import Event, EventKind
from tests.cli.conftest import COMMAND, Shell

ODD = "first \x1b[31mred\x1b[0m \ud7ff\u202egnp\x07 line\r\nsecond line\0"


@pytest.fixture
def folder(shell: Shell) -> Path:
    """The folder of a session that has ended: two agents, one of them dead for sure, on two issues."""
    folder = shell.cwd / "home" / "sessions" / "mine-a1b2c3"
    folder.mkdir(parents=True)
    (folder / "session.json").write_text('{"repo": "me/mine"}')
    ledger = Ledger(folder / "ledger.db")
    for name in ("trinity", "morpheus"):
        ledger.next_incarnation(name)
    now = time.time()
    for at, kind, agent, issue, text in (
        (now - 7200, EventKind.SPAWNED, "trinity", 0, "action of anthropic (yin)"),
        (now - 7100, EventKind.CLAIMED, "trinity", 7, "Add a greeting"),
        (now - 60, EventKind.PROGRESS, "trinity", 7, ODD),
        (now - 50, EventKind.SPAWNED, "morpheus", 0, "reviewer of openai (yang)"),
        (now - 40, EventKind.LANDED, "trinity", 7, "merged as 0123456789ab"),
        (now - 30, EventKind.REMOVED, "trinity", 7, "it was asked to"),
        (now - 20, EventKind.PROGRESS, "morpheus", 12, ""),
    ):
        ledger.append(Event(kind=kind, at=at, agent=agent, issue=issue, text=text, data={"half": "\ud800"}))
    ledger.close()
    (folder / "logs").mkdir()
    (folder / "logs" / "trinity.death.log").write_bytes(b"one\ntwo\nhanding in \xff\n")
    return folder


class Running:
    """A command whose output is read line by line, without ever waiting longer than a deadline."""

    def __init__(self, shell: Shell, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [COMMAND, *arguments],
            cwd=shell.cwd,
            env=shell.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def end(self) -> str:
        """Waits for its end; what it said on standard error."""
        _, said = self.process.communicate(timeout=30)
        return said


@pytest.fixture
def follower(shell: Shell, folder: Path) -> Iterator[Running]:
    running = Running(shell, "events", "--follow", "--json", "--limit", "2")
    yield running
    running.process.kill()
    running.process.communicate()


def events(shell: Shell, *arguments: str) -> list[dict[str, Any]]:
    done = shell.run("events", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def numbers(shell: Shell, *arguments: str) -> list[int]:
    return [event["seq"] for event in events(shell, *arguments)]


def append(folder: Path, *texts: str) -> None:
    ledger = Ledger(folder / "ledger.db")
    for text in texts:
        ledger.append(Event(kind=EventKind.PROGRESS, at=time.time(), agent="morpheus", issue=12, text=text))
    ledger.close()


def test_events_of_a_session_that_has_ended(shell: Shell, folder: Path) -> None:
    before = sorted(path.name for path in folder.iterdir())
    assert numbers(shell) == [1, 2, 3, 4, 5, 6, 7]
    assert numbers(shell, "--limit", "2") == [6, 7]
    assert numbers(shell, "--agent", "morpheus") == [4, 7]
    assert numbers(shell, "--issue", "7", "--kind", "claimed", "--kind", "landed") == [2, 5]
    assert numbers(shell, "--since", "1h30m", "--session", folder.name) == [3, 4, 5, 6, 7]
    assert events(shell)[2]["text"] == ODD
    assert events(shell)[2]["data"] == {"half": "\ud800"}
    assert sorted(path.name for path in folder.iterdir()) == before, "looking leaves nothing"


def test_events_for_people(shell: Shell, folder: Path) -> None:
    for environment in ({}, {"PYTHONIOENCODING": "ascii"}):
        done = shell.run("events", **environment)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert len(lines) == 7, "one line for each"
        assert all(line.isprintable() for line in lines)
        assert [line[21:].split()[0] for line in lines[:3]] == ["spawned", "claimed", "progress"], "aligned"
        assert lines[2][33:].startswith("#7    trinity        first red ")
        assert "second" not in done.stdout
    at = events(shell)[1]["at"]
    assert lines[1].startswith(time.strftime("%Y-%m-%d %H:%M:%S  claimed     #7    trinity", time.localtime(at)))


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["events", "--kind", "landet"], 2, ["landet", "landed", "rapid-death"]),
        (["events", "--agent", "trinty"], 1, ["trinty", "near: trinity"]),
        (["events", "--since", "soon"], 2, ["soon", "10m"]),
        (["events", "--since", "10"], 2, ["10", "10m"]),
        (["events", "--session", "other"], 2, ["other", "mine-a1b2c3"]),
        (["logs", "trinty"], 1, ["trinty", "near: trinity"]),
        (["logs", "../../x"], 1, ["known: morpheus, trinity"]),
        (["logs", "trinty", "--events"], 1, ["near: trinity"]),
        (["logs", "morpheus"], 1, ["morpheus", "no log of its death"]),
    ],
)
def test_what_was_asked_wrongly(shell: Shell, folder: Path, arguments: list[str], code: int, said: list[str]) -> None:
    done = shell.run(*arguments)
    assert done.returncode == code, done.stderr
    assert len(done.stderr.splitlines()) == 1
    for word in said:
        assert word in done.stderr
    assert done.stdout == ""


def test_which_session_is_meant(shell: Shell, folder: Path) -> None:
    other = folder.with_name("other-d4e5f6")
    other.mkdir()
    (other / "session.json").write_text('{"repo": "me/other"}')
    done = shell.run("events")
    assert done.returncode == 2
    assert "other-d4e5f6 (me/other)" in done.stderr
    assert len(numbers(shell, "--session", folder.name)) == 7
    done = shell.run("events", "--session", other.name)
    assert done.returncode == 1
    assert "there is no ledger" in done.stderr


def test_a_torn_ledger_is_named(shell: Shell, folder: Path) -> None:
    path = folder / "ledger.db"
    path.write_bytes(path.read_bytes()[:9000])
    for command in (["events"], ["logs", "trinity", "--events"]):
        done = shell.run(*command)
        assert done.returncode == 1
        assert done.stderr.startswith(f"loreli-ray: {path}: it is damaged; ")
        assert len(done.stderr.splitlines()) == 1
    assert shell.run("logs", "trinity").returncode == 0, "its last screen is a file of its own"


def test_a_session_that_does_not_answer(shell: Shell, folder: Path) -> None:
    (folder / "endpoint.json").write_text(json.dumps({"url": "http://127.0.0.1:9", "token": "t"}))
    assert len(numbers(shell)) == 7
    assert "handing in" in shell.run("logs", "trinity").stdout


# ── following ──


def test_following_leaves_out_nothing(follower: Running, folder: Path) -> None:
    assert [json.loads(follower.line())["seq"] for _ in range(2)] == [6, 7]
    append(folder, *(f"text {n}" for n in range(1500)))
    append(folder, "last")
    assert [json.loads(follower.line())["seq"] for _ in range(1501)] == list(range(8, 1509))
    follower.process.send_signal(signal.SIGINT)
    said = follower.end()
    assert follower.process.returncode == 130
    assert said == "· mine-a1b2c3 does not answer: following its ledger\n"


def test_nobody_reads_on(follower: Running) -> None:
    assert json.loads(follower.line())["seq"] == 6
    assert follower.process.stdout is not None
    follower.process.stdout.close()
    assert follower.process.wait(timeout=30) == 0, "although nothing happens"
    assert follower.process.stderr is not None
    assert "Error" not in follower.process.stderr.read()


def test_a_pipe_that_is_closed(shell: Shell, folder: Path) -> None:
    append(folder, *("text " * 50 for _ in range(3000)))
    line = f"set -o pipefail; {COMMAND} events --limit 3000 | head -1"
    done = subprocess.run(["bash", "-c", line], env=shell.environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1


# ── logs ──


def test_logs_after_the_end(shell: Shell, folder: Path) -> None:
    done = shell.run("logs", "trinity")
    assert (done.returncode, done.stdout) == (0, "one\ntwo\nhanding in \N{REPLACEMENT CHARACTER}\n")
    assert shell.run("logs", "trinity", "-n", "1").stdout.startswith("handing in")
    assert [line.split()[2] for line in shell.run("logs", "trinity", "--events").stdout.splitlines()] == [
        "spawned",
        "claimed",
        "progress",
        "landed",
        "removed",
    ]


def test_following_a_dead_agent_ends(shell: Shell, folder: Path) -> None:
    done = shell.run("logs", "trinity", "--follow")
    assert (done.returncode, done.stdout.count("\n")) == (0, 3)
    assert done.stderr == "· its session does not run\n"
    done = shell.run("logs", "trinity", "--events", "--follow")
    assert (done.returncode, done.stdout.count("\n")) == (0, 5)
    assert done.stderr.endswith("· trinity is gone\n")


def test_what_is_no_file_is_no_ledger(shell: Shell, folder: Path) -> None:
    (folder / "ledger.db").rename(folder / "gone.db")
    os.mkfifo(folder / "ledger.db")
    done = shell.run("events")
    assert done.returncode == 1
    assert "there is no ledger" in done.stderr
