"""A whole team at work on real Ray, real tmux and real git."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import ray

from loreli_ray.actors.calls import NAMESPACE, actor_name
from loreli_ray.git import git

pytestmark = pytest.mark.ray
Make = Callable[..., Any]


def test_a_team_lands_every_issue_and_goes_home(team: Make) -> None:
    working = team()
    done = working.until_landed()
    repository = working.stage.repository
    history = git("log", "--format=%H %s", "main", cwd=repository)
    assert all(landed["commit"] in history for landed in done)
    assert all(landed["author"]["side"] != landed["reviewer"]["side"] for landed in done)
    assert {landed["rounds"] for landed in done} == {1, 2}, "some first attempts are wrong, some are right"
    refs = git("for-each-ref", "--format=%(refname)", "refs/heads", "refs/loreli/claims", cwd=repository).split()
    assert refs == ["refs/heads/main"], "branches and claims are gone"
    assert not list(working.session.settings.folder.glob("nodes/*/agents/*")), "workspaces are gone"
    assert not working.terminal().panes(), "no pane is left"


def test_no_agent_holds_a_credential_of_the_git_host(team: Make) -> None:
    working = team(pace=2.0)
    agent = working.working()["name"]
    pid = working.program(agent)
    secrets = [working.stage.credentials.token, working.stage.credentials.reviewer_token]
    environment = Path(f"/proc/{pid}/environ").read_bytes().decode()
    assert "LORELI_MCP_TOKEN_FILE" in environment
    assert not [name for name in environment.split("\0") if name.startswith(("RAY_", "GITHUB_", "OMP_"))]
    assert not any(secret in environment for secret in secrets)
    workspace = next(working.session.settings.folder.glob(f"nodes/*/agents/{agent}/workspace"))
    for path in workspace.rglob("*"):
        if path.is_file():
            assert not any(secret.encode() in path.read_bytes() for secret in secrets), path


def test_the_work_of_a_killed_program_is_done_by_another(team: Make) -> None:
    working = team(pace=1.0)
    victim = working.working()
    working.kill_program(victim["name"])
    done = working.until_landed()
    events = working.client.events(agent=victim["name"])
    removed = [event for event in events if event["kind"] == "removed"]
    assert removed, "the dead agent was taken out"
    assert removed[0]["data"]["reason"] in ("rapid-death", "reconciled")
    assert (working.session.settings.logs / f"{victim['name']}.death.log").read_text().strip()
    (heir,) = [landed["author"]["name"] for landed in done if landed["issue"] == victim["issue"]]
    assert heir != victim["name"]


def test_a_killed_actor_finds_its_pane_again(team: Make) -> None:
    working = team(pace=1.0)
    agent = working.working()["name"]
    program = working.program(agent)
    settings = working.session.settings
    name = actor_name(settings.id, "agent", agent)
    before = ray.get_actor(name, namespace=NAMESPACE)
    pid: Any = ray.get(before.__ray_call__.remote(lambda _: os.getpid()))
    os.kill(pid, signal.SIGKILL)
    working.until(lambda _: _actor_id(name) not in (None, before._actor_id), "a new actor has the agent")
    assert working.program(agent) == program, "the program never noticed"
    done = working.until_landed()
    assert agent in {landed["author"]["name"] for landed in done}
    assert not [
        e for e in working.client.events(agent=agent) if e["kind"] == "removed" and e["data"]["reason"] != "shutdown"
    ]


def _actor_id(name: str) -> Any:
    """The id of the actor that has the name now; None between two of them."""
    try:
        return ray.get_actor(name, namespace=NAMESPACE)._actor_id
    except ValueError:
        return None
