"""A test run that is ended from outside tears its fixtures down."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

_SLOW = """
import pathlib, time, pytest

@pytest.fixture
def thing():
    place = pathlib.Path(__file__).with_name("there")
    place.touch()
    yield
    place.unlink()

def test_slow(thing):
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_was_set_up_is_torn_down(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "test_slow.py").write_text(_SLOW)
    run = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-c",
            os.devnull,
            "-p",
            "tests.conftest",
            str(tmp_path / "test_slow.py"),
        ],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    there, deadline = tmp_path / "there", time.monotonic() + 60
    try:
        while not there.exists():
            assert run.poll() is None, "it ended before its test began"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        run.send_signal(number)
        assert run.wait(30) == pytest.ExitCode.INTERRUPTED
        assert not there.exists()
    finally:
        run.kill()
        run.wait()
