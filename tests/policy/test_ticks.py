"""What holds over many ticks, whatever happens between them (SPEC S14, S15, B1, B2): caps, priorities, sides, room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from loreli_ray.config import ScalingConfig
from loreli_ray.config.vocabulary import ROLES
from loreli_ray.identity import Sides
from loreli_ray.model import GONE, AgentState, Demand, Fleet, Member, NodeView, Placement, Program, Role, ScalePlan
from loreli_ray.policy import plan
from loreli_ray.policy.providers import single_sided
from loreli_ray.policy.scaling import PRIORITY
from tests.policy.kit import CLAUDE, CODEX, CURSOR, MISTRAL, NOW, PROVIDERS, fleet, member, node, work

SIDES = Sides()
OPPOSED = (Role.REVIEWER, Role.RISK)

some_programs = st.lists(st.sampled_from([CLAUDE, CODEX, CURSOR, MISTRAL]), max_size=4, unique=True)
some_nodes = st.lists(st.tuples(st.integers(0, 5), some_programs), min_size=1, max_size=3)
roomy_nodes = st.lists(
    st.tuples(
        st.integers(2, 5),
        st.lists(st.sampled_from([CLAUDE, CODEX, CURSOR, MISTRAL]), min_size=1, max_size=4, unique=True),
    ),
    min_size=1,
    max_size=3,
)
some_scaling = st.builds(
    ScalingConfig,
    max_agents=st.integers(2, 7),
    max_per_tick=st.integers(1, 4),
    max_per_role=st.dictionaries(st.sampled_from(ROLES), st.integers(0, 3), max_size=2),
)
some_authors = st.lists(st.sampled_from(list(PROVIDERS.values())), max_size=4)
some_work = st.fixed_dictionaries({role: st.integers(0, 3) for role in PRIORITY})


def as_nodes(machines: Sequence[tuple[int, list[Program]]], *, team: Sequence[Member] = ()) -> list[NodeView]:
    """What the scaler sees: an agent holds its slot until it has left, whatever its state."""
    held = Counter(m.spec.node for m in team)
    return [
        node(*programs, slots=max(0, slots - held[f"n{n}"]), id=f"n{n}") for n, (slots, programs) in enumerate(machines)
    ]


def asks(wanted: dict[Role, int], *, waiting: Sequence[str]) -> list[Demand]:
    """So many of each role; of those who oppose, one against the author of each pull request that waits."""
    demands = list[Demand]()
    for role, deficit in wanted.items():
        authors = tuple(waiting) if role in OPPOSED else ()
        deficit = len(authors) if role in OPPOSED else deficit
        demands.append(Demand(role=role, workload=deficit, supply=0, deficit=deficit, action_providers=authors))
    return demands


def decide(
    demands: Sequence[Demand], *, team: Fleet, nodes: Sequence[NodeView], scaling: ScalingConfig, **more: Any
) -> ScalePlan:
    known: dict[str, Any] = {"last_spawn": {}, "now": NOW}
    return plan(demands, fleet=team, nodes=nodes, sides=SIDES, scaling=scaling, **(known | more))


def joined(placement: Placement, name: str) -> Member:
    return member(name, role=placement.role, side=placement.side, node=placement.node, state=AgentState.STARTING)


class Session(RuleBasedStateMachine):
    """A team over many ticks: starts fail, agents die, rest, stop and leave, programs are degraded and mended."""

    @initialize(machines=some_nodes, scaling=some_scaling)
    def begins(self, machines: list[tuple[int, list[Program]]], scaling: ScalingConfig) -> None:
        self.machines = machines
        self.scaling = scaling
        self.team: list[Member] = []
        self.last: dict[Role, float] = {}
        self.now = NOW
        self.born = 0

    @rule(wanted=some_work, waiting=some_authors, fails=st.sets(st.integers(0, 3)))
    def tick(self, wanted: dict[Role, int], waiting: list[str], fails: set[int]) -> None:
        nodes = as_nodes(self.machines, team=self.team)
        idle = {role: tuple(m.name for m in self.team if m.idle and m.spec.role is role) for role in wanted}
        demands = [d.model_copy(update={"surplus": idle[d.role]}) for d in asks(wanted, waiting=waiting)]
        decided = decide(
            demands, team=fleet(*self.team), nodes=nodes, scaling=self.scaling, last_spawn=self.last, now=self.now
        )
        assert len(decided.placements) <= self.scaling.max_per_tick
        for placement in decided.placements:
            assert self.now - self.last.get(placement.role, 0) >= self.scaling.cooldown
        self.check_sides(decided, waiting=waiting)
        self.retire(decided, wanted=demands)
        for number, placement in enumerate(decided.placements):
            if number not in fails:
                self.born += 1
                self.team.append(joined(placement, f"m{self.born}"))
                self.last[placement.role] = self.now

    def check_sides(self, decided: ScalePlan, *, waiting: Sequence[str]) -> None:
        """A reviewer is opposite somebody who waits, in the order in which they do, where both sides are found."""
        if single_sided([program for _, programs in self.machines for program in programs], SIDES):
            return
        for role in OPPOSED:
            sides = Counter(placement.side for placement in decided.placements if placement.role is role)
            assert sides <= Counter(SIDES.of(author).opposite for author in waiting)

    def retire(self, decided: ScalePlan, *, wanted: Sequence[Demand]) -> None:
        """One idle agent at a time, and never for nothing."""
        assert len(decided.retire) <= 1
        for name in decided.retire:
            leaver = next(m for m in self.team if m.name == name)
            assert leaver.idle
            assert all(m.status.state is not AgentState.STOPPING for m in self.team)
            rest = [m for m in self.team if m is not leaver]
            without = decide(
                wanted,
                team=fleet(*rest),
                nodes=as_nodes(self.machines, team=rest),
                scaling=self.scaling,
                last_spawn=self.last,
                now=self.now,
            )
            assert len(without.placements) > len(decided.placements)
            self.turn(leaver, AgentState.STOPPING)

    @precondition(lambda self: self.team)
    @rule(
        data=st.data(),
        state=st.sampled_from([s for s in AgentState if s not in (AgentState.STARTING, AgentState.FAILED)]),
    )
    def changes(self, data: st.DataObject, state: AgentState) -> None:
        """Somebody becomes ready, works, waits, rests, stops or dies; who is gone does not come back."""
        someone = data.draw(st.sampled_from(self.team))
        if someone.status.state not in GONE:
            self.turn(someone, state)

    def turn(self, someone: Member, state: AgentState) -> None:
        status = someone.status.model_copy(update={"state": state})
        assignment = work() if state in (AgentState.WORKING, AgentState.WAITING_REVIEW) else None
        changed = someone.model_copy(update={"status": status, "assignment": assignment})
        self.team[self.team.index(someone)] = changed

    @precondition(lambda self: any(m.status.state in GONE | {AgentState.STOPPING} for m in self.team))
    @rule(data=st.data())
    def leaves(self, data: st.DataObject) -> None:
        """The way out has ended: only now the slot is free."""
        going = [m for m in self.team if m.status.state in GONE | {AgentState.STOPPING}]
        self.team.remove(data.draw(st.sampled_from(going)))

    @rule(data=st.data())
    def breaks_or_is_mended(self, data: st.DataObject) -> None:
        where = data.draw(st.integers(0, len(self.machines) - 1))
        slots, programs = self.machines[where]
        if programs:
            which = data.draw(st.integers(0, len(programs) - 1))
            changed = programs[which].model_copy(update={"degraded": not programs[which].degraded})
            self.machines = list(self.machines)
            self.machines[where] = (slots, [*programs[:which], changed, *programs[which + 1 :]])

    @rule(seconds=st.integers(1, 40))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @invariant()
    def the_caps_hold(self) -> None:
        if not hasattr(self, "team"):
            return
        live = fleet(*self.team).live
        assert len(live) <= self.scaling.max_agents
        roles = Counter(m.spec.role.value for m in live)
        assert all(roles[role] <= cap for role, cap in self.scaling.max_per_role.items())
        held = Counter(m.spec.node for m in self.team)
        assert all(held[f"n{n}"] <= slots for n, (slots, _) in enumerate(self.machines))


TestSession = Session.TestCase
TestSession.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


# ── one tick ──


@st.composite
def some_team(draw: st.DrawFn, machines: list[tuple[int, list[Program]]]) -> list[Member]:
    """Agents where there is room for them."""
    team = list[Member]()
    for n, (slots, programs) in enumerate(machines):
        for number in range(draw(st.integers(0, slots if programs else 0))):
            side = SIDES.of(draw(st.sampled_from(programs)).provider)
            role = draw(st.sampled_from(Role))
            state = draw(st.sampled_from([AgentState.READY, AgentState.WORKING, AgentState.DORMANT]))
            busy = work() if state is AgentState.WORKING else None
            team.append(member(f"m{n}{number}", role=role, side=side, node=f"n{n}", state=state, work=busy))
    return team


@given(data=st.data(), machines=some_nodes, scaling=some_scaling, wanted=some_work, waiting=some_authors)
def test_no_demand_costs_one_before_it_a_place(
    data: st.DataObject,
    machines: list[tuple[int, list[Program]]],
    scaling: ScalingConfig,
    wanted: dict[Role, int],
    waiting: list[str],
) -> None:
    """So nobody is placed while one of a higher priority who could have that place is refused for want of room."""
    team = data.draw(some_team(machines))
    nodes, demands = as_nodes(machines, team=team), asks(wanted, waiting=waiting)
    together = decide(demands, team=fleet(*team), nodes=nodes, scaling=scaling).placements
    for count in range(1, len(demands)):
        first = sorted(demands, key=lambda demand: PRIORITY.index(demand.role))[:count]
        alone = decide(first, team=fleet(*team), nodes=nodes, scaling=scaling).placements
        assert together[: len(alone)] == alone
        assert [p for p in together if p.role in PRIORITY[:count]] == list(alone)


@given(data=st.data(), machines=roomy_nodes, scaling=some_scaling, wanted=some_work)
def test_who_writes_leaves_room_for_who_reviews(
    data: st.DataObject, machines: list[tuple[int, list[Program]]], scaling: ScalingConfig, wanted: dict[Role, int]
) -> None:
    """Once an author has joined, each side that writes and has no reviewer can have one, one after the other."""
    team = data.draw(some_team(machines))
    nodes = as_nodes(machines, team=team)
    wanted[Role.ACTION] += 1
    decided = decide(asks(wanted, waiting=()), team=fleet(*team), nodes=nodes, scaling=scaling)
    team += [joined(placement, f"new{n}") for n, placement in enumerate(decided.placements)]
    if all(placement.role is not Role.ACTION for placement in decided.placements):
        return
    reviewers = {m.spec.side for m in fleet(*team).of(Role.REVIEWER)}
    authors = {m.spec.side for m in fleet(*team).of(Role.ACTION)}
    single = single_sided([program for view in nodes for program in view.programs], SIDES)
    if single:
        missing = [] if reviewers else sorted(authors)[:1]
    else:
        missing = sorted({author.opposite for author in authors} - reviewers)
    cap = scaling.max_per_role.get("reviewer", 99) - len(fleet(*team).of(Role.REVIEWER))
    for side in missing[: max(0, cap)]:
        author = PROVIDERS[side if single else side.opposite]
        needed = [Demand(role=Role.REVIEWER, workload=1, supply=0, deficit=1, action_providers=(author,))]
        seen = decide(needed, team=fleet(*team), nodes=as_nodes(machines, team=team), scaling=scaling)
        assert [placement.side for placement in seen.placements] == [side], seen.refusals
        team.append(joined(seen.placements[0], f"rey-{side}"))


# ── in the end ──


@given(data=st.data(), machines=roomy_nodes, scaling=some_scaling, role=st.sampled_from(Role), author=some_authors)
def test_nobody_waits_for_ever(
    data: st.DataObject,
    machines: list[tuple[int, list[Program]]],
    scaling: ScalingConfig,
    role: Role,
    author: list[str],
) -> None:
    """Whom an empty team would be given, a full one is too, as others leave, though roles after it go on asking."""
    lasting = asks({role: 1}, waiting=author[:1] if role in OPPOSED else ())
    assume(decide(lasting, team=Fleet(), nodes=as_nodes(machines), scaling=scaling).placements)
    others = dict.fromkeys(PRIORITY[PRIORITY.index(role) + 1 :], 3)
    team, last, now = data.draw(some_team(machines)), dict[Role, float](), NOW
    refusals = list[tuple[str, ...]]()
    for turn in range(len(team) + 3):
        decided = decide(
            [*asks(others, waiting=["anthropic", "openai"]), *lasting],
            team=fleet(*team),
            nodes=as_nodes(machines, team=team),
            scaling=scaling,
            last_spawn=last,
            now=now,
        )
        if any(placement.role is role for placement in decided.placements):
            return
        refusals.append(decided.refusals)
        team = team[1:]  # the one that has been there longest has done its work
        for number, placement in enumerate(decided.placements):
            team.append(joined(placement, f"t{turn}{number}"))
            last[placement.role] = now
        now += scaling.cooldown
    raise AssertionError(f"{role} is never served: {refusals}")
