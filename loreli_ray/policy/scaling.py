"""Demand to placements (SPEC S14, B1, B2): who is started, where, and why the rest has to wait.

The caps hold at every moment: each placement counts at once against what comes after it. Action agents and planners
never take the last places that reviewers will need, for then no pull request would ever land. Where an idle agent is in
the way of what is needed, it is retired: one at a time, and only when something could then be started in its place.

Reviewers are asked for by what waits: each against the author of its own pull request, those beyond that against the
first live author, as the seed has it for all. Only live agents are authors and peers, and only they count for a cap.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice, repeat
from math import inf

from loreli_ray.config import ScalingConfig
from loreli_ray.identity import Side, Sides
from loreli_ray.model import AgentState, Demand, Fleet, Member, NodeView, Placement, Program, Role, ScalePlan
from loreli_ray.policy.providers import choose, single_sided

PRIORITY = (Role.REVIEWER, Role.RISK, Role.ACTION, Role.PLANNER)
_GIVE_WAY = frozenset({Role.ACTION, Role.PLANNER})


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
    scene = _Scene(
        demands=demands,
        fleet=fleet,
        nodes=nodes,
        sides=sides,
        scaling=scaling,
        waits={role: scaling.cooldown - (now - at) for role, at in last_spawn.items()},
    )
    draft = _Draft.of(scene)
    return ScalePlan(
        placements=tuple(draft.placements),
        retire=_make_room(scene, draft),
        refusals=tuple(dict.fromkeys(draft.refusals)),
    )


@dataclass(frozen=True, kw_only=True)
class _Scene:
    """What is asked for and what there is. `waits` are the seconds until each role has cooled down."""

    demands: Sequence[Demand]
    fleet: Fleet
    nodes: Sequence[NodeView]
    sides: Sides
    scaling: ScalingConfig
    waits: Mapping[Role, float]

    def without(self, member: Member) -> _Scene:
        """As it will be when `member` has left."""
        members = tuple(other for other in self.fleet.members if other.name != member.name)
        nodes = [_with_slots(node, +1) if node.id == member.spec.node else node for node in self.nodes]
        return replace(self, fleet=Fleet(members=members), nodes=nodes)


def _make_room(scene: _Scene, draft: _Draft) -> tuple[str, ...]:
    """An idle agent that nothing needs and without which more could be started; none while another is leaving."""
    if not draft.crowded or any(member.status.state is AgentState.STOPPING for member in scene.fleet.members):
        return ()
    tried: set[tuple[Role, Side, str]] = set()
    for name in chain.from_iterable(demand.surplus for demand in scene.demands):
        member = scene.fleet.get(name)
        if member is None or (kind := (member.spec.role, member.spec.side, member.spec.node)) in tried:
            continue
        tried.add(kind)
        if len(_Draft.of(scene.without(member)).placements) > len(draft.placements):
            return (name,)
    return ()


@dataclass
class _Draft:
    """The plan as it grows. `crowded` when somebody had to wait only because the team or a node is full.

    `held` when an author waits for room: it needs two places, its own and its reviewer's, and would never see them both
    if those who come after it took each one that falls free.
    """

    scene: _Scene
    nodes: list[NodeView]
    placements: list[Placement] = field(default_factory=list[Placement])
    refusals: list[str] = field(default_factory=list[str])
    crowded: bool = False
    held: bool = False

    @classmethod
    def of(cls, scene: _Scene) -> _Draft:
        draft = cls(scene, list(scene.nodes))
        for demand in sorted(scene.demands, key=lambda demand: PRIORITY.index(demand.role)):
            if demand.deficit > 0:
                draft._serve(demand)
        return draft

    def _serve(self, demand: Demand) -> None:
        if (wait := self.scene.waits.get(demand.role, 0)) > 0:
            self._refuse(demand.role, f"cools down for another {wait:.0f} s")
            return
        refused: set[str | None] = set()
        others = self._first_author() or next(iter(demand.action_providers), None)
        for against in islice(chain(demand.action_providers, repeat(others)), demand.deficit):
            if against not in refused and not self._place(demand.role, against=against):
                refused.add(against)

    def _place(self, role: Role, *, against: str | None) -> bool:
        """Adds one placement, or says why not and returns False."""
        scaling = self.scene.scaling
        if len(self.placements) >= scaling.max_per_tick:
            return self._refuse(role, f"no more than {scaling.max_per_tick} starts a tick")
        if self._headroom(role) <= 0:
            return self._refuse(role, f"at its cap of {scaling.max_per_role.get(role.value)}", crowded=True)
        if self._live() >= scaling.max_agents:
            return self._refuse(role, f"the team is at its cap of {scaling.max_agents}", crowded=True)
        if self._choose(role, self._hosts(self.nodes), against=against) is None:
            return self._refuse(role, "no program of the right side is found, or all of them are degraded")
        gives_way = role in _GIVE_WAY
        free = self._hosts([node for node in self.nodes if node.slots > 0], role if gives_way else None)
        program = None if gives_way and self.held else self._choose(role, free, against=against)
        if program is None:
            self.held |= gives_way
            what = "and the last places are kept for reviewers" if gives_way else "with a program for it"
            return self._refuse(role, f"no free slot on a node {what}", crowded=True)
        node, side = free[program], self.scene.sides.of(program.provider)
        self.nodes[self.nodes.index(node)] = _taken(node, program)
        self.placements.append(
            Placement(role=role, provider=program.provider, backend=program.backend, node=node.id, side=side)
        )
        return True

    def _refuse(self, role: Role, why: str, *, crowded: bool = False) -> bool:
        self.refusals.append(f"{role}: {why}")
        self.crowded |= crowded
        return False

    def _choose(self, role: Role, programs: Collection[Program], *, against: str | None) -> Program | None:
        return choose(
            role,
            programs=tuple(programs),
            sides=self.scene.sides,
            against=against,
            peers=self._peers(role),
            single=self._single,
        )

    def _hosts(self, nodes: Sequence[NodeView], giving_way: Role | None = None) -> dict[Program, NodeView]:
        """The programs found, in order of preference, each with its best node.

        For a role `giving_way` to reviewers, only where that leaves room for them; a degraded program stays, to name
        its stand-in.
        """
        best: dict[str, tuple[Program, NodeView]] = {}
        for node in nodes:
            for program in node.programs:
                if giving_way and not program.degraded and not self._leaves_room(giving_way, program, node):
                    continue
                known = best.get(program.backend)
                if known is None or self._rank(program, node) < self._rank(*known):
                    best[program.backend] = (program, node)  # keeps its place in the order
        return dict(best.values())

    def _rank(self, program: Program, node: NodeView) -> tuple[bool, int, int]:
        """The better node for a program is where it works, then where fewer sides can review, then the emptiest.

        The second, so that a reviewer who could be elsewhere takes no place that another needs.
        """
        reviewing = {self.scene.sides.of(p.provider) for p in node.programs if Role.REVIEWER in p.roles}
        return program.degraded, len(reviewing), -node.slots

    def _leaves_room(self, role: Role, program: Program, node: NodeView) -> bool:
        """Whether the reviewers who will be needed still fit, if this becomes an agent of `role` on this node."""
        missing = self._missing_reviewers(role, self.scene.sides.of(program.provider))
        count = min(len(missing), self._headroom(Role.REVIEWER))
        if self._live() + 1 + count > self.scene.scaling.max_agents:
            return False
        groups = [missing, *({side} for side in missing)]
        return all(self._slots(group, taken_on=node) >= min(len(group), count) for group in groups)

    def _missing_reviewers(self, role: Role, side: Side) -> set[Side]:
        """The sides without a reviewer that will need one, if an agent of `role` and `side` joins."""
        reviewers, authors = set(self._peers(Role.REVIEWER)), set(self._peers(Role.ACTION))
        if role is Role.ACTION:
            authors.add(side)
        if self._single:
            return {side} if authors and not reviewers else set()
        return {author.opposite for author in authors} - reviewers

    def _slots(self, sides: Collection[Side], *, taken_on: NodeView) -> int:
        """Free slots for reviewers of any of these sides, one slot of a node being taken."""

        def fits(program: Program) -> bool:
            return Role.REVIEWER in program.roles and self.scene.sides.of(program.provider) in sides

        return sum(node.slots - (node is taken_on) for node in self.nodes if any(map(fits, node.programs)))

    @property
    def _single(self) -> bool:
        return single_sided([program for node in self.nodes for program in node.programs], self.scene.sides)

    def _first_author(self) -> str | None:
        return next((member.spec.provider for member in self.scene.fleet.of(Role.ACTION)), None)

    def _peers(self, role: Role) -> Counter[Side]:
        live = Counter(member.spec.side for member in self.scene.fleet.of(role))
        return live + Counter(placement.side for placement in self.placements if placement.role is role)

    def _live(self) -> int:
        return len(self.scene.fleet.live) + len(self.placements)

    def _headroom(self, role: Role) -> float:
        """How many more agents of a role its cap allows."""
        live = sum(member.spec.role is role for member in self.scene.fleet.live)
        taken = live + sum(placement.role is role for placement in self.placements)
        return max(0, self.scene.scaling.max_per_role.get(role.value, inf) - taken)


def _taken(node: NodeView, program: Program) -> NodeView:
    """The node with one more agent: a program on trial gets no second one."""
    programs = tuple(
        p.model_copy(update={"degraded": True}) if p.trial and p.backend == program.backend else p
        for p in node.programs
    )
    return _with_slots(node, -1).model_copy(update={"programs": programs})


def _with_slots(node: NodeView, change: int) -> NodeView:
    return node.model_copy(update={"slots": node.slots + change})
