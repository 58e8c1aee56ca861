"""What is asked of the scaler, what it has to work with, and what it answers."""

from __future__ import annotations

from loreli_ray.identity import Side
from loreli_ray.model.states import Role
from loreli_ray.model.values import Value


class Demand(Value):
    """A role's signal (SPEC S14).

    `action_providers` are the authors of pull requests that nobody can review yet, in the order in which they wait;
    `surplus` are idle agents of the role that nothing here needs.
    """

    role: Role
    workload: int
    supply: int
    deficit: int
    action_providers: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()


class Program(Value):
    """An agent program found on a node.

    `degraded` while its circuit breaker lets nobody through, `trial` while it lets one through to try.
    """

    backend: str
    provider: str
    path: str = ""
    version: str = ""
    roles: tuple[Role, ...] = tuple(Role)
    degraded: bool = False
    trial: bool = False


class Breakers(Value):
    """Which (node, backend) pairs let nobody through, and which let one through to try."""

    degraded: frozenset[tuple[str, str]] = frozenset()
    trial: frozenset[tuple[str, str]] = frozenset()

    def on(self, node: str, backend: str) -> dict[str, bool]:
        """The two fields of a `Program` there."""
        return {"degraded": (node, backend) in self.degraded, "trial": (node, backend) in self.trial}


class NodeView(Value):
    """A node of the cluster as the scaler sees it: what it can run, and how many more agents fit."""

    id: str
    host: str
    slots: int
    programs: tuple[Program, ...] = ()


class Placement(Value):
    """The scaler's answer to one unit of demand."""

    role: Role
    provider: str
    backend: str
    node: str
    side: Side


class ScalePlan(Value):
    """Placements to carry out, idle agents to retire so that more can fit later, and why the rest has to wait."""

    placements: tuple[Placement, ...] = ()
    retire: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
