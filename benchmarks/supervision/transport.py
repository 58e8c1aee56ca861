"""The whole sweep with the product's own actors: the Node looks, tells the Supervisor in one message, that one judges.

The agents have a pane and a record but no actor of their own, so that fifty of them can be had on a small machine: what
is missing is their pings, which the idle cost of a real team (see `team`) holds.
"""

from __future__ import annotations

import time
from typing import Any

import ray

from benchmarks.supervision.ground import SIDES, joined, launch, settings, terminal
from benchmarks.supervision.processes import actors, cpu
from loreli_ray.actors.ray_head import RayHead
from loreli_ray.actors.report import Board
from loreli_ray.actors.spawn import create_control, create_node, node_key
from loreli_ray.actors.supervisor import Supervisor
from loreli_ray.identity import Side
from loreli_ray.model import AgentSpec, Assignment, Observation, Placement, Role
from loreli_ray.roles import prompts


class Enlisting(Supervisor):
    """The product's supervisor, which also takes agents that have no actor, and counts the messages of the nodes."""

    _heard = 0

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

    async def observe(self, node: str, seen: tuple[Observation, ...]) -> set[str]:
        self._heard += 1
        return await super().observe(node, seen)

    async def heard_of(self) -> int:
        return self._heard


def transport(
    sizes: tuple[int, ...], *, head: RayHead, floor: float, seconds: float, settle: float
) -> dict[int, float]:
    """Processor time of one whole sweep in ms, for each number of panes.

    It is that of both actors' processes and of the tmux server. Taken off are `floor`, what one bare actor uses (a
    share of one core), for each of the actors, and what the server uses because the programs print.
    """
    with settings() as where, joined(head, where.config):
        node = node_key(ray.nodes()[0])
        supervisor = create_control("supervisor", Enlisting, where)
        try:
            with terminal(where, node) as server:
                ray.get(supervisor.post.remote(Board(), frozenset()), timeout=60)
                found: dict[int, float] = {}
                enlisted = 0
                for size in sizes:
                    for number in range(enlisted + 1, size + 1):
                        side = SIDES[number % 2]
                        placement = Placement(
                            role=Role.ACTION, provider=f"scripted-{side}", backend=side, node=node, side=Side(side)
                        )
                        spec: AgentSpec = ray.get(supervisor.enlist.remote(placement, number), timeout=60)
                        launch(server, where, node, spec.name, incarnation=spec.incarnation)
                    enlisted = size
                    pid = server.pid()
                    assert pid is not None
                    found[size] = _sweep(
                        supervisor, node, where, head, pid=pid, floor=floor, seconds=seconds, settle=settle
                    )
        finally:
            ray.kill(supervisor)
    return found


def _sweep(
    supervisor: Any, node: str, where: Any, head: RayHead, *, pid: int, floor: float, seconds: float, settle: float
) -> float:
    begun, used = time.monotonic(), cpu(pid)
    time.sleep(settle)
    rate = (cpu(pid) - used) / (time.monotonic() - begun)
    watcher = create_node(node, where)
    try:
        ray.get(watcher.programs.remote(), timeout=60)
        time.sleep(settle)
        running = actors(head.pid)
        processes = [*running["NodeActor"], *running["Enlisting"], pid]
        looks = ray.get(supervisor.heard_of.remote(), timeout=10)
        begun, before = time.monotonic(), sum(map(cpu, processes))
        time.sleep(seconds)
        used = sum(map(cpu, processes)) - before
        elapsed = time.monotonic() - begun
        looks = ray.get(supervisor.heard_of.remote(), timeout=10) - looks
    finally:
        ray.kill(watcher)
    assert looks > 0
    return 1000 * (used - (2 * floor + rate) * elapsed) / looks
