"""Demand to placements (SPEC S14, S15, B1, B2): caps, order, and room for reviewers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loreli_ray.config import ScalingConfig
from loreli_ray.config.vocabulary import ROLES, RoleName
from loreli_ray.identity import Side, Sides
from loreli_ray.model import GONE, AgentState, Demand, Fleet, Member, NodeView, Program, Role, ScalePlan
from loreli_ray.policy import plan
from tests.policy.kit import CLAUDE, CODEX, CURSOR, MISTRAL, NOW, down, fleet, member, node, work

YANG = Side.YANG
BOTH = (node(CLAUDE, CODEX),)


def wants(role: Role, deficit: int = 1, *, authors: Sequence[str] = (), surplus: Sequence[str] = ()) -> Demand:
    return Demand(
        role=role,
        workload=deficit,
        supply=0,
        deficit=deficit,
        action_providers=tuple(authors),
        surplus=tuple(surplus),
    )


def planned(
    *demands: Demand,
    team: Fleet | None = None,
    nodes: Sequence[NodeView] = BOTH,
    last: Mapping[Role, float] | None = None,
    max_agents: int = 8,
    max_per_tick: int = 8,
    max_per_role: dict[RoleName, int] | None = None,
) -> ScalePlan:
    scaling = ScalingConfig(max_agents=max_agents, max_per_tick=max_per_tick, max_per_role=max_per_role or {})
    return plan(
        demands,
        fleet=team or Fleet(),
        nodes=nodes,
        sides=Sides(),
        scaling=scaling,
        last_spawn=last or {},
        now=NOW,
    )


def placed(decided: ScalePlan) -> list[tuple[Role, str]]:
    return [(placement.role, placement.backend) for placement in decided.placements]


def test_reviewers_come_before_risk_before_authors_before_planners() -> None:
    decided = planned(*(wants(role) for role in (Role.PLANNER, Role.ACTION, Role.RISK, Role.REVIEWER)))
    assert [role for role, _ in placed(decided)] == [Role.REVIEWER, Role.RISK, Role.ACTION, Role.PLANNER]


def test_authors_are_balanced_and_go_where_most_is_free() -> None:
    nodes = (node(CLAUDE, CODEX, slots=3, id="small"), node(CLAUDE, CODEX, slots=9, id="large"))
    decided = planned(wants(Role.ACTION, 4), nodes=nodes)
    assert Counter(placement.side for placement in decided.placements) == {Side.YIN: 2, Side.YANG: 2}
    assert {placement.node for placement in decided.placements} == {"large"}


def test_reviewers_are_opposite_the_pull_requests_that_wait() -> None:
    team = fleet(member(side=YANG, work=work()))
    decided = planned(wants(Role.REVIEWER, 2, authors=["anthropic", "openai"]), team=team)
    assert placed(decided) == [(Role.REVIEWER, "codex"), (Role.REVIEWER, "claude")]


def test_without_one_that_waits_they_are_opposite_a_live_author() -> None:
    team = fleet(member(side=YANG, state=AgentState.EXITED), member("zoe", work=work()))
    assert placed(planned(wants(Role.REVIEWER), team=team)) == [(Role.REVIEWER, "codex")]


def test_one_that_nobody_can_review_now_holds_up_no_other() -> None:
    nodes = (node(CLAUDE, down(CODEX)),)
    decided = planned(wants(Role.REVIEWER, 3, authors=["anthropic", "anthropic", "openai"]), nodes=nodes)
    assert placed(decided) == [(Role.REVIEWER, "claude")]
    assert decided.refusals == ("reviewer: no program of the right side is found, or all of them are degraded",)


def test_a_full_node_does_not_make_the_other_side_disappear() -> None:
    nodes = (node(CLAUDE, slots=4), node(CODEX, slots=0, id="n2"))
    assert placed(planned(wants(Role.REVIEWER, authors=["anthropic"]), nodes=nodes)) == []


def test_one_side_alone_reviews_itself() -> None:
    nodes = (node(CLAUDE, MISTRAL),)
    assert placed(planned(wants(Role.REVIEWER, authors=["anthropic"]), nodes=nodes)) == [(Role.REVIEWER, "claude")]


def test_a_degraded_program_gives_way_to_its_stand_in() -> None:
    nodes = (node(MISTRAL.model_copy(update={"roles": (Role.RISK,)}), down(CLAUDE), CODEX, CURSOR),)
    assert placed(planned(wants(Role.ACTION), nodes=nodes)) == [(Role.ACTION, "cursor")]


def test_a_program_that_is_degraded_on_one_node_works_on_another() -> None:
    nodes = (node(down(CLAUDE), CODEX, slots=9), node(CLAUDE, slots=1, id="n2"))
    decided = planned(wants(Role.ACTION), nodes=nodes)
    assert [(placement.backend, placement.node) for placement in decided.placements] == [("claude", "n2")]


def test_the_order_of_preference_outlives_other_versions_on_other_nodes() -> None:
    newer = CLAUDE.model_copy(update={"version": "2"})
    nodes = (node(CLAUDE, MISTRAL, CODEX), node(newer, id="n2"))
    assert placed(planned(wants(Role.ACTION), nodes=nodes)) == [(Role.ACTION, "claude")]


@pytest.mark.parametrize(("ago", "count"), [(29, 0), (30, 1), (1000, 1)])
def test_a_role_cools_down_on_its_own(ago: float, count: int) -> None:
    decided = planned(wants(Role.ACTION), wants(Role.REVIEWER), last={Role.ACTION: NOW - ago})
    assert [role for role, _ in placed(decided)].count(Role.ACTION) == count
    assert [role for role, _ in placed(decided)].count(Role.REVIEWER) == 1


def test_why_the_rest_waits() -> None:
    assert planned(wants(Role.ACTION), last={Role.ACTION: NOW}).refusals == ("action: cools down for another 30 s",)
    assert planned(wants(Role.ACTION, 3), max_per_tick=1).refusals == ("action: no more than 1 starts a tick",)
    assert planned(wants(Role.ACTION), max_per_role={"action": 0}).refusals == ("action: at its cap of 0",)
    full = fleet(member("ann"), member("bob"))
    assert "at its cap of 2" in planned(wants(Role.ACTION), team=full, max_agents=2).refusals[0]
    assert "no free slot" in planned(wants(Role.REVIEWER), nodes=(node(CLAUDE, CODEX, slots=0),)).refusals[0]
    assert "no program" in planned(wants(Role.ACTION), nodes=()).refusals[0]
    assert planned(wants(Role.ACTION, 0)) == ScalePlan()


def test_who_is_gone_counts_for_no_cap_and_who_is_stopping_does() -> None:
    gone = [member(state.value, state=state) for state in GONE]
    assert len(planned(wants(Role.REVIEWER, 2), team=fleet(*gone), max_agents=2).placements) == 2
    stopping = [member(name, state=AgentState.STOPPING) for name in ("ann", "bob")]
    assert planned(wants(Role.REVIEWER), team=fleet(*stopping), max_agents=2).placements == ()


# ── room for reviewers ──


@pytest.mark.parametrize(
    ("max_agents", "nodes", "authors"),
    [
        (2, BOTH, 1),
        (3, BOTH, 2),  # both of one side, so that one reviewer is enough
        (4, BOTH, 2),
        (5, BOTH, 3),
        (8, (node(CLAUDE, CODEX, slots=2),), 1),
        (8, (node(CLAUDE, CODEX, slots=4),), 2),
        (8, (node(CLAUDE, slots=5), node(CODEX, slots=1, id="n2")), 5),  # the one slot is for the reviewer
        (8, (node(CLAUDE, slots=1), node(CODEX, slots=1, id="n2")), 1),
        (3, (node(CLAUDE, MISTRAL),), 2),
    ],
)
def test_the_last_places_are_kept_for_reviewers(max_agents: int, nodes: Sequence[NodeView], authors: int) -> None:
    decided = planned(wants(Role.ACTION, 9), nodes=nodes, max_agents=max_agents)
    assert len(decided.placements) == authors
    sides = {placement.side for placement in decided.placements}
    team = [
        member(f"a{n}", side=placement.side, node=placement.node, work=work(n + 1))
        for n, placement in enumerate(decided.placements)
    ]
    left = [_less(view, Counter(m.spec.node for m in team)[view.id]) for view in nodes]
    waiting = ["anthropic" if side is Side.YIN else "openai" for side in sides]
    reviewers = planned(
        wants(Role.REVIEWER, len(waiting), authors=waiting), team=fleet(*team), nodes=left, max_agents=max_agents
    )
    assert len(reviewers.placements) == len(sides)


def test_a_reviewer_that_is_there_needs_no_place() -> None:
    team = fleet(member("rey", side=YANG, role=Role.REVIEWER))
    assert placed(planned(wants(Role.ACTION), team=team, max_agents=2)) == [(Role.ACTION, "claude")]


def test_nobody_writes_what_nobody_could_review() -> None:
    writer = CLAUDE.model_copy(update={"roles": (Role.ACTION,)})
    decided = planned(wants(Role.ACTION, 3), nodes=(node(writer, CODEX),))
    assert {backend for _, backend in placed(decided)} == {"claude"}


def test_planners_take_no_place_that_is_kept_for_reviewers() -> None:
    writing = fleet(member(work=work()), member("bob", work=work(2)))
    decided = planned(wants(Role.PLANNER), team=writing, max_agents=3)
    assert (decided.placements, "kept for reviewers" in decided.refusals[0]) == ((), True)
    assert placed(planned(wants(Role.PLANNER), team=writing, max_agents=4)) == [(Role.PLANNER, "claude")]


def test_planners_take_no_place_that_an_author_waits_for() -> None:
    """Two planners that take turns would keep it out for ever: it needs two places, its own and its reviewer's."""
    team = fleet(member("pat", role=Role.PLANNER, work=work()))
    assert placed(planned(wants(Role.PLANNER), team=team, max_agents=2)) == [(Role.PLANNER, "codex")]
    assert placed(planned(wants(Role.PLANNER), wants(Role.ACTION), team=team, max_agents=2)) == []


@pytest.mark.parametrize(("cap", "authors"), [(0, 3), (1, 2), (2, 2)])
def test_no_place_is_kept_for_reviewers_whom_their_cap_forbids(cap: int, authors: int) -> None:
    assert len(placed(planned(wants(Role.ACTION, 9), max_agents=3, max_per_role={"reviewer": cap}))) == authors


def test_a_reviewer_leaves_the_only_place_of_the_other_side_alone() -> None:
    nodes = (node(CLAUDE, CODEX, slots=2), node(CODEX, slots=1, id="n2"))
    decided = planned(wants(Role.REVIEWER, 2, authors=["anthropic", "openai"]), nodes=nodes)
    assert [(placement.backend, placement.node) for placement in decided.placements] == [
        ("codex", "n2"),
        ("claude", "n1"),
    ]


def test_reviewers_beyond_those_who_wait_are_opposite_an_author_too() -> None:
    known = wants(Role.REVIEWER, 3, authors=["openai"])
    assert placed(planned(known)) == [(Role.REVIEWER, "claude")] * 3
    team = fleet(member(work=work()))
    assert placed(planned(known, team=team)) == [(Role.REVIEWER, backend) for backend in ("claude", "codex", "codex")]


# ── making room ──


def test_an_idle_reviewer_of_the_wrong_side_gives_way() -> None:
    team = fleet(member(side=YANG, work=work()), member("rey", side=YANG, role=Role.REVIEWER))
    decided = planned(wants(Role.REVIEWER, authors=["openai"], surplus=["rey"]), team=team, max_agents=2)
    assert (decided.placements, decided.retire) == ((), ("rey",))


def test_at_the_cap_of_a_role_only_one_of_that_role_gives_way() -> None:
    team = fleet(member("idle"), member("rey", side=YANG, role=Role.REVIEWER))
    decided = planned(
        wants(Role.ACTION, 0, surplus=["idle"]),
        wants(Role.REVIEWER, authors=["openai"], surplus=["rey"]),
        team=team,
        max_per_role={"reviewer": 1},
    )
    assert decided.retire == ("rey",)


def test_one_on_the_node_with_the_program_gives_way() -> None:
    team = fleet(member("far"), member("near", side=YANG, node="n2"))
    nodes = (node(CLAUDE, slots=0), node(CODEX, slots=0, id="n2"))
    demands = (wants(Role.ACTION, 0, surplus=["far", "near"]), wants(Role.REVIEWER, authors=["anthropic"]))
    assert planned(*demands, team=team, nodes=nodes).retire == ("near",)


@pytest.mark.parametrize(
    "team",
    [
        fleet(member(work=work()), member("rey", side=YANG, role=Role.REVIEWER)),
        fleet(member(work=work()), member("rey", side=YANG, role=Role.REVIEWER), member("x", state=AgentState.LOST)),
    ],
)
def test_nobody_is_retired_for_nothing(team: Fleet) -> None:
    """The reviewer will be needed for what is being written; an author in its place would have none."""
    decided = planned(wants(Role.ACTION), wants(Role.REVIEWER, 0, surplus=["rey"]), team=team, max_agents=2)
    assert (decided.placements, decided.retire) == ((), ())


def test_one_leaves_at_a_time() -> None:
    idle = [member(f"r{n}", side=YANG, role=Role.REVIEWER) for n in range(2)]
    demand = wants(Role.REVIEWER, authors=["openai"], surplus=["r0", "r1"])
    assert planned(demand, team=fleet(*idle), max_agents=2).retire == ("r0",)
    leaving = fleet(member("r0", side=YANG, role=Role.REVIEWER, state=AgentState.STOPPING), idle[1])
    assert planned(demand, team=leaving, max_agents=2).retire == ()


# ── whatever the input ──

MEMBERS = st.lists(
    st.tuples(
        st.sampled_from(Role), st.sampled_from(Side), st.sampled_from(AgentState), st.sampled_from(["n0", "n1", "n2"])
    ),
    max_size=10,
)
NODES = st.lists(
    st.tuples(st.integers(0, 6), st.lists(st.sampled_from([CLAUDE, CODEX, CURSOR, MISTRAL, down(CLAUDE)]), max_size=4)),
    max_size=3,
)
DEMANDS = st.lists(
    st.tuples(
        st.sampled_from(Role), st.integers(-2, 12), st.lists(st.sampled_from(["anthropic", "openai"]), max_size=12)
    ),
    max_size=5,
)


@given(
    members=MEMBERS,
    machines=NODES,
    asked=DEMANDS,
    max_agents=st.integers(2, 12),
    max_per_tick=st.integers(1, 12),
    caps=st.dictionaries(st.sampled_from(ROLES), st.integers(0, 4)),
    last=st.dictionaries(st.sampled_from(Role), st.floats(NOW - 60, NOW)),
)
def test_the_caps_hold_at_every_moment(
    members: list[tuple[Role, Side, AgentState, str]],
    machines: list[tuple[int, list[Program]]],
    asked: list[tuple[Role, int, list[str]]],
    max_agents: int,
    max_per_tick: int,
    caps: dict[RoleName, int],
    last: dict[Role, float],
) -> None:
    team = fleet(*(member(f"m{n}", role=r, side=s, state=t, node=w) for n, (r, s, t, w) in enumerate(members)))
    nodes = [node(*programs, slots=slots, id=f"n{n}") for n, (slots, programs) in enumerate(machines)]
    idle = [m.name for m in team.members if m.idle]
    demands = [wants(role, deficit, authors=authors, surplus=idle) for role, deficit, authors in asked]
    decided = planned(
        *demands,
        team=team,
        nodes=nodes,
        last=last,
        max_agents=max_agents,
        max_per_tick=max_per_tick,
        max_per_role=caps,
    )
    new = decided.placements
    assert len(new) <= max_per_tick
    assert not new or len(team.live) + len(new) <= max_agents
    live, started = Counter(m.spec.role for m in team.live), Counter(placement.role for placement in new)
    for role, count in started.items():
        assert live[role] + count <= caps.get(role.value, 99)
        assert count <= sum(max(0, deficit) for asker, deficit, _ in asked if asker is role)
        assert NOW - last.get(role, 0) >= 30
    for view in nodes:
        assert sum(placement.node == view.id for placement in new) <= view.slots
    for placement in new:
        found = next(view for view in nodes if view.id == placement.node).programs
        assert any(
            (program.backend, program.provider) == (placement.backend, placement.provider)
            and not program.degraded
            and placement.role in program.roles
            for program in found
        )
        assert Sides().of(placement.provider) is placement.side
    assert len(decided.retire) <= 1
    assert set(decided.retire) <= set(idle)
    assert decided == planned(
        *demands,
        team=team,
        nodes=nodes,
        last=last,
        max_agents=max_agents,
        max_per_tick=max_per_tick,
        max_per_role=caps,
    ), "the same answer to the same question"


def _less(view: NodeView, taken: int) -> NodeView:
    return view.model_copy(update={"slots": view.slots - taken})


def test_a_thousand_agents_are_planned_in_no_time() -> None:
    team = fleet(*(_crowd(n) for n in range(1000)))
    demands = (wants(Role.ACTION, 2000), wants(Role.REVIEWER, 500, authors=["anthropic", "openai"] * 250))
    machines = [node(CLAUDE, CODEX, slots=10, id=f"n{n}") for n in range(50)]
    assert len(planned(*demands, team=team, nodes=machines, max_agents=1010, max_per_tick=4).placements) == 4


def test_a_thousand_agents_on_hundreds_of_nodes_are_planned_in_a_moment() -> None:
    """Also when all is full and many are idle, so that any of them could be in the way."""
    team = fleet(*(_crowd(n, on=f"n{n // 4}") for n in range(1000)))
    demands = (
        wants(Role.ACTION, 10_000, surplus=[f"m{n}" for n in range(1000)]),
        wants(Role.REVIEWER, 500, authors=["anthropic", "openai"] * 250),
    )
    for free in (0, 2):
        machines = [node(CLAUDE, CODEX, CURSOR, slots=free, id=f"n{n}") for n in range(250)]
        began = process_time()
        planned(*demands, team=team, nodes=machines, max_agents=1400, max_per_tick=50)
        assert process_time() - began < 5, "it takes milliseconds; what is quadratic takes a minute"


def _crowd(n: int, *, on: str = "n1") -> Member:
    return member(f"m{n}", side=YANG if n % 2 else Side.YIN, role=Role.REVIEWER if n % 3 else Role.ACTION, node=on)


def test_a_program_on_trial_gets_one_agent_and_its_stand_in_the_others() -> None:
    trial = CLAUDE.model_copy(update={"trial": True})
    decided = planned(wants(Role.PLANNER, 3), nodes=[node(trial, CURSOR)])
    assert [backend for _, backend in placed(decided)] == ["claude", "cursor", "cursor"]
    alone = planned(wants(Role.PLANNER, 3), nodes=[node(trial)])
    assert [backend for _, backend in placed(alone)] == ["claude"]
    assert any("degraded" in why for why in alone.refusals)
