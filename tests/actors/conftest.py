"""One real Ray for the room's tests, and teams of scripted agents on it. Whatever a test does, nothing is left."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp

from loreli_ray.actors.client import SessionClient
from loreli_ray.actors.ray_head import RayHead, start_ray_head
from loreli_ray.actors.session import Session, use_token
from loreli_ray.actors.settings import runtime_root
from loreli_ray.config import Config
from loreli_ray.demo.stage import REPO, DemoStage
from loreli_ray.errors import SessionError
from loreli_ray.git import git
from loreli_ray.terminal import MARKER, PaneInfo, TerminalServer, descendants, marked

_DEADLINE = 120.0


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
        return self._patiently(lambda: self.client.status())

    def until(self, condition: Callable[[dict[str, Any]], Any], what: str, *, seconds: float = _DEADLINE) -> Any:
        """What `condition` returns of the status once it is true."""
        deadline = time.monotonic() + seconds
        while True:
            status = self.status()
            found = condition(status)
            if found:
                return found
            if time.monotonic() > deadline:
                kinds = [(e["kind"], e["agent"], e["text"][:60]) for e in status["events"][-12:]]
                pytest.fail(f"it did not happen in {seconds:g} s: {what}\n{status['agents']}\n{kinds}")
            time.sleep(0.05)

    def until_landed(self, *, seconds: float = _DEADLINE) -> list[dict[str, Any]]:
        """What was landed, once every issue is and the agents have gone."""
        issues = set(self.stage.issues)
        done = self.until(
            lambda s: (
                {d["issue"] for d in s["landed"]} == issues and not s["issues"] and not s["agents"] and s["landed"]
            ),
            "all issues landed, all agents gone",
            seconds=seconds,
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

    def doing(self, step: str) -> str:
        """The name of an author who has just said that it does that."""
        return self.until(
            lambda s: next((a["name"] for a in s["agents"] if a["role"] == "action" and a["doing"] == step), None),
            f"an author is at: {step}",
        )

    def events(self, kind: str, agent: str = "") -> list[dict[str, Any]]:
        return [event for event in self._patiently(lambda: self.client.events(agent=agent)) if event["kind"] == kind]

    def head(self, agent: str) -> str:
        """What an agent's clone has checked out."""
        clone = next(self.session.settings.folder.glob(f"nodes/*/agents/{agent}/workspace"))
        return git("rev-parse", "HEAD", cwd=clone)

    def kept(self, commit: str) -> bool:
        """Whether some branch at the git host holds that commit, or its change under another id."""
        refs = git("for-each-ref", "--format=%(refname)", "refs/heads", cwd=self.stage.repository).split()
        held = git("rev-list", *refs, cwd=self.stage.repository).split()
        return commit in held

    def pane(self, agent: str) -> PaneInfo:
        return next(pane for pane in self.terminal().panes() if pane.agent == agent)

    def program(self, agent: str) -> int:
        """The process of an agent's program: the child of its pane's reaper."""
        return descendants(self.pane(agent).pid)[0]

    def terminal(self) -> TerminalServer:
        """The tmux server of the session's node."""
        settings = self.session.settings
        (folder,) = settings.folder.glob("nodes/*")
        return TerminalServer(settings.socket(folder.name), settings.config.tmux.session)

    def actor_pid(self, kind: str) -> int | None:
        """The process of one of the session's actors; None while it has none."""
        try:
            return self.session.call(kind, "__ray_call__", lambda _: os.getpid(), deadline=20)
        except SessionError:
            return None

    def written(self) -> tuple[int, list[str]]:
        """How many pull requests the git host has, open or not; every comment's text, every review's head and text."""
        forge = self.stage.forge
        repository = forge.repository(REPO)
        assert repository is not None
        pulls = forge.pulls.list(repository, state="all")
        texts = [comment.body for comment, _ in forge.issues.comments(repository)]
        reviews = [f"{review.commit_id}\n{review.body}" for pull in pulls for review in forge.reviews.list(pull)]
        return len(pulls), texts + reviews

    def issue(self, number: int) -> tuple[set[str], list[str]]:
        """The labels and the comments of an issue, as the git host has them."""
        forge = self.stage.forge
        repository = forge.repository(REPO)
        assert repository is not None
        labels = {label.name for label in forge.issues.labels_of(forge.issues.get(repository, number).id)}
        return labels, [comment.body for comment, _ in forge.issues.comments(repository, number=number)]

    def assert_nothing_is_left(self) -> None:
        """No pane, no process of an agent, no clone."""
        settings = self.session.settings
        self.until(lambda _: not self.terminal().panes(), "no pane is left")
        mine = [pid for pid, mark in marked(MARKER).items() if mark.startswith(f"{self.terminal().tag}-")]
        assert not mine, f"processes are left: {mine}"
        assert not list(settings.folder.glob("nodes/*/agents/*")), "clones are left"

    def kill_program(self, agent: str) -> None:
        os.kill(self.program(agent), signal.SIGKILL)

    @staticmethod
    def _patiently(ask: Callable[[], Any]) -> Any:
        """Asks a supervisor that may just be restarted."""
        deadline = time.monotonic() + 60
        while True:
            try:
                return ask()
            except SessionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


@pytest.fixture
def team(head: RayHead, request: pytest.FixtureRequest) -> Iterator[Callable[..., Team]]:
    """Makes teams; ends them, and everything they made, after the test."""
    made: list[Team] = []
    stages: list[DemoStage] = []

    def make(
        *,
        agents: int = 5,
        pace: float = 0.2,
        playbook: Path | None = None,
        issues: tuple[tuple[str, str], ...] | None = None,
        around: Callable[[ASGIApp], ASGIApp] = lambda app: app,
        beside: Team | None = None,
        **sections: dict[str, Any],
    ) -> Team:
        """`sections` change the demo's configuration. `beside`: on that team's repository, from a home of its own."""
        if beside is None:
            stages.append(DemoStage(issues=issues, around=around))
        else:
            beside.session.leave()
        stage = stages[-1] if beside is None else beside.stage
        config = stage.config(agents=agents, pace=pace, playbook=playbook)
        values = config.model_dump(mode="json")
        values["home"] = str(stage.folder / f"home-{len(made)}")
        for name, keys in sections.items():
            values[name] |= keys
        config = Config.model_validate(values)
        session = Session.start(
            config, repo=REPO, credentials=stage.credentials, address=head.address, say=lambda _: None
        )
        made.append(Team(stage, session, config))
        return made[-1]

    try:
        yield make
    finally:
        for found in made:
            session = found.session
            if len(made) > 1:  # only one of them is the one that this process joined Ray for
                session.leave()
                session = Session.join(session.settings, address=head.address, say=lambda _: None)
            session.stop(grace=2.0, say=lambda _: None)
        for stage in stages:
            stage.close(keep=False)
