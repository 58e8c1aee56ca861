"""The circuit breakers of a session: one for each backend on each node."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from benchmarks.simulation.invariants import must
from benchmarks.simulation.roster import Roster
from loreli_ray.config import Config
from loreli_ray.model import NodeView, Record
from loreli_ray.policy import Breaker, BreakerState

Key = tuple[str, str]


class Breakers:
    """What the registry keeps of them. Times are in seconds since the epoch."""

    def __init__(self, roster: Roster, *, config: Config) -> None:
        self._roster = roster
        self._timeouts = config.timeouts
        self._breakers: dict[Key, Breaker] = {}

    def failed(self, record: Record, *, now: float) -> bool:
        """An unexpected death counts against the backend on its node; whether its breaker opens."""
        breaker = self._breakers[_key(record)] = self._breakers.get(_key(record), Breaker()).failed(now)
        return breaker.opened_at == now

    def proved(self, record: Record, *, now: float) -> bool:
        """Closes the breaker of an agent's backend when the agent shows that it works; whether that was not closed."""
        breaker = self._breakers.get(_key(record))
        if breaker is None or not breaker.closed_by(record, now=now, timeouts=self._timeouts):
            return False
        del self._breakers[_key(record)]
        return breaker.state(now) is not BreakerState.CLOSED

    def check(self, record: Record, *, now: float) -> None:
        """That an agent may be started: its breaker is not open, and has no other trial when it is half-open."""
        breaker = self._breakers.get(_key(record))
        if breaker is not None:
            others = [r.facts.registered_at for r in self._roster.records.values() if _key(r) == _key(record)]
            may = breaker.lets_through(now, registered=others)
            must(may, f"{record.name} is started though the breaker of {_key(record)} lets nobody through")

    def seen(self, nodes: Sequence[NodeView], *, now: float) -> Iterator[NodeView]:
        """The nodes as the scaler sees them: what is free of them, and what is degraded or on trial."""
        begun: dict[Key, list[float]] = defaultdict(list)
        taken: dict[str, int] = defaultdict(int)
        for record in self._roster.records.values():
            begun[_key(record)].append(record.facts.registered_at)
            taken[record.spec.node] += 1
        for node in nodes:
            gates = {program.backend: self._gate((node.id, program.backend), begun, now) for program in node.programs}
            programs = tuple(
                program.model_copy(update=gates[program.backend]) if gates[program.backend] else program
                for program in node.programs
            )
            yield node.model_copy(update={"slots": max(0, node.slots - taken[node.id]), "programs": programs})

    def _gate(self, key: Key, begun: dict[Key, list[float]], now: float) -> dict[str, bool]:
        breaker = self._breakers.get(key)
        if breaker is None:
            return {}
        if not breaker.lets_through(now, registered=begun.get(key, ())):
            return {"degraded": True}
        return {"trial": True} if breaker.state(now) is BreakerState.HALF_OPEN else {}


def _key(record: Record) -> Key:
    return record.spec.node, record.spec.backend
