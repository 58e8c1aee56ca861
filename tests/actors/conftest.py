"""One real Ray for the room's tests, and teams of scripted agents on it. Whatever a test does, nothing is left."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from loreli_ray.actors.client import SessionClient
from loreli_ray.actors.ray_head import RayHead, start_ray_head
from loreli_ray.actors.session import Session, use_token
from loreli_ray.actors.settings import runtime_root
from loreli_ray.config import Config
from loreli_ray.demo.stage import REPO, DemoStage
from loreli_ray.errors import SessionError
from loreli_ray.terminal import descendants

_DEADLINE = 90.0


@pytest.fixture(scope="session")
def head() -> Iterator[RayHead]:
    """A head of our own; its processes end with it."""
    head = start_ray_head(runtime_root() / f"ray-t{os.getpid()}", slots=32)
    use_token(head.token_file)
    try:
        yield head
    finally:
        head.stop()


class Team:
    """A session of scripted agents on a sample repository, and what a test asks of it."""

    def __init__(self, stage: DemoStage, session: Session, config: Config) -> None:
        self.stage = stage
        self.session = session
        self.config = config

    @property
    def client(self) -> SessionClient:
        """A new one each time: a supervisor that was restarted answers elsewhere."""
        return SessionClient.of(self.session.settings.folder)

    def status(self) -> dict[str, Any]:
        deadline = time.monotonic() + 20
        while True:
            try:
                return self.client.status()
            except SessionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def until(self, condition: Callable[[dict[str, Any]], Any], what: str) -> Any:
        """What `condition` returns of the status once it is true."""
        deadline = time.monotonic() + _DEADLINE
        while True:
            status = self.status()
            found = condition(status)
            if found:
                return found
            if time.monotonic() > deadline:
                kinds = [(e["kind"], e["agent"], e["text"][:60]) for e in status["events"][-12:]]
                pytest.fail(f"it did not happen in {_DEADLINE:g} s: {what}\n{status['agents']}\n{kinds}")
            time.sleep(0.05)

    def until_landed(self) -> list[dict[str, Any]]:
        """What was landed, once every issue is and the agents have gone."""
        issues = set(self.stage.issues)
        done = self.until(
            lambda s: (
                {d["issue"] for d in s["landed"]} == issues and not s["issues"] and not s["agents"] and s["landed"]
            ),
            "all issues landed, all agents gone",
        )
        assert len(done) == len(issues), f"something was landed twice: {done}"
        return done

    def working(self, role: str = "action") -> dict[str, Any]:
        """An agent of that role in the middle of its work."""
        return self.until(
            lambda s: next(
                (a for a in s["agents"] if a["role"] == role and a["state"] == "working" and a["doing"]), None
            ),
            f"an agent of the role {role} works",
        )

    def program(self, agent: str) -> int:
        """The process of an agent's program: the child of its pane's reaper."""
        for path in self.session.settings.folder.glob("nodes/*"):
            pane = next((p for p in self._panes(path.name) if p.agent == agent), None)
            if pane is not None:
                return descendants(pane.pid)[0]
        raise AssertionError(f"{agent} has no pane")

    def kill_program(self, agent: str) -> None:
        os.kill(self.program(agent), signal.SIGKILL)

    def _panes(self, node: str) -> list[Any]:
        from loreli_ray.terminal import TerminalServer

        settings = self.session.settings
        return TerminalServer(settings.runtime / node[:8] / "tmux", settings.config.tmux.session).panes()


@pytest.fixture
def team(head: RayHead, request: pytest.FixtureRequest) -> Iterator[Callable[..., Team]]:
    """Makes teams; ends them, and everything they made, after the test."""
    made: list[Team] = []
    stages: list[DemoStage] = []

    def make(*, agents: int = 5, pace: float = 0.2, playbook: Path | None = None, **more: Any) -> Team:
        stage = DemoStage(**more)
        stages.append(stage)
        config = stage.config(agents=agents, pace=pace, playbook=playbook)
        session = Session.start(
            config, repo=REPO, credentials=stage.credentials, address=head.address, say=lambda _: None
        )
        made.append(Team(stage, session, config))
        return made[-1]

    try:
        yield make
    finally:
        for found in made:
            found.session.stop(grace=2.0, say=lambda _: None)
        for stage in stages:
            stage.close(keep=False)
