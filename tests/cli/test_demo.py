"""The demo, as a new user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from loreli_ray.git import git
from tests.cli.conftest import Shell

pytestmark = pytest.mark.ray


def test_it_lands_three_issues_and_leaves_nothing(shell: Shell) -> None:
    done = shell.run("demo", "--json", "--agents", "6", "--pace", "0.1")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert [landed["issue"] for landed in sorted(result["landed"], key=lambda landed: landed["issue"])] == [1, 2, 3]
    for landed in result["landed"]:
        assert landed["author"]["side"] != landed["reviewer"]["side"]
        assert set(landed["author"]) == set(landed["reviewer"]) == {"name", "provider", "side"}
        assert len(landed["commit"]) == 40
        assert landed["seconds"] > 0
    assert max(landed["rounds"] for landed in result["landed"]) > 1
    assert 0 < result["seconds"] < 120
    shell.assert_nothing_is_left()


def test_keep_leaves_a_repository_in_which_the_work_is_done(shell: Shell) -> None:
    done = shell.run("demo", "--keep", "--pace", "0.1", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    kept = next(shell.temporary.glob("loreli-demo-*"))
    assert str(kept) in done.stderr
    clone = shell.cwd / "clone"
    git("clone", "--quiet", str(kept / "forge" / "repositories" / "demo" / "pocket.git"), str(clone))
    code = "from pocket.text import slugify; print(slugify('!!!'))"
    said = subprocess.run([sys.executable, "-c", code], cwd=clone, capture_output=True, text=True, check=True).stdout
    assert said.strip() == "untitled"
    assert shell.processes() == []


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("starting Ray", signal.SIGINT),
        ("starting the actors", signal.SIGTERM),
        ("claimed", signal.SIGHUP),
        ("reviewed", signal.SIGINT),
    ],
)
def test_whoever_ends_it_it_cleans_up(shell: Shell, moment: str, number: signal.Signals) -> None:
    process = shell.start("demo", "--pace", "0.3")
    assert process.stdout is not None
    for line in process.stdout:
        if moment in line:
            break
    else:
        pytest.fail(f"it ended before {moment!r}")
    os.killpg(process.pid, number)
    process.communicate(timeout=60)
    assert process.returncode == 128 + number
    shell.assert_nothing_is_left()


def test_a_demo_that_can_not_run_says_so(shell: Shell, tmp_path: Path) -> None:
    bare = tmp_path / "bin"
    bare.mkdir()
    (bare / "git").symlink_to("/usr/bin/git")
    done = shell.run("demo", PATH=str(bare))
    assert done.returncode == 1
    assert "tmux" in done.stdout + done.stderr
    shell.assert_nothing_is_left()
