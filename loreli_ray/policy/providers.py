"""Which provider a new agent gets (SPEC S15)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from loreli_ray.identity import Side, Sides
from loreli_ray.model import Program, Role

_OPPOSED = frozenset({Role.REVIEWER, Role.RISK})


def single_sided(programs: Sequence[Program], sides: Sides) -> bool:
    """The mode `single`: only one side can be had at all."""
    return len({sides.of(program.provider) for program in programs}) < 2


def choose(
    role: Role, *, programs: Sequence[Program], sides: Sides, against: str | None, peers: Mapping[Side, int]
) -> Program | None:
    """The program for a new agent of `role` out of those found, in order of preference; None when none fits.

    Reviewer and risk take the side opposite `against`, an action agent's provider. Planner and action keep yin and yang
    balanced among `peers`, the live agents of their role. A degraded program gives way to another of its side: first to
    `cursor-<provider>`, then to any.
    """
    fit = [program for program in programs if role in program.roles]
    side = _wanted_side(role, sides=sides, against=against, peers=peers)
    if side is None:
        return _healthy(fit, fit)
    of_side = [program for program in fit if sides.of(program.provider) is side]
    if of_side:
        return _healthy(of_side, of_side)
    if role not in _OPPOSED or single_sided(programs, sides):
        return _healthy(fit, fit)
    return None


def _wanted_side(role: Role, *, sides: Sides, against: str | None, peers: Mapping[Side, int]) -> Side | None:
    if role in _OPPOSED:
        return sides.of(against).opposite if against else None
    return Side.YIN if peers.get(Side.YIN, 0) <= peers.get(Side.YANG, 0) else Side.YANG


def _healthy(preferred: Sequence[Program], fit: Sequence[Program]) -> Program | None:
    if not preferred:
        return None
    first = preferred[0]
    if not first.degraded:
        return first
    variant = next((p for p in fit if p.provider == f"cursor-{first.provider}" and not p.degraded), None)
    return variant or next((program for program in preferred if not program.degraded), None)
