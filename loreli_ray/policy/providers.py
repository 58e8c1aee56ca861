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
    role: Role,
    *,
    programs: Sequence[Program],
    sides: Sides,
    against: str | None,
    peers: Mapping[Side, int],
    single: bool,
) -> Program | None:
    """The program for a new agent of `role` out of `programs`, in order of preference; None when none fits.

    Reviewer and risk take the side opposite `against`, an action agent's provider; only where programs of a `single`
    side are found at all, they take that. Planner and action keep yin and yang balanced among `peers`, the live agents
    of their role, as far as there are programs. A degraded program gives way to another of its side: first to
    `cursor-<provider>`, then to any.
    """
    fit = [program for program in programs if role in program.roles]
    side = _wanted_side(role, sides=sides, against=against, peers=peers)
    if side is None:
        return _healthy(fit)
    found = _healthy([program for program in fit if sides.of(program.provider) is side])
    if found is None and (single or role not in _OPPOSED):
        return _healthy(fit)
    return found


def _wanted_side(role: Role, *, sides: Sides, against: str | None, peers: Mapping[Side, int]) -> Side | None:
    if role in _OPPOSED:
        return sides.of(against).opposite if against else None
    return Side.YIN if peers.get(Side.YIN, 0) <= peers.get(Side.YANG, 0) else Side.YANG


def _healthy(programs: Sequence[Program]) -> Program | None:
    """The first one, or its stand-in when it is degraded."""
    working = [program for program in programs if not program.degraded]
    if not working or programs[0] in working:
        return next(iter(working), None)
    return next((program for program in working if program.provider == f"cursor-{programs[0].provider}"), working[0])
