"""The log is one JSON object a line, whatever is said."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from loreli_ray.observe import logger


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "logs"
    for name in [name for name in logging.root.manager.loggerDict if str(tmp_path) in name]:
        sink = logging.getLogger(name)
        for handler in list(sink.handlers):
            handler.close()
            sink.removeHandler(handler)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_lines(folder: Path) -> None:
    log = logger("node", folder=folder, session="s", node="n1")
    log.info("a program ended", agent="kira", count=3)
    log.warning("100 % sure: %s {x}\nsecond line é \u2028", path=folder)
    first, second = lines(folder / "node.log")
    assert datetime.fromisoformat(first.pop("timestamp")).tzinfo == UTC
    assert first == {
        "event": "a program ended",
        "level": "info",
        "kind": "node",
        "session": "s",
        "node": "n1",
        "agent": "kira",
        "count": 3,
    }
    assert second["event"] == "100 % sure: %s {x}\nsecond line é \u2028"
    assert str(folder) in second["path"]


def test_errors_bring_their_trace(folder: Path) -> None:
    log = logger("node", folder=folder)
    try:
        raise ValueError("broken")
    except ValueError:
        log.error("it failed", trace=True)
    (line,) = lines(folder / "node.log")
    assert line["level"] == "error"
    assert "ValueError: broken" in line["exception"]


def test_one_file_for_each_kind_and_session(folder: Path) -> None:
    for name in ("a", "b"):
        for kind in ("node", "hub", "node"):
            logger(kind, folder=folder / name).info(f"{kind} of {name}")
    assert [line["event"] for line in lines(folder / "a" / "node.log")] == ["node of a"] * 2
    assert [line["event"] for line in lines(folder / "b" / "hub.log")] == ["hub of b"]
    assert (folder / "a").stat().st_mode & 0o077 == 0


def test_nothing_reaches_the_screen(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    logger("node", folder=folder).error("only in the file")
    assert capfd.readouterr() == ("", "")


def test_a_full_file_is_turned(folder: Path) -> None:
    log = logger("node", folder=folder)
    for _ in range(11):
        log.info("x" * 2_000_000)
    assert sorted(path.name for path in folder.iterdir()) == ["node.log", "node.log.1", "node.log.2", "node.log.3"]
    assert all(len(lines(path)) <= 2 for path in folder.iterdir())
