"""The whole sweep with the product's own actors: the Node looks, tells the Supervisor in one message, that one judges.

The agents have a pane and a record but no actor of their own, so that fifty of them can be had on a small machine: what
is missing is their pings, which the idle cost of a real team (see `team`) holds.
"""

from __future__ import annotations

import time
from typing import Any

import ray

from benchmarks.supervision.bare import start
from benchmarks.supervision.ground import SIDES, joined, launch, settings, terminal
from benchmarks.supervision.processes import actors, cpu
from loreli_ray.actors.observer import SAMPLE
from loreli_ray.actors.ray_head import RayHead
from loreli_ray.actors.report import Board
from loreli_ray.actors.settings import SessionSettings
from loreli_ray.actors.spawn import create_control, create_node, node_key
from loreli_ray.actors.supervisor import Supervisor
from loreli_ray.config import SupervisionConfig
from loreli_ray.identity import Side
from loreli_ray.model import AgentSpec, Assignment, Observation, Placement, Role
from loreli_ray.roles import prompts
from loreli_ray.terminal import TerminalServer, usages

_PACE = 0.2
_SECONDS = 8.0
_SETTLE = 3.0
_SAMPLES = 20


class Enlisting(Supervisor):
    """The product's supervisor, which also takes agents that have no actor, and counts the messages of the nodes."""

    _looks_told = 0

    async def enlist(self, placement: Placement, number: int) -> AgentSpec:
        """An agent in the middle of its work."""
        spec = await self.admit(placement)
        now = self._clock.now()
        work = Assignment(
            role=spec.role, issue=number, title=f"Issue {number}", generation=1, branch="b", base="main", start="0" * 40
        )
        self._registry.note(spec.name, started_at=now, connected_at=now)
        due = prompts.due(self._registry.assign(spec.name, work))
        assert due is not None
        self._registry.note(spec.name, told=due[0])
        return spec

    async def observe(self, node: str, seen: tuple[Observation, ...]) -> None:
        self._looks_told += 1
        await super().observe(node, seen)

    async def looks(self) -> int:
        return self._looks_told


def transport(sizes: tuple[int, ...], *, head: RayHead) -> dict[int, float]:
    """Processor time of one whole sweep in ms, for each number of panes.

    It is that of both actors' processes and of the tmux server. Taken off are what two actors use that do nothing, at
    the same time, and what the server uses because the programs print. Sweeps follow each other quickly, as the seed's
    do when they are measured. What is done every few seconds only is put on as it weighs at the product's own pace.
    """
    with settings(sweep=_PACE) as where, joined(head, where.config):
        idle = start(2)
        node = node_key(ray.nodes()[0])
        supervisor = create_control("supervisor", Enlisting, where)
        try:
            with terminal(where, node) as server:
                ray.get(supervisor.post.remote(Board(), frozenset()), timeout=60)
                found: dict[int, float] = {}
                for size in sizes:
                    _enlist(size, supervisor, server, where, node)
                    found[size] = _sweep(supervisor, server, where, node, head)
        finally:
            for actor in (supervisor, *idle):
                ray.kill(actor)
    return found


def _enlist(size: int, supervisor: Any, server: TerminalServer, where: SessionSettings, node: str) -> None:
    """Makes it so many agents."""
    for number in range(len(server.panes()) + 1, size + 1):
        side = SIDES[number % 2]
        placement = Placement(role=Role.ACTION, provider=f"scripted-{side}", backend=side, node=node, side=Side(side))
        spec: AgentSpec = ray.get(supervisor.enlist.remote(placement, number), timeout=60)
        launch(server, where, node, spec.name, incarnation=spec.incarnation)


def _sweep(supervisor: Any, server: TerminalServer, where: SessionSettings, node: str, head: RayHead) -> float:
    tmux = server.pid()
    assert tmux is not None
    printing = _used([tmux])[0]
    watcher = create_node(node, where)
    try:
        ray.get(watcher.programs.remote(), timeout=60)
        time.sleep(_SETTLE)
        running = actors(head.pid)
        busy = [*running["NodeActor"], *running["Enlisting"], tmux]
        before: int = ray.get(supervisor.looks.remote(), timeout=10)
        spent, idle = _used(busy, running["Bare"])
        after: int = ray.get(supervisor.looks.remote(), timeout=10)
    finally:
        ray.kill(watcher)
    assert after > before
    return 1000 * (spent - idle - printing) / (after - before) + _sample(server)


def _used(*groups: list[int]) -> list[float]:
    """What groups of processes use in the same few seconds: processor time in seconds."""
    before = [sum(map(cpu, group)) for group in groups]
    time.sleep(_SECONDS)
    return [sum(map(cpu, group)) - used for group, used in zip(groups, before, strict=True)]


def _sample(server: TerminalServer) -> float:
    """What looking at all processes every few seconds adds to each look at the product's own pace, in ms."""
    leaders = [pane.pid for pane in server.panes()]
    begun = time.thread_time()
    for _ in range(_SAMPLES):
        usages(leaders)
    return 1000 * (time.thread_time() - begun) / _SAMPLES * SupervisionConfig().sweep / SAMPLE
