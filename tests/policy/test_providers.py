"""Which program a new agent gets (SPEC S15)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loreli_ray.config import provider_side
from loreli_ray.identity import Side, Sides
from loreli_ray.model import Program, Role
from loreli_ray.policy.providers import choose, single_sided
from tests.policy.kit import CLAUDE, CODEX, CURSOR, MISTRAL, down

SIDES = Sides()
OPPOSED, BALANCED = (Role.REVIEWER, Role.RISK), (Role.ACTION, Role.PLANNER)
ONLY_WRITES = CLAUDE.model_copy(update={"roles": (Role.ACTION,)})


def pick(
    role: Role, *programs: Program, against: str | None = None, yin: int = 0, yang: int = 0, single: bool | None = None
) -> Program | None:
    return choose(
        role,
        programs=programs,
        sides=SIDES,
        against=against,
        peers={Side.YIN: yin, Side.YANG: yang},
        single=single_sided(programs, SIDES) if single is None else single,
    )


@pytest.mark.parametrize("role", OPPOSED)
@pytest.mark.parametrize(
    ("against", "programs", "expected"),
    [
        ("anthropic", (CLAUDE, CODEX), CODEX),
        ("openai", (CODEX, CLAUDE, MISTRAL), CLAUDE),
        ("cursor-anthropic", (CLAUDE, CODEX), CODEX),
        (None, (CLAUDE, CODEX), CLAUDE),
        ("anthropic", (CLAUDE, MISTRAL), CLAUDE),  # one side only: it reviews itself
        ("anthropic", (CLAUDE, down(CODEX)), None),  # the other side is there, and will work again
        ("openai", (down(CLAUDE), CODEX), None),
        ("openai", (down(CLAUDE), CODEX, MISTRAL), MISTRAL),
        ("openai", (down(CLAUDE), CODEX, MISTRAL, CURSOR), CURSOR),
        ("openai", (ONLY_WRITES, CODEX), None),
        ("anthropic", (), None),
    ],
)
def test_a_reviewer_is_of_the_other_side(
    role: Role, against: str | None, programs: tuple[Program, ...], expected: Program | None
) -> None:
    assert pick(role, *programs, against=against) == expected


def test_the_other_side_is_missing_only_when_no_node_has_it() -> None:
    assert pick(Role.REVIEWER, CLAUDE, against="anthropic", single=False) is None
    assert pick(Role.REVIEWER, CLAUDE, against="anthropic", single=True) == CLAUDE


@pytest.mark.parametrize("role", BALANCED)
@pytest.mark.parametrize(
    ("yin", "yang", "programs", "expected"),
    [
        (0, 0, (CODEX, CLAUDE), CLAUDE),
        (1, 1, (CODEX, CLAUDE), CLAUDE),
        (1, 0, (CODEX, CLAUDE), CODEX),
        (0, 1, (CODEX, CLAUDE), CLAUDE),
        (0, 0, (CODEX,), CODEX),
        (1, 0, (CLAUDE,), CLAUDE),
        (0, 0, (down(CLAUDE), CODEX), CODEX),  # balance is a wish, work goes on
        (0, 0, (down(CLAUDE), MISTRAL, CURSOR), CURSOR),
        (0, 0, (down(CLAUDE), down(CURSOR), MISTRAL), MISTRAL),
        (0, 0, (down(CLAUDE), down(CODEX)), None),
        (0, 0, (), None),
    ],
)
def test_authors_are_balanced(
    role: Role, yin: int, yang: int, programs: tuple[Program, ...], expected: Program | None
) -> None:
    assert pick(role, *programs, yin=yin, yang=yang) == expected


@st.composite
def some_programs(draw: st.DrawFn) -> Program:
    program = draw(st.sampled_from([CLAUDE, CODEX, CURSOR, MISTRAL]))
    roles = tuple(draw(st.sets(st.sampled_from(Role), min_size=1)))
    return program.model_copy(update={"degraded": draw(st.booleans()), "roles": roles})


@given(
    role=st.sampled_from(Role),
    programs=st.lists(some_programs(), max_size=5),
    against=st.none() | st.sampled_from(["anthropic", "openai"]),
    yin=st.integers(0, 3),
    yang=st.integers(0, 3),
)
def test_what_is_chosen_fits(role: Role, programs: list[Program], against: str | None, yin: int, yang: int) -> None:
    chosen = pick(role, *programs, against=against, yin=yin, yang=yang)
    working = [program for program in programs if role in program.roles and not program.degraded]
    if chosen is None:
        assert not working or (role in OPPOSED and against is not None)
        return
    assert chosen in working
    if role in OPPOSED and against is not None and not single_sided(programs, SIDES):
        assert SIDES.of(chosen.provider) is SIDES.of(against).opposite


def test_one_side_or_two() -> None:
    assert single_sided([CLAUDE, MISTRAL, CURSOR], SIDES)
    assert not single_sided([CLAUDE, down(CODEX)], SIDES)
    assert provider_side("cursor-anthropic", {}) == "yin"
