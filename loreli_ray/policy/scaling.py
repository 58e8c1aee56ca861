"""Demand to placements (SPEC S14, B1, B2): who is started, where, and why the rest has to wait.

The caps hold at every moment: each placement counts at once against what comes after it. Action agents never take the
last places that their reviewers will need, for then no pull request would ever land.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from loreli_ray.config import ScalingConfig
from loreli_ray.identity import Side, Sides
from loreli_ray.model import Demand, Fleet, NodeView, Placement, Program, Role, ScalePlan
from loreli_ray.policy.providers import choose, single_sided

PRIORITY = (Role.REVIEWER, Role.RISK, Role.ACTION, Role.PLANNER)


def plan(
    demands: Sequence[Demand],
    *,
    fleet: Fleet,
    nodes: Sequence[NodeView],
    sides: Sides,
    scaling: ScalingConfig,
    last_spawn: Mapping[Role, float],
    now: float,
) -> ScalePlan:
    """The placements for this tick. `last_spawn` holds the time of each role's last successful spawn."""
    draft = _Draft(fleet=fleet, nodes=list(nodes), sides=sides, scaling=scaling)
    for demand in sorted(demands, key=lambda demand: PRIORITY.index(demand.role)):
        if demand.deficit <= 0:
            continue
        if (wait := scaling.cooldown - (now - last_spawn.get(demand.role, float("-inf")))) > 0:
            draft.refuse(demand.role, f"cools down for another {wait:.0f} s")
            continue
        for index in range(demand.deficit):
            waiting = demand.action_providers
            if not draft.place(demand.role, against=waiting[index] if index < len(waiting) else None):
                break
    retire = draft.make_room(demands) if draft.full else ()
    return ScalePlan(placements=tuple(draft.placements), retire=retire, refusals=tuple(draft.refusals))


@dataclass
class _Draft:
    fleet: Fleet
    nodes: list[NodeView]
    sides: Sides
    scaling: ScalingConfig
    placements: list[Placement] = field(default_factory=list[Placement])
    refusals: list[str] = field(default_factory=list[str])
    full: bool = False

    def place(self, role: Role, *, against: str | None) -> bool:
        """Adds one placement, or says why not and returns False."""
        if len(self.placements) >= self.scaling.max_per_tick:
            return self.refuse(role, f"no more than {self.scaling.max_per_tick} starts a tick")
        cap = self.scaling.max_per_role.get(role.value)
        if cap is not None and self._count(role) >= cap:
            return self.refuse(role, f"at its cap of {cap}")
        if self._live() >= self.scaling.max_agents:
            self.full = True
            return self.refuse(role, f"the team is at its cap of {self.scaling.max_agents}")
        open_nodes = [node for node in self.nodes if node.slots > 0]
        if not open_nodes:
            return self.refuse(role, "no node has a free slot")
        program = self._program(role, against=against or self._first_author(), nodes=open_nodes)
        if program is None:
            return self.refuse(role, "no program of the right side is found, or all of them are degraded")
        side = self.sides.of(program.provider)
        if role is Role.ACTION and self._live() + 1 + self._reserve(side) > self.scaling.max_agents:
            self.full = True
            return self.refuse(role, "the last places are kept for the reviewers of what is being written")
        fitting = [node for node in open_nodes if program in node.programs]
        node = max(fitting, key=lambda node: node.slots)
        self._take(node)
        self.placements.append(
            Placement(role=role, provider=program.provider, backend=program.backend, node=node.id, side=side)
        )
        return True

    def refuse(self, role: Role, why: str) -> bool:
        self.refusals.append(f"{role}: {why}")
        return False

    def make_room(self, demands: Sequence[Demand]) -> tuple[str, ...]:
        """When the cap holds work back: one idle agent that nothing needs, so that another can take its place."""
        surplus = [name for demand in demands for name in demand.surplus]
        return tuple(surplus[:1])

    def _program(self, role: Role, *, against: str | None, nodes: Sequence[NodeView]) -> Program | None:
        found = {program: None for node in nodes for program in node.programs}
        in_order = sorted(found, key=lambda program: program.degraded)  # stable: what works somewhere comes first
        unique = list({program.backend: program for program in reversed(in_order)}.values())[::-1]
        return choose(role, programs=unique, sides=self.sides, against=against, peers=self._peers(role))

    def _first_author(self) -> str | None:
        return next((member.spec.provider for member in self.fleet.of(Role.ACTION)), None)

    def _peers(self, role: Role) -> Counter[Side]:
        live = Counter(member.spec.side for member in self.fleet.of(role))
        return live + Counter(placement.side for placement in self.placements if placement.role is role)

    def _live(self) -> int:
        return len(self.fleet.live) + len(self.placements)

    def _count(self, role: Role) -> int:
        live = sum(member.spec.role is role for member in self.fleet.live)
        return live + sum(placement.role is role for placement in self.placements)

    def _reserve(self, side: Side) -> int:
        """Places to keep for reviewers if one more action agent of `side` joins: one for each side not yet there."""
        programs = [program for node in self.nodes for program in node.programs]
        reviewers = {member.spec.side for member in self.fleet.of(Role.REVIEWER)}
        reviewers |= {placement.side for placement in self.placements if placement.role is Role.REVIEWER}
        if single_sided(programs, self.sides):
            return 0 if reviewers else 1
        authors = {side} | {member.spec.side for member in self.fleet.of(Role.ACTION)}
        authors |= {placement.side for placement in self.placements if placement.role is Role.ACTION}
        return len({author.opposite for author in authors} - reviewers)

    def _take(self, node: NodeView) -> None:
        index = self.nodes.index(node)
        self.nodes[index] = node.model_copy(update={"slots": node.slots - 1})
