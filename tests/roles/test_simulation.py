"""The whole control plane in virtual time: whatever goes wrong, nothing wrong lands and everything ends.

A storm of faults, of the kinds that hypothesis chose, is followed by a calm in which nothing goes wrong any more. The
world itself checks what must never be, and what must be in the end (`benchmarks.simulation`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.simulation import Fault, World
from loreli_ray.config import ClaimsConfig, Config, ReviewConfig, ScalingConfig, SupervisionConfig, TimeoutsConfig
from loreli_ray.config.vocabulary import RoleName
from loreli_ray.model import NodeView, Program, Role

YIN, YANG, RESOLD = (
    Program(backend="claude", provider="anthropic"),
    Program(backend="codex", provider="openai"),
    Program(backend="cursor", provider="cursor-anthropic"),
)
MEDDLING = {
    Fault.OBJECTION,
    Fault.REMARK,
    Fault.SURRENDER,
    Fault.HOLD,
    Fault.WITHDRAWN,
    Fault.REJECTED,
}
ROUGH = frozenset({Fault.CONFLICT, Fault.DEATH, Fault.LAUNCH, Fault.SHUTDOWN, Fault.CRASH})


Slots = tuple[tuple[int, tuple[Program, ...]], ...]
NO_CAPS: Mapping[RoleName, int] = MappingProxyType({})


def ended(
    *,
    seed: int,
    storm: int = 0,
    faults: frozenset[Fault] = frozenset(),
    issues: int = 3,
    max_agents: int = 8,
    slots: Slots = ((8, (YIN, YANG)),),
    max_per_role: Mapping[RoleName, int] = NO_CAPS,
    sessions: int = 1,
    closes: bool = True,
    max_restarts: int = 10_000,
) -> World:
    """A small world with little patience, after its end."""
    world = World(
        seed=seed,
        storm=storm,
        faults=faults,
        issues=issues,
        sessions=sessions,
        closes=closes,
        config=Config(
            scaling=ScalingConfig(max_agents=max_agents, cooldown=10, max_per_role=dict(max_per_role)),
            claims=ClaimsConfig(ttl=60, grace=10),
            timeouts=TimeoutsConfig(stall=40, start=30, shutdown=20, rapid_death=10, busy=60),
            supervision=SupervisionConfig(max_restarts=max_restarts),
            review=ReviewConfig(max_rounds=3),
        ),
        nodes=tuple(
            NodeView(id=f"node-{n}", host=f"host-{n}", slots=count, programs=programs)
            for n, (count, programs) in enumerate(slots)
        ),
    )
    for _ in world.run():
        pass
    return world


ANY_SHAPE: dict[str, Slots] = {
    "one node": ((8, (YIN, YANG)),),
    "a side on each node": ((2, (YIN,)), (1, (YANG,))),
    "two sides on one of two": ((3, (YIN,)), (2, (YIN, YANG))),
    "resold": ((4, (YIN, RESOLD, YANG)),),
    "one side": ((4, (YIN, RESOLD)),),
}


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32),
    storm=st.integers(0, 80),
    faults=st.frozensets(st.sampled_from(Fault)),
    issues=st.integers(1, 5),
    max_agents=st.integers(2, 8),
    shape=st.sampled_from(sorted(ANY_SHAPE)),
    sessions=st.integers(1, 2),
    closes=st.booleans(),
    max_restarts=st.sampled_from((0, 3, 10_000)),
)
def test_everything_ends_whatever_goes_wrong(
    seed: int,
    storm: int,
    faults: frozenset[Fault],
    issues: int,
    max_agents: int,
    shape: str,
    sessions: int,
    closes: bool,
    max_restarts: int,
) -> None:
    ended(
        seed=seed,
        storm=storm,
        faults=faults,
        issues=issues,
        max_agents=max_agents,
        slots=ANY_SHAPE[shape],
        sessions=sessions,
        closes=closes,
        max_restarts=max_restarts,
    )


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    faults=st.frozensets(st.sampled_from(sorted(set(Fault) - MEDDLING))),
    issues=st.integers(1, 8),
)
def test_what_only_breaks_asks_no_human_and_lands_all(seed: int, faults: frozenset[Fault], issues: int) -> None:
    """Deaths, crashes, outages and conflicts cost time. They are no disagreement, and nobody else's business."""
    world = ended(seed=seed, storm=60, faults=faults, issues=issues)
    assert not world.host.held, world.story()
    assert set(world.host.landed) == set(range(1, issues + 1))


@pytest.mark.parametrize("max_agents", range(2, 9))
@pytest.mark.parametrize(
    "trouble", [frozenset[Fault](), frozenset({Fault.CONFLICT}), ROUGH], ids=["calm", "busy", "rough"]
)
def test_a_small_team_lands_many_issues(max_agents: int, trouble: frozenset[Fault]) -> None:
    for seed in range(2):
        world = ended(seed=seed, storm=40, faults=trouble, issues=12, max_agents=max_agents)
        assert len(world.host.landed) == 12


@pytest.mark.parametrize(
    ("slots", "caps"),
    [
        *((((slots, (YIN, YANG)),), {}) for slots in (2, 3, 5)),
        *((((yin, (YIN,)), (yang, (YANG,))), {}) for yin in (1, 2, 3) for yang in (1, 2)),
        *((((slots, (YIN,)), (2, (YIN, YANG))), {}) for slots in (1, 4)),
        *((((8, (YIN, YANG)),), {"reviewer": 1, "action": actions}) for actions in (1, 3)),
        (((8, (YIN, YANG)),), {"reviewer": 1}),
        (((2, (YIN, RESOLD)),), {}),
        (((6, (YIN.model_copy(update={"roles": (Role.ACTION,)}), YANG)),), {}),
        (((6, (YIN.model_copy(update={"roles": (Role.REVIEWER,)}), YANG)),), {}),
    ],
)
def test_a_team_of_any_shape_lands_many_issues(slots: Slots, caps: dict[RoleName, int]) -> None:
    """Also where authors could fill all the places in which their reviewers could work."""
    for seed, trouble in enumerate((frozenset[Fault](), frozenset({Fault.CONFLICT}), ROUGH)):
        world = ended(seed=seed, storm=40, faults=trouble, issues=8, slots=slots, max_per_role=caps)
        assert len(world.host.landed) == 8


def test_a_calm_team_starts_nobody_for_nothing() -> None:
    """Two places and ten issues: one author and one reviewer do it all, and neither is sent away in between."""
    world = ended(seed=1, issues=10, max_agents=2)
    assert world.teams[0].supervisor.starts == 2
    assert {pull.by.generation for pull in world.host.landed.values() if pull.by} == {1}
    assert {len(pull.reviews) for pull in world.host.landed.values()} == {1}


def test_the_team_can_be_large() -> None:
    world = ended(seed=1, issues=60, max_agents=40, slots=((40, (YIN, YANG)),), storm=20, faults=ROUGH)
    assert len(world.host.landed) == 60
