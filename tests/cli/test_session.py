"""`up`, `status`, `agents`, `logs` and `down` on a repository of one's own, with agent programs from `loreli.yml`."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loreli_ray.actors.client import SessionClient
from loreli_ray.actors.settings import SessionSettings
from loreli_ray.config.loading import load
from loreli_ray.errors import SessionError
from loreli_ray.git import git
from loreli_ray.ledger import Ledger
from loreli_ray.terminal import TERMINAL, descendants, marked
from tests.cli.conftest import Shell

_BY = {f"GIT_{who}_{what}": "me" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
_PLAYBOOK = """
[[task]]
title = "greeting"
[[task.attempt]]
summary = "Greet the world"
[[task.attempt.edit]]
path = "greeting.txt"
content = "Hello, world\\n"
"""


def _configuration(url: str, playbook: Path, *, pace: float) -> str:
    program = [sys.executable, "-m", "loreli_ray.demo.agent", "--playbook", str(playbook), "--pace", str(pace)]
    command = json.dumps(program)
    backends = "\n".join(f"  {side}: {{command: {command}, provider: {side}-maker}}" for side in ("yin", "yang"))
    return f"""
repo: me/mine
hub: {{apiUrl: "{url}", minWriteInterval: 0}}
watch: {{interval: 1s}}
scaling: {{maxAgents: 4, cooldown: 0}}
sides: {{yin-maker: yin, yang-maker: yang}}
backends:
{backends}
"""


def _prepare(shell: Shell, *, pace: float = 0.0) -> None:
    """A repository of one's own on a forge that runs, an issue on it, a configuration, and the tokens."""
    source = shell.cwd / "mine"
    source.mkdir()
    (source / "README").write_text("mine\n")
    git("init", "--quiet", cwd=source)
    git("add", "--all", cwd=source)
    git("commit", "--quiet", "--message", "Begin", cwd=source, extra_env=_BY)
    assert shell.run("forge", "add", str(source)).returncode == 0
    assert json.loads(shell.run("forge", "issue", "me/mine", "--title", "Add a greeting", "--json").stdout) == {
        "issue": 1
    }
    forge = shell.start("forge", "serve", "--port", "0")
    assert forge.stdout is not None
    url = re.search(r"http://\S+", forge.stdout.readline())
    assert url is not None
    playbook = shell.cwd / "playbook.toml"
    playbook.write_text(_PLAYBOOK)
    (shell.cwd / "loreli.yml").write_text(_configuration(url[0], playbook, pace=pace))
    for name, account in (("GITHUB_TOKEN", "author"), ("GITHUB_REVIEWER_TOKEN", "reviewer")):
        shell.environment[name] = shell.run("forge", "token", account).stdout.strip()


@pytest.mark.ray
def test_an_issue_on_a_repository_of_ones_own(shell: Shell, until: Callable[[Callable[[], object], str], None]) -> None:
    _prepare(shell)
    started = shell.run("up")
    assert started.returncode == 0, started.stderr
    try:
        follower = shell.start("events", "--follow", "--json", "--limit", "10000")
        until(lambda: json.loads(shell.run("agents", "--json").stdout), "there is an agent")
        (endpoint,) = (shell.cwd / "home" / "sessions").glob("*/endpoint.json")
        before = endpoint.read_text()
        _kill_supervisor(shell)
        until(lambda: endpoint.read_text() != before, "there is a new supervisor")
        until(lambda: json.loads(shell.run("status", "--json").stdout)["landed"], "the issue is landed")
        status = json.loads(shell.run("status", "--json").stdout)
        author = status["landed"][0]["author"]["name"]
        assert "Hello, world" in git("show", "main:greeting.txt", cwd=shell.cwd / "home/forge/repositories/me/mine.git")
        until(lambda: json.loads(shell.run("agents", "--json").stdout) == [], "the agents have gone")
        assert "handing in" in shell.run("logs", author).stdout
        assert re.search(r" claimed +#1 ", shell.run("logs", author, "--events").stdout)
        found = _events(shell, "--kind", "claimed", "--kind", "landed", "--issue", "1", "--agent", author)
        assert [event["kind"] for event in found] == ["claimed", "landed"]
        unknown = shell.run("events", "--agent", author[:-1])
        assert (unknown.returncode, unknown.stderr.count("\n")) == (1, 1)
        assert f"near: {author}" in unknown.stderr
        followed = shell.run("logs", author, "--follow")
        assert (followed.returncode, followed.stderr) == (0, f"· {author} is gone\n")
        client = SessionClient.of(shell.cwd / "home" / "sessions" / status["session"])
        with pytest.raises(SessionError, match="limit"):
            client.events(limit=0)
        with pytest.raises(SessionError, match="kinds"):
            client.events(kinds=["landet"])
        assert shell.run("attach", author).returncode == 1, "it has no pane any more"
        assert "landed" in shell.run("status").stdout
        assert shell.run("backends").stdout.count(": works") == 2
        assert json.loads(shell.run("backends", "--json").stdout)[0]["breakers"] == []
        assert "was not held back" in shell.run("backends", "reset", "yin").stdout
        unknown = shell.run("backends", "reset", "yinn")
        assert (unknown.returncode, "there are: yin, yang" in unknown.stderr) == (1, True)
        gone = shell.run("agents", author)
        assert (gone.returncode, "not registered" in gone.stdout) == (1, True)
        again = shell.run("up")
        assert again.returncode == 0, "up goes on with a session that runs"
        assert status["session"] in again.stdout
    finally:
        ended = shell.run("down")
    assert ended.returncode == 0, ended.stderr
    everything = _events(shell, "--limit", "10000")
    assert {event["kind"] for event in everything} >= {"spawned", "landed", "removed"}
    assert follower.stdout is not None
    lines = [follower.stdout.readline()]
    while not (lines[-1].startswith("{") and json.loads(lines[-1])["seq"] == everything[-1]["seq"]):
        lines.append(follower.stdout.readline())
    assert [json.loads(line) for line in lines if line.startswith("{")] == everything, "none left out, none twice"
    remarks = [line for line in lines if not line.startswith("{")]
    assert len(remarks) <= 1, "said once, if the new supervisor was not there at once"
    assert all("does not answer: following its ledger" in line for line in remarks)
    assert "handing in" in shell.run("logs", author).stdout
    shell.end()
    shell.assert_nothing_is_left()
    assert shell.run("status").returncode == 1


@pytest.mark.ray
def test_down_ends_what_outlived_its_ray(shell: Shell, until: Callable[[Callable[[], object], str], None]) -> None:
    _prepare(shell, pace=30.0)
    assert shell.run("up").returncode == 0
    until(lambda: "working" in shell.run("agents").stdout, "an agent works")
    head = json.loads((shell.cwd / "home" / "ray.json").read_text())
    _kill_ray(head["pid"])
    assert "does not answer" in shell.run("status").stderr
    assert any("tmux" in process for process in shell.processes()), "the panes outlived it"
    ended = shell.run("down")
    assert ended.returncode == 0, ended.stderr
    shell.end()
    shell.assert_nothing_is_left()


@pytest.mark.ray
@pytest.mark.timeout(400)
@pytest.mark.parametrize("with_reaper", [True, False], ids=["killed", "crashed"])
def test_up_goes_on_after_every_process_of_ray_has_died(
    shell: Shell, until: Callable[[Callable[[], object], str], None], with_reaper: bool
) -> None:
    _prepare(shell, pace=4.0)
    assert shell.run("up").returncode == 0
    until(lambda: "handing in" in shell.run("agents", "--json").stdout, "an agent has committed and not pushed")
    (agent,) = [a for a in json.loads(shell.run("agents", "--json").stdout) if a["doing"] == "handing in"]
    program = _program(agent["name"])
    (clone,) = shell.cwd.glob(f"home/sessions/*/nodes/*/agents/{agent['name']}/workspace")
    commit = git("rev-parse", "HEAD", cwd=clone)
    _kill_ray(json.loads((shell.cwd / "home" / "ray.json").read_text())["pid"], with_reaper=with_reaper)
    assert shell.run("status").returncode == 1
    assert _program(agent["name"]) == program, "the program never noticed"
    again = shell.run("up")
    try:
        assert again.returncode == 0, again.stderr
        until(lambda: json.loads(shell.run("status", "--json").stdout)["landed"], "the issue is landed")
        events = [
            json.loads(line) for line in shell.run("events", "--agent", agent["name"], "--json").stdout.splitlines()
        ]
        kinds = [event["kind"] for event in events]
        assert "adopted" in kinds
        assert "died" not in kinds
        repository = shell.cwd / "home/forge/repositories/me/mine.git"
        assert "Hello, world" in git("show", "main:greeting.txt", cwd=repository)
        assert kinds.count("landed") == 1, "its own work was landed, once"
        assert git("cat-file", "-t", commit, cwd=repository) == "commit", "the very commit that was not pushed yet"
        until(lambda: json.loads(shell.run("agents", "--json").stdout) == [], "the agents have gone")
    finally:
        ended = shell.run("down")
    assert ended.returncode == 0, ended.stderr
    shell.end()
    shell.assert_nothing_is_left()


def _program(agent: str) -> int:
    """The process of an agent's program: the one of its processes that is not its reaper."""
    (reaper,) = [pid for pid, name in marked("LORELI_AGENT").items() if name == agent and _is_program(pid)]
    return reaper


def _is_program(pid: int) -> bool:
    return b"loreli_ray.demo.agent" in Path(f"/proc/{pid}/cmdline").read_bytes()


def _kill_ray(reaper: int, *, with_reaper: bool = True) -> None:
    """Every process of a head at once, as a crash would; the panes live on."""
    ray = set(descendants(reaper)) - set(marked(TERMINAL))
    for pid in [*([reaper] if with_reaper else []), *ray]:
        os.kill(pid, signal.SIGKILL)


def _events(shell: Shell, *arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in shell.run("events", "--json", *arguments).stdout.splitlines()]


def _kill_supervisor(shell: Shell) -> None:
    """SIGKILL, as a crash would; Ray starts it again."""
    (pid,) = [int(line.split()[0]) for line in shell.processes() if "ray::Supervisor" in line]
    os.kill(pid, signal.SIGKILL)


def test_up_on_a_torn_ledger_starts_nothing(shell: Shell) -> None:
    _prepare(shell)
    folder = shell.cwd / "home" / "sessions" / "mine-a1b2c3"
    config = load(shell.cwd / "loreli.yml")
    known = SessionSettings(id=folder.name, repo="me/mine", config=config, folder=folder, runtime=shell.temporary)
    Ledger(known.ledger).close()
    (folder / "session.json").write_text(known.model_dump_json())
    known.ledger.write_bytes(known.ledger.read_bytes()[:9000])
    done = shell.run("up")
    assert done.returncode == 1
    *remarks, last = done.stderr.splitlines()
    assert last.startswith(f"loreli-ray: {known.ledger}: it is damaged; ")
    assert all(remark.startswith("· asking") for remark in remarks), "no Ray was started"
    shell.end()
    shell.assert_nothing_is_left()


def test_up_says_what_is_missing(shell: Shell) -> None:
    cases = {
        "repo: me/mine": "backends",
        "backends: {a: {command: [cat], provider: openai}}": "--repo",
        "repo: me/mine\nbackends: {a: {command: [cat], provider: openai}}": "GITHUB_TOKEN",
        "repo: me/mine\nscaling: {maxAgent: 3}": "loreli.yml:2: scaling.maxAgent: 3:",
    }
    for text, named in cases.items():
        (shell.cwd / "loreli.yml").write_text(text)
        done = shell.run("up")
        assert done.returncode == 2, done.stderr
        assert named in done.stderr
        assert "Traceback" not in done.stderr


def test_a_git_host_that_does_not_answer_is_named(shell: Shell) -> None:
    (shell.cwd / "loreli.yml").write_text("repo: me/mine\nbackends: {a: {command: [cat], provider: openai}}")
    began = time.monotonic()
    done = shell.run("up", "--api-url", "http://127.0.0.1:9", GITHUB_TOKEN="t0ken")
    assert done.returncode == 1
    assert "can't be reached" in done.stderr
    assert "t0ken" not in done.stderr
    assert time.monotonic() - began < 60
    shell.assert_nothing_is_left()


@pytest.mark.parametrize("command", [["status"], ["agents"], ["logs", "x"], ["down"]])
def test_without_a_session_the_way_out_is_named(shell: Shell, command: list[str]) -> None:
    done = shell.run(*command)
    assert done.returncode == 1
    assert "loreli-ray up" in done.stderr


def test_an_unknown_session_is_a_usage_error(shell: Shell) -> None:
    done = shell.run("status", "--session", "nobody")
    assert done.returncode == 2
    assert "nobody" in done.stderr
