"""The Scaler actor: demand, fleet and nodes to placements (`policy.scaling`), and placements to agents.

It also follows the nodes of the cluster: each one with agent slots gets a Node actor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import ray

from loreli_ray.actors.calls import Peer
from loreli_ray.actors.edge import Edge
from loreli_ray.actors.settings import SessionSettings
from loreli_ray.actors.spawn import SLOT, create_agent, create_node, node_key
from loreli_ray.errors import LoreliError
from loreli_ray.identity import Sides
from loreli_ray.model import (
    AgentSpec,
    Breakers,
    Cause,
    Demand,
    Fleet,
    NodeView,
    Placement,
    Program,
    Role,
    ScalePlan,
    Team,
)
from loreli_ray.observe import logger
from loreli_ray.policy import plan

_LOOK_AGAIN = 60.0


class Scaler:
    """One per session, restarted for ever. What it forgets by dying (cooldowns) costs nothing."""

    async def __init__(self, settings: SessionSettings) -> None:  # pyright: ignore[reportGeneralTypeIssues]
        self._settings = settings
        self._config = settings.config
        self._clock = settings.clock()
        self._edge = Edge("scaler", log=logger("scaler", folder=settings.logs, session=settings.id))
        self._supervisor = Peer(settings.id, "supervisor", deadline=self._config.timeouts.call)
        self._last_spawn: dict[Role, float] = {}
        self._programs: dict[str, tuple[float, tuple[Program, ...]]] = {}
        self._beginning: set[asyncio.Task[None]] = set()

    async def scale(self, demands: Sequence[Demand]) -> ScalePlan:
        """Plans, starts what the plan places, and retires what it sends home; does not wait for the starts."""
        team: Team = await self._supervisor.call("team")
        fleet = team.fleet
        nodes = await self._nodes(fleet)
        decided = plan(
            demands,
            fleet=fleet,
            nodes=nodes,
            sides=Sides(self._config.sides),
            scaling=self._config.scaling,
            last_spawn=self._last_spawn,
            now=self._clock.now(),
        )
        for placement in decided.placements:
            with self._edge.guard("placing", role=placement.role.value, backend=placement.backend):
                await self._place(placement)
        for name in decided.retire:
            with self._edge.guard("retiring", agent=name):
                await self._supervisor.call("stop", name, Cause.SHUTDOWN, "others are needed more")
        return decided

    async def _place(self, placement: Placement) -> None:
        """Admits an agent, creates its actor, and has the supervisor begin it in the background."""
        spec: AgentSpec = await self._supervisor.call("admit", placement)
        create_agent(spec, self._settings)
        task = asyncio.get_running_loop().create_task(self._begin(spec))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

    async def _begin(self, spec: AgentSpec) -> None:
        """Only what was really started counts for the cooldown (SPEC B2)."""
        with self._edge.guard("beginning", agent=spec.name):
            deadline = self._config.timeouts.start + self._config.timeouts.call
            if await self._supervisor.call("begin", spec.name, deadline=deadline):
                self._last_spawn[spec.role] = self._clock.now()

    async def _nodes(self, fleet: Fleet) -> list[NodeView]:
        """The nodes that may get agents, with what they can run."""
        breakers: Breakers = await self._supervisor.call("breakers")
        views: list[NodeView] = []
        for node in ray.nodes():
            slots = int(node["Resources"].get(SLOT, 0)) if node["Alive"] else 0
            if slots == 0:
                continue
            identifier = node_key(node)
            with self._edge.guard("asking a node", node=identifier):
                programs = await self._programs_on(identifier)
                taken = sum(member.spec.node == identifier for member in fleet.members)
                views.append(
                    NodeView(
                        id=identifier,
                        host=str(node["NodeManagerHostname"]),
                        slots=max(0, slots - taken),
                        programs=tuple(
                            program.model_copy(update=breakers.on(identifier, program.backend)) for program in programs
                        ),
                    )
                )
        await self._supervisor.call("see_nodes", tuple(views))
        return views

    async def _programs_on(self, node: str) -> tuple[Program, ...]:
        """What a node has; looked for again once a minute."""
        at, known = self._programs.get(node, (float("-inf"), ()))
        if self._clock.monotonic() - at < _LOOK_AGAIN:
            return known
        create_node(node, self._settings)
        peer = Peer(self._settings.id, "node", node[:12], deadline=self._config.timeouts.start)
        try:
            found: tuple[Program, ...] = await peer.call("programs")
        except LoreliError:
            self._programs.pop(node, None)
            raise
        self._programs[node] = (self._clock.monotonic(), found)
        return found
