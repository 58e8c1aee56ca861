"""A real session: how long a start, a turn and a death take, and what a team uses while it has nothing to do.

Its programs are silent: each connects to the gateway, then waits for messages. Times are what the ledger and the
registry say, or what a reader of the ledger's file sees; all clocks are this machine's.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray

from benchmarks.supervision.ground import SIDES
from benchmarks.supervision.processes import Meter, Use, actors
from loreli_ray.actors.client import SessionClient
from loreli_ray.actors.ray_head import RayHead
from loreli_ray.actors.session import Session, use_token
from loreli_ray.actors.spawn import node_key
from loreli_ray.config import Config
from loreli_ray.demo.stage import REPO, DemoStage
from loreli_ray.errors import DeadlineExceeded
from loreli_ray.ledger import Ledger
from loreli_ray.model import AgentState, Demand, Event, EventKind, Member, Role
from loreli_ray.terminal import TerminalServer, descendants

BARE = "bare"
PROGRAM = "Program"
_LABEL = "bench"
_DEADLINE = 120.0
_POLL = 0.002


@dataclass(frozen=True)
class Death:
    """From SIGKILL to the ledger, in ms: the death itself, and the agent's removal."""

    died_ms: float
    removed_ms: float


class Team:
    """A session whose agents are started and ended by hand."""

    def __init__(self, session: Session, head: RayHead) -> None:
        self._session = session
        self._head = head
        self._settings = session.settings
        self._turns = 0

    def spawn(self, count: int) -> float:
        """Asks the scaler for agents; ms until the last of them is ready."""
        before = {member.name for member in self._members()}
        begun = time.time()
        demand = Demand(role=Role.ACTION, workload=count, supply=0, deficit=count)
        plan = self._session.call("scaler", "scale", [demand], deadline=_DEADLINE)
        assert len(plan.placements) == count, plan.refusals

        def ready() -> list[Member]:
            new = [member for member in self._members() if member.name not in before]
            return new if [m.status.state for m in new].count(AgentState.READY) == count else []

        return 1000 * (max(member.status.since for member in _until(ready, "agents are ready", every=0.1)) - begun)

    def turn(self, agent: str) -> float:
        """Sends an agent a message; ms until the supervisor has its tool call in the ledger."""
        self._turns += 1
        text = f"turn {self._turns}."
        with self._ledger() as ledger:
            begun = time.monotonic()
            SessionClient.of(self._settings.folder).send(agent, text)
            _until(
                lambda: any(text in event.text for event in ledger.events(agent=agent, kinds=(EventKind.PROGRESS,))),
                f"{agent} answers",
                every=_POLL,
            )
            return 1000 * (time.monotonic() - begun)

    def death(self, agent: str) -> Death:
        """Kills an agent's program."""
        pane = next(pane for pane in self._server().panes() if pane.agent == agent)
        program = descendants(pane.pid)[0]
        with self._ledger() as ledger:
            begun = time.monotonic()
            os.kill(program, signal.SIGKILL)

            def told(kind: EventKind) -> Callable[[], list[Event]]:
                return lambda: ledger.events(agent=agent, kinds=(kind,))

            _until(told(EventKind.DIED), f"the death of {agent} is told", every=_POLL)
            died = time.monotonic()
            _until(told(EventKind.REMOVED), f"{agent} is removed", every=_POLL)
            return Death(died_ms=1000 * (died - begun), removed_ms=1000 * (time.monotonic() - begun))

    def agents(self) -> list[str]:
        return [member.name for member in self._members()]

    def idle(self, others: list[int], *, seconds: float, settle: float) -> dict[str, Use]:
        """What the session uses while nothing happens, by kind of process, and what `others` use meanwhile (`BARE`).

        `PROGRAM` is the agents' own business.
        """
        time.sleep(settle)
        server = self._server()
        pid = server.pid()
        assert pid is not None
        reapers = [pane.pid for pane in server.panes()]
        programs = [program for reaper in reapers for program in descendants(reaper)]
        groups = {**actors(self._head.pid), "tmux": [pid], "Reaper": reapers, PROGRAM: programs, BARE: others}
        meter = Meter(groups, now=time.monotonic())
        time.sleep(seconds)
        return meter.read(now=time.monotonic())

    def wait_for_node(self) -> None:
        """The scaler has found the node, and the reactor has looked at the git host once."""
        client = SessionClient.of(self._settings.folder)
        _until(lambda: client.status()["nodes"] and client.status()["issues"], "the session looks", every=0.1)

    def _members(self) -> tuple[Member, ...]:
        return self._session.call("supervisor", "team").fleet.members

    def _server(self) -> TerminalServer:
        node = node_key(ray.nodes()[0])
        return TerminalServer(self._settings.socket(node), self._settings.config.tmux.session)

    @contextmanager
    def _ledger(self) -> Generator[Ledger]:
        with closing(Ledger.read(self._settings.ledger)) as ledger:
            yield ledger


@contextmanager
def team(head: RayHead, *, agents: int) -> Generator[Team]:
    """A session of up to so many agents, of which the scaler keeps some for reviewers.

    It has one issue, which waits for a human: nobody works, nobody goes home.
    """
    stage = DemoStage()
    try:
        stage.forge.create_issue(
            REPO, author="demo", title="Wait", body="For a human.", labels=[_LABEL, "loreli:human"]
        )
        config = _config(stage, agents=agents)
        use_token(head.token_file)
        session = Session.start(
            config, repo=REPO, credentials=stage.credentials, address=head.address, say=lambda _: None
        )
        try:
            made = Team(session, head)
            made.wait_for_node()
            yield made
        finally:
            session.stop(grace=0.0, say=lambda _: None)
    finally:
        stage.close(keep=False)


def _config(stage: DemoStage, *, agents: int) -> Config:
    """The product's own pace, but as many starts as are asked for; a death in the first moment is a death as others."""
    document = stage.config(agents=agents, pace=0.0).model_dump(mode="json")
    document["hub"]["label"] = _LABEL
    document["watch"] = {}
    document["timeouts"]["rapid_death"] = 0
    command = [sys.executable, str(Path(__file__).with_name("program.py"))]
    for side in SIDES:
        document["backends"][side]["command"] = command
    return Config.model_validate(document)


def _until(condition: Callable[[], Any], what: str, *, every: float) -> Any:
    """What `condition` returns once it is true."""
    deadline = time.monotonic() + _DEADLINE
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise DeadlineExceeded(f"it did not happen in {_DEADLINE:g} s: {what}", subject="benchmark")
        time.sleep(every)
    return found
