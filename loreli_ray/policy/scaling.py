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
from sys import maxsize

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
    """An idle agent that nothing needs and without which more could be started; none while another is leaving.

    Of those who are in the way of the same things one is tried.
    """
    full = len(draft.placements) >= scene.scaling.max_per_tick
    if full or any(member.status.state is AgentState.STOPPING for member in scene.fleet.members):
        return ()
    nodes = {node.id: (node.programs, node.slots) for node in scene.nodes}
    tried: set[tuple[object, ...]] = set()
    for name in chain.from_iterable(demand.surplus for demand in scene.demands):
        member = scene.fleet.get(name)
        if member is None or not (draft.crowded or member.spec.role in draft.capped):
            continue
        kind = (member.spec.role, member.spec.side, nodes.get(member.spec.node))
        if kind in tried:
            continue
        tried.add(kind)
        if len(_Draft.of(scene.without(member)).placements) > len(draft.placements):
            return (name,)
    return ()


@dataclass
class _Draft:
    """The plan as it grows. `crowded` when somebody had to wait only because the team or a node is full.

    `held` when an author waits for room: it needs two places, its own and its reviewer's, and would never see them both
    if those who come after it took each one that falls free. `capped` are the roles that had to wait for their caps.

    `live` are the agents of each role, `peers` those that take work, by side; `reviewing` are the sides that each node
    could have reviewers of.
    """

    scene: _Scene
    nodes: list[NodeView]
    sides: dict[str, Side]
    single: bool
    reviewing: dict[str, frozenset[Side]]
    live: Counter[Role]
    peers: dict[Role, Counter[Side]]
    placements: list[Placement] = field(default_factory=list[Placement])
    refusals: list[str] = field(default_factory=list[str])
    crowded: bool = False
    held: bool = False
    capped: set[Role] = field(default_factory=set[Role])

    @classmethod
    def of(cls, scene: _Scene) -> _Draft:
        programs = [program for node in scene.nodes for program in node.programs]
        sides = {provider: scene.sides.of(provider) for provider in {program.provider for program in programs}}
        draft = cls(
            scene=scene,
            nodes=list(scene.nodes),
            sides=sides,
            single=single_sided(programs, scene.sides),
            reviewing={
                node.id: frozenset(sides[p.provider] for p in node.programs if Role.REVIEWER in p.roles)
                for node in scene.nodes
            },
            live=Counter(member.spec.role for member in scene.fleet.live),
            peers={role: Counter(member.spec.side for member in scene.fleet.of(role)) for role in Role},
        )
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
            self.capped.add(role)
            return self._refuse(role, f"at its cap of {scaling.max_per_role.get(role.value)}")
        if self.live.total() >= scaling.max_agents:
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
        self._add(role, program, free[program])
        return True

    def _add(self, role: Role, program: Program, node: NodeView) -> None:
        side = self.sides[program.provider]
        self.nodes = [_taken(other, program) if other is node else other for other in self.nodes]
        self.live[role] += 1
        self.peers[role][side] += 1
        self.placements.append(
            Placement(role=role, provider=program.provider, backend=program.backend, node=node.id, side=side)
        )

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
            peers=self.peers[role],
            single=self.single,
        )

    def _hosts(self, nodes: Sequence[NodeView], giving_way: Role | None = None) -> dict[Program, NodeView]:
        """The programs found, in order of preference, each with its best node.

        For a role `giving_way` to reviewers, only where that leaves room for them; a degraded program stays, to name
        its stand-in.
        """
        needs = {side: self._needs(giving_way, side) for side in Side} if giving_way else {}
        best: dict[str, tuple[tuple[bool, int, int], Program, NodeView]] = {}
        for node in nodes:
            for program in node.programs:
                need = needs.get(self.sides[program.provider], ())
                if not program.degraded and not self._leaves_room(need, node):
                    continue
                known, rank = best.get(program.backend), self._rank(program, node)
                if known is None or rank < known[0]:
                    best[program.backend] = (rank, program, node)  # keeps its place in the order
        return {program: node for _, program, node in best.values()}

    def _rank(self, program: Program, node: NodeView) -> tuple[bool, int, int]:
        """The better node for a program is where it works, then where fewer sides can review, then the emptiest.

        The second, so that a reviewer who could be elsewhere takes no place that another needs.
        """
        return program.degraded, len(self.reviewing[node.id]), -node.slots

    def _needs(self, role: Role, side: Side) -> Sequence[tuple[frozenset[Side], int]] | None:
        """How many slots are to spare for the reviewers who will be needed when an agent of `role` and `side` joins: of
        any side among theirs, and of each; None when the team's cap has no room for them."""
        missing = self._missing_reviewers(role, side)
        count = min(len(missing), self._headroom(Role.REVIEWER))
        if self.live.total() + 1 + count > self.scene.scaling.max_agents:
            return None
        groups = [missing, *(frozenset({one}) for one in missing)]
        return [(group, self._slots(group) - min(len(group), count)) for group in groups]

    def _leaves_room(self, needs: Sequence[tuple[frozenset[Side], int]] | None, node: NodeView) -> bool:
        """Whether the reviewers who will be needed still fit when one slot of this node is taken."""
        if needs is None:
            return False
        return all(spare >= (not self.reviewing[node.id].isdisjoint(group)) for group, spare in needs)

    def _missing_reviewers(self, role: Role, side: Side) -> frozenset[Side]:
        """The sides without a reviewer that will need one, if an agent of `role` and `side` joins."""
        reviewers, authors = self.peers[Role.REVIEWER].keys(), set(self.peers[Role.ACTION])
        if role is Role.ACTION:
            authors.add(side)
        if self.single:
            return frozenset({side}) if authors and not reviewers else frozenset()
        return frozenset(author.opposite for author in authors) - reviewers

    def _slots(self, sides: Collection[Side]) -> int:
        """Free slots for reviewers of any of these sides."""
        return sum(node.slots for node in self.nodes if not self.reviewing[node.id].isdisjoint(sides))

    def _first_author(self) -> str | None:
        return next((member.spec.provider for member in self.scene.fleet.of(Role.ACTION)), None)

    def _headroom(self, role: Role) -> int:
        """How many more agents of a role its cap allows."""
        return max(0, self.scene.scaling.max_per_role.get(role.value, maxsize) - self.live[role])


def _taken(node: NodeView, program: Program) -> NodeView:
    """The node with one more agent: a program on trial gets no second one."""
    programs = tuple(
        p.model_copy(update={"degraded": True}) if p.trial and p.backend == program.backend else p
        for p in node.programs
    )
    return _with_slots(node, -1).model_copy(update={"programs": programs})


def _with_slots(node: NodeView, change: int) -> NodeView:
    return node.model_copy(update={"slots": node.slots + change})
